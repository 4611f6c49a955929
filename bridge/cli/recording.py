"""`crm-bridge test --from`: a stored event and its recorded exchanges as tests, personal data masked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import typer

from bridge.cli.consoles import AnyConsole, ask
from bridge.cli.options import Deployment, Exit, fail, needed
from bridge.configuration.rule_tests import bench_of
from bridge.connectors.wire import as_text
from bridge.diagnostics import visible
from bridge.errors import UsageError
from bridge.rules.plan import plan
from bridge.rules.rendering import idempotency_key
from bridge.rules.rule import Rule
from bridge.rules.testing.case import Case, Exchange, Inbound, Turn
from bridge.rules.testing.masking import Masker
from bridge.rules.testing.results import CaseResult, Unexpected
from bridge.rules.testing.schema import AnswerShape, ExpectShape
from bridge.rules.testing.stage import Bench, carry_out, event_id, receive
from bridge.rules.testing.writing import entry_text, exchange_of, outcome_of
from bridge.sources import Refused

UNSENT = frozenset({"accepted", "not_sent", "not_done_yet", "shadow"})
"""Tries in which nothing was answered that a call made singly would meet."""
TRANSPORT_HEADERS = ("accept", "cf-", "cookie", "forwarded", "sec-", "traceparent", "via", "x-forwarded", "x-real-ip")
PLAIN_HEADERS = frozenset({"host", "user-agent", "connection", "content-length", "content-type", "tracestate"})
MOST_ITEMS = 50
Row = dict[str, Any]


@dataclass(slots=True)
class Recorded:
    """Tests as YAML, and what a person should know about them."""

    tests: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The file."""
        return "tests:\n" + "\n".join(entry_text(test) for test in self.tests) + "\n"


def record(deployment: Deployment, id_: str, output: Path | None) -> None:
    """Write tests from the stored event or delivery of this id, to a new file or to stdout; ends the program."""
    if not id_.startswith(("evt_", "dlv_")):
        fail(f"`{visible(id_)}` is no id of an event or a delivery", "crm-bridge events list", Exit.WRONG_USE)
    if output is not None and output.exists():
        fail(f"`{output}` is there already", "name a new file", Exit.WRONG_USE)
    needed(deployment)
    bench = bench_of(deployment.loaded)
    if bench is None:
        raise typer.Exit(Exit.FINDINGS)
    event, deliveries = ask(deployment, lambda console: _stored(console, id_))
    if event["source"] not in bench.sources:
        fail(f"there is no source `{event['source']}` any more", "add it again, then record", Exit.FINDINGS)
    try:
        recorded = recorded_tests(bench, event, deliveries)
    except UsageError as error:
        fail(str(error), "record another event", Exit.FINDINGS)
    if output is None:
        typer.echo(recorded.text(), nl=False)
    else:
        try:
            output.write_text(recorded.text(), encoding="utf-8")
        except OSError as error:
            fail(f"cannot write `{output}`: {error.strerror}", "name a file in a folder that exists", Exit.WRONG_USE)
    for note in (*recorded.notes, "look it over for personal data that has no usual name before you share it"):
        typer.echo(f"note: {visible(note)}", err=True)


async def _stored(console: AnyConsole, id_: str) -> tuple[Row, list[Row]]:
    """The event and those of its deliveries that are meant, whole."""
    if id_.startswith("dlv_"):
        delivery = await console.delivery(id_)
        return await console.event(delivery["event"]), [delivery]
    event = await console.event(id_)
    return event, [await console.delivery(each["id"]) for each in event["deliveries"]]


