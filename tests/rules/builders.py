"""Rules, events and runs as the rule tests need them. Connectors are the shipped ones and one that is unsafe."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

import orjson
import yaml

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.library import CompiledConnector, load_connector, shipped
from bridge.rules.actions import Died, GoOn, Reaction, Send
from bridge.rules.compile import compile_rule
from bridge.rules.problem import Problem
from bridge.rules.rule import Rule
from bridge.rules.run import Run, RunState
from bridge.rules.schema import RuleShape
from tests.canaries import CUSTOMER_NAME, PHONE, TEXT

NOW_MS = 1_780_369_300_000
SETTINGS: dict[str, dict[str, object]] = {"hubspot": {"api_version": "2026-03"}, "zendesk": {"subdomain": "acme"}}
LOST = Answer(None, trouble=Trouble.NO_ANSWER, detail="connection reset")
REFUSED = Answer(None, trouble=Trouble.CONNECT, detail="connection refused")

BELLS = """
    name: bells
    title: Bells
    doc: An API that nothing makes safe to repeat
    auth: [{mode: none}]
    operations:
      ring:
        doc: Ring once
        repeat: unsafe
        params: {note: {type: text, doc: Note}}
        request: {method: POST, path: /ring, json: {note: "{{ params.note }}"}}
        success: {id: body.id}
        sample: {params: {note: a}, status: 200, json: {id: 1}}
"""


@cache
def bells() -> CompiledConnector:
    """A connector of an operator, whose one operation is `unsafe`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bells.yaml"
        path.write_text(dedent(BELLS), encoding="utf-8")
        connector = load_connector(path).connector
    assert connector is not None
    return connector


def destinations() -> dict[str, CompiledConnector]:
    return {
        "hubspot": shipped("hubspot"),
        "zendesk": shipped("zendesk"),
        "erp": shipped("http"),
        "bells": bells(),
    }


def shape(text: str, **more: Any) -> RuleShape:
    """A rule of YAML; `name`, `on` and one step are there unless the text says otherwise."""
    given = yaml.safe_load(dedent(text)) or {}
    given = {("on" if key is True else key): value for key, value in given.items()}
    step = {"id": "a", "use": "erp.post", "with": {"path": "/a"}}
    return RuleShape.model_validate({"name": "r", "on": "aisoule/message.received", "steps": [step], **given, **more})


def problems(text: str, **more: Any) -> list[Problem]:
    return list(compile_rule(shape(text, **more), destinations())[1])


def rule(text: str, **more: Any) -> Rule:
    compiled, found = compile_rule(shape(text, **more), destinations())
    assert compiled is not None, found
    return compiled


def scope(**fields: object) -> dict[str, object]:
    """An event's names; `fields` replace those of a usual message, None takes one out."""
    usual: dict[str, object] = {"customer": PHONE, "name": CUSTOMER_NAME, "text": TEXT, "message_id": "wamid.1"}
    return {
        "body": {"event": "message.received"},
        "parent": {},
        "parents": {},
        "fields": {name: value for name, value in (usual | fields).items() if value is not ...},
        "event": {"source": "aisoule", "type": "message.received", "id": "message.received:wamid.1"},
        "headers": {},
        "query": {},
    }


def answer(status: int, body: object = None, **headers: str) -> Answer:
    sent = b"" if body is None else orjson.dumps(body)
    return Answer(status, {"content-type": "application/json", **headers}, sent)


@dataclass
class Driver:
    """Carries one delivery out by hand. At each step the state goes through JSON, as if the process had died."""

    rule: Rule
    scope: Mapping[str, object] = field(default_factory=scope)
    links: Mapping[str, object] = field(default_factory=dict)
    recall: Mapping[str, str] = field(default_factory=dict)
    generation: int = 0
    now_ms: int = NOW_MS
    state: RunState = field(default_factory=RunState)
    written: dict[tuple[str, str], object] = field(default_factory=dict)
    """(link, key) -> the value remembered last."""

    def run(self) -> Run:
        return Run(
            self.rule,
            self.scope,
            links=self.links,
            recall=self.recall,
            state=RunState.from_json(orjson.loads(orjson.dumps(self.state.to_json()))),
            settings=SETTINGS,
            event_id="evt_1",
            generation=self.generation,
        )

    def action(self) -> object:
        """What comes next, in a new process."""
        run = self.run()
        action = run.next(self.now_ms)
        self.state = run.state
        return action

    def peek(self) -> Send:
        """The request that comes next; it is not sent."""
        action = self.action()
        assert isinstance(action, Send), action
        return action

    def send(self, reply: Answer, *, batched: bool = False) -> tuple[Send, Reaction]:
        """Send the next request and take this answer in."""
        run = self.run()
        action = run.next(self.now_ms)
        assert isinstance(action, Send), action
        run.sending(batched=batched)
        reaction = run.take(reply, self.now_ms)
        self.state = run.state
        if isinstance(reaction, GoOn):
            self.written.update({(link.name, link.key): link.value for link in reaction.links})
        return action, reaction

    def accept(self, handle: Mapping[str, object]) -> Send:
        """The next call leaves in a batch, and the API promises to carry it out."""
        run = self.run()
        action = run.next(self.now_ms)
        assert isinstance(action, Send), action
        run.sending(batched=True)
        run.accepted(handle)
        self.state = run.state
        return action

    def crash_while_sending(self, *, batched: bool = False) -> Send:
        """The request has left, and the process dies before the answer."""
        run = self.run()
        action = run.next(self.now_ms)
        assert isinstance(action, Send), action
        run.sending(batched=batched)
        self.state = run.state
        return action

    def died(self) -> Died:
        action = self.action()
        assert isinstance(action, Died), action
        return action

    def replay(self, rule: Rule | None = None, links: Mapping[str, object] | None = None) -> "Driver":
        """A person replays the delivery, perhaps with a mended rule; links are read anew."""
        mended = rule or self.rule
        run = self.run()
        step = next((step for step in mended.steps if step.id == self.state.step), None)
        state = run.state.for_replay(mended, run.key(step) if step else None)
        return Driver(
            mended,
            self.scope,
            self.links if links is None else links,
            self.recall,
            self.generation + 1,
            self.now_ms,
            state,
        )


def sent_json(send: Send) -> Any:
    return orjson.loads(send.request.body)


def ids(steps: Iterable[Any]) -> list[str]:
    return [step.id for step in steps]