def recorded_tests(bench: Bench, event: Row, deliveries: Sequence[Row]) -> Recorded:
    """One test for each delivery; their requests are what the present rules send for the masked event.

    Raises:
        UsageError: the event cannot be received again.
    """
    masker = Masker()
    original = _inbound(event)
    names = _scope(bench, original, event["received_at_ms"])
    masker.learn({"fields": names.get("fields"), "body": names.get("body"), "parent": names.get("parent")})
    inbound = Inbound(
        event["source"],
        as_text(masker.masked(_body(event))).encode(),
        tuple((name, masker.text(value)) for name, value in original.headers),
        tuple((name, masker.text(value)) for name, value in original.query),
    )
    scope = _scope(bench, inbound, event["received_at_ms"])
    recorded = Recorded()
    for delivery in reversed(deliveries):
        rule = bench.rules.get(delivery["rule"])
        if rule is None:
            recorded.notes.append(f"left out: the rule `{delivery['rule']}` is not configured any more")
        elif delivery["state"] == "superseded":
            recorded.notes.append(f"left out: `{rule.name}` was superseded, which takes the other event as well")
        else:
            _Recording(bench, masker, event, inbound, scope, recorded).add(rule, delivery)
    if not deliveries:
        recorded.tests.append(_said(event, inbound, None, {}) | {"outcome": "unmatched"})
    return recorded


@dataclass(slots=True)
class _Recording:
    bench: Bench
    masker: Masker
    event: Row
    inbound: Inbound
    scope: Mapping[str, object]
    into: Recorded

    def add(self, rule: Rule, delivery: Row) -> None:
        """The test of one delivery."""
        recall = plan(rule, self.scope).recall
        found = delivery["links"] or {}
        links = {name: {key: found[name]} for name, key in recall.items() if found.get(name) is not None}
        masked = {
            name: {key: self.masker.masked(value) for key, value in known.items()} for name, known in links.items()
        }
        answers = list(self._answers(rule, delivery))
        result = self._carried_out(rule, masked, answers)
        self._compare(rule, delivery, result)
        test = _said(self.event, self.inbound, rule.name, masked)
        calls = result.turns[0].calls
        if calls:
            test["exchanges"] = [exchange_of(call) for call in calls]
        test["outcome"] = outcome_of(result.turns[0].ended)
        after = {name: new for name, known in result.links.items() if (new := _news(known, masked.get(name, {})))}
        self.into.tests.append(test | ({"links_after": after} if after else {}))

    def _carried_out(
        self, rule: Rule, links: Mapping[str, Mapping[str, object]], answers: Sequence[AnswerShape | str]
    ) -> CaseResult:
        exchanges = [Exchange(ExpectShape(), answer, ("exchanges", at)) for at, answer in enumerate(answers)]
        turn = Turn((), self.inbound, at_ms=self.event["received_at_ms"], exchanges=exchanges)
        return carry_out(Case("", "", (), (rule.name,), (turn,), links), self.bench)

    def _answers(self, rule: Rule, delivery: Row) -> Iterator[AnswerShape | str]:
        """What was answered to each try, masked, with the keys that the test's own calls have."""
        keys = _keys(rule, self.event["id"], delivery["generation"])
        tries = [each for each in delivery["tries"] if each["code"] not in UNSENT and each["outcome"] != "in flight"]
        for each in tries:
            if each["outcome"] == "unauthorized":
                self.into.notes.append(f"left out: a try of `{each['step']}` whose credentials were refused")
            elif each["status"] is None:
                yield "refused" if each["code"] == "connect" else "lost"
            else:
                body, cut = _answer_body(each, delivery["steps"])
                if cut:
                    self.into.notes.append(f"the answer to `{each['step']}` was kept only in part: complete it")
                shown = self.masker.masked(body)
                yield AnswerShape.model_validate({"status": each["status"], **_with_keys(shown, keys)})

    def _compare(self, rule: Rule, delivery: Row, result: CaseResult) -> None:
        """Say so when the present rules do something else for the masked event than was recorded."""
        calls = result.turns[0].calls
        extra = any(isinstance(each, Unexpected) for each in result.failures)
        before = [each["step"] for each in delivery["tries"] if each["code"] not in UNSENT]
        now = [call.step for call in calls]
        word = result.turns[0].ended[0].word if result.turns[0].ended else ""
        same_end = word.partition(":")[0] == delivery["state"] or delivery["state"] in {"pending", "running"}
        if extra or (before != now and delivery["state"] in {"done", "dead"}) or not same_end:
            self.into.notes.append(
                f"`{rule.name}`: recorded were {before} and `{delivery['state']}`, the test has {now} and `{word}`: "
                "the rule was changed since, or it looks at what is masked"
            )


def _scope(bench: Bench, inbound: Inbound, now_ms: int) -> Mapping[str, object]:
    source = bench.sources[inbound.source]
    received = receive(source, inbound, now_ms=now_ms)
    if isinstance(received, Refused):
        raise UsageError(f"the source `{source.name}` refuses the recorded event now: {received.message}")
    [event, *_] = received.events
    return source.scope(event.stored(seq=1, id_=event_id(1)))


def _inbound(event: Row) -> Inbound:
    headers = [
        (name, value)
        for name, value in event["headers"].items()
        if name not in PLAIN_HEADERS and not name.startswith(TRANSPORT_HEADERS)
    ]
    return Inbound(event["source"], as_text(_body(event)).encode(), tuple(headers), tuple(event["query"].items()))


def _body(event: Row) -> object:
    """What was posted; of a request with several events only what is around this one."""
    parent, place = event["parent"], event.get("place")
    return event["body"] if parent is None else _only(parent, place) if place else _only_item(parent, event["body"])


def _only(value: object, place: Sequence[str | int]) -> object:
    """The body with nothing but the one event in the lists on the way to it."""
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(value, list) and isinstance(step, int):
        return [_only(value[step], rest)]
    if isinstance(value, dict) and isinstance(step, str):
        return {key: _only(each, rest) if key == step else each for key, each in value.items()}
    return value


def _only_item(value: object, item: object) -> object:
    """As `_only`, for an event of which an older version did not keep where it stood."""
    if isinstance(value, list):
        return [item] if item in value else [_only_item(each, item) for each in value]
    if isinstance(value, dict):
        return {key: _only_item(each, item) for key, each in value.items()}
    return value


def _keys(rule: Rule, id_: str, generation: int) -> dict[str, str]:
    """Idempotency key of the recorded call -> that of the same call in the test: a look before a repeat finds it."""
    return {
        idempotency_key(id_, rule.name, step.id, generation, index): idempotency_key(
            event_id(1), rule.name, step.id, 0, index
        )
        for step in rule.steps
        for index in range(MOST_ITEMS if step.each is not None else 1)
    }


def _answer_body(tried: Row, steps: Row) -> tuple[object, bool]:
    """The answer's body, and whether it is not whole: of long ones the store keeps the beginning."""
    excerpt = tried["answer"]
    try:
        return orjson.loads(excerpt), False
    except orjson.JSONDecodeError:
        pass  # cut, or no JSON
    known = steps.get(tried["step"], {}).get("body")
    if tried["outcome"] == "succeeded" and known is not None:
        return known, False
    return excerpt, excerpt.lstrip().startswith(("{", "["))


def _with_keys(body: object, keys: Mapping[str, str]) -> dict[str, object]:
    if isinstance(body, str):
        return {"text": body} if body else {}
    text = orjson.dumps(body).decode()
    for before, after in keys.items():
        text = text.replace(before, after)
    return {"json": orjson.loads(text)}


def _news(known: Mapping[str, object], before: Mapping[str, object]) -> dict[str, object]:
    new = {key: value for key, value in known.items() if before.get(key) != value}
    return new | {key: None for key in before if key not in known}


def _said(event: Row, inbound: Inbound, rule: str | None, links: Mapping[str, object]) -> dict[str, object]:
    said: dict[str, object] = {"source": inbound.source, "body": orjson.loads(inbound.body)}
    if inbound.headers:
        said["headers"] = dict(inbound.headers)
    if inbound.query:
        said["query"] = dict(inbound.query)
    said["received_at"] = event["received_at"]
    name = f"{event['type']} of {event['received_at'][:10]}" + (f" with {rule}" if rule else "")
    test: dict[str, object] = {"name": name, **({"rule": rule} if rule else {})}
    return test | ({"links": dict(links)} if links else {}) | {"event": said}
