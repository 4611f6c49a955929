"""What the store and a running daemon know of an event: its deliveries, their attempts, the limits as they stand."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.cli.consoles import AnyConsole
from bridge.cli.explain_document import silent
from bridge.configuration.model import Configuration
from bridge.engine.console import Query
from bridge.errors import UsageError
from bridge.model import DeadKind, StoredEvent, rfc3339
from bridge.rules.explain import Begun
from bridge.rules.plan import plan
from bridge.sources.strict_json import dump_json

Row = dict[str, Any]
Links = dict[str, dict[str, object]]

GONE = "gone"
_WORD = re.compile(r"[A-Za-z_][\w-]{2,}")
_KINDS = {
    DeadKind.MAPPING: "a value could not be made",
    DeadKind.REJECTED: "the API rejected it",
    DeadKind.EXPIRED: "it failed until patience ended",
    DeadKind.UNANSWERED: "nobody knows whether it arrived",
    DeadKind.REDIRECTED: "the API sent it elsewhere",
    DeadKind.CONFIG: "its rule or destination is gone",
    DeadKind.CORRUPT: "its stored bytes are damaged",
    DeadKind.POISON: "the process died over it, again and again",
}


@dataclass(slots=True)
class Stored:
    """A stored event. `begun` are its deliveries by rule as far as they bind the rules, `status` is the daemon's."""

    event: StoredEvent
    links: Links = field(default_factory=dict)
    begun: dict[str, Begun] = field(default_factory=dict)
    deliveries: list[Row] = field(default_factory=list)
    status: Row | None = None


async def read_event(configuration: Configuration, console: AnyConsole, event_id: str) -> Stored:
    """A stored event with the links that its rules recall, for the question what rules make of it."""
    shown = await console.event(event_id)
    found = Stored(event_of(shown))
    found.links = await remembered(configuration, console, found.event)
    return found


async def events_since(console: AnyConsole, *, since_ms: int, limit: int) -> tuple[list[StoredEvent], bool]:
    """The stored events that were received since then, newest first; and whether there are more of them.

    Args:
        console: whom to ask.
        since_ms: no event that was received before.
        limit: at most so many.
    """
    since = rfc3339(since_ms)
    rows = await console.events(Query(limit=limit))
    wanted = [str(row["id"]) for row in rows if str(row["received_at"]) >= since]
    found: list[StoredEvent] = []
    for event_id in wanted:
        try:
            found.append(event_of(await console.event(event_id)))
        except UsageError:  # its retention has just ended
            continue
    return found, rows.more and len(wanted) == len(rows)


async def read_history(configuration: Configuration, console: AnyConsole, id_: str) -> Stored:
    """A stored event with all that became of it.

    Args:
        configuration: the rules as they are now.
        console: whom to ask.
        id_: of the event, or of one delivery, and then only that one is read.
    """
    if id_.startswith("dlv_"):
        wanted = [await console.delivery(id_)]
        found = await read_event(configuration, console, wanted[0]["event"])
    else:
        found = await read_event(configuration, console, id_)
        rows = await console.deliveries(Query(event=id_, limit=1000))
        wanted = [await console.delivery(str(row["id"])) for row in reversed(rows)]
    for delivery in wanted:
        if delivery["state"] == "dead":
            [*letters] = await console.dead_letters(Query(ids=(delivery["id"],)))
            delivery["letter"] = letters[0] if letters else None
        found.begun[delivery["rule"]] = Begun(delivery["links"] or {}, delivery["generation"])
        found.deliveries.append(delivery)
    status = await console.status()
    found.status = status if status["daemon"] else None
    return found


async def remembered(configuration: Configuration, console: AnyConsole, event: StoredEvent) -> Links:
    """What the bridge remembers under the keys that the event's rules recall."""
    links: Links = {}
    for rule in configuration.rules.rules_for(event.source, event.type):
        for name, key in plan(rule, configuration.scope(event)).recall.items():
            for found in await console.links(Query(name=name, key=key, limit=1)):
                links.setdefault(name, {})[key] = found["value"]
    return links


def event_of(shown: Row) -> StoredEvent:
    """A stored event from what `events show` gives."""
    body = shown["body"]
    return StoredEvent(
        seq=0,
        id=shown["id"],
        source=shown["source"],
        event_id=shown["event_id"],
        type=shown["type"],
        raw_type=shown["raw_type"],
        time_ms=shown["time_ms"],
        received_at_ms=shown["received_at_ms"],
        content=dump_json(body),
        parent=dump_json(shown["parent"]) if shown["parent"] is not None else None,
        item=None,
        headers=shown["headers"],
        query=shown["query"],
        place=None if shown.get("place") is None else tuple(shown["place"]),  # an older daemon does not say
    )


# --- beside what the rules say ---------------------------------------------------------------------------------------


def add_history(rules: list[Row], deliveries: Sequence[Row]) -> None:
    """Put each delivery beside its rule; a delivery whose rule the configuration has no more gets a row of its own."""
    by_rule = {row["rule"]: row for row in rules}
    for delivery in deliveries:
        row = by_rule.get(delivery["rule"])
        if row is None:
            row = silent(delivery["rule"], GONE, "the configuration has no rule of this name any more")
            rules.append(row)
        row["delivery"] = _history(delivery, row)


def add_status(rules: list[Row], status: Row | None) -> None:
    """Put beside each request how its destination and its limits stand at the daemon."""
    destinations = status["destinations"] if status is not None else {}
    for request in (request for row in rules for request in row["requests"]):
        standing = destinations.get(request["operation"].partition(".")[0])
        if standing is None:
            continue
        request["destination"] = {
            name: standing[name] for name in ("state", "detail", "held_until", "retry_at", "waiting", "in_flight")
        }
        budgets = {budget["name"]: budget for budget in standing["budgets"]}
        for limit in request["limits"]:
            budget = budgets.get(limit["name"])
            if budget is not None:
                limit["now"] = {name: budget[name] for name in ("used", "limit", "keys", "held_until")}


def _history(delivery: Row, row: Row) -> Row:
    tries = [{**each, "rule_changed": each["revision"] != row["revision"]} for each in delivery["tries"]]
    letter = delivery.get("letter")
    return {
        **{name: value for name, value in delivery.items() if name not in {"letter", "tries"}},
        "rule_changed": delivery["revision"] != row["revision"],
        "tries": tries,
        "dead": None if letter is None else _dead(letter, delivery, row),
    }


def _dead(letter: Row, delivery: Row, row: Row) -> Row:
    """A dead letter as a person is told of it: what, why, where from, how to mend it."""
    event = letter["event"]
    return {
        "headline": _headline(letter, delivery),
        "what": _what(letter),
        "why": _why(letter, delivery),
        "event": f"{event['id']} ({event['source']} {event['type']}, {event['time'] or letter['at']})",
        "at": _blamed(letter, row),
        "revision": delivery["revision"],
        "mend": letter["mend"],
        "then": f"crm-bridge dead-letters replay {letter['delivery']}",
        "kind": letter["kind"],
        "code": letter["code"],
        "step": letter["step"],
        "died_at": letter["at"],
        "fingerprint": letter["fingerprint"],
    }


def _headline(letter: Row, delivery: Row) -> str:
    count = len(delivery["tries"])
    tried = f"{count} attempt{'' if count == 1 else 's'}"
    words = _KINDS[DeadKind(letter["kind"])]
    return f"{letter['delivery']} is dead: {words} (`{letter['code']}`), {tried}, not tried again"


def _what(letter: Row) -> str:
    request, response = letter["request"], letter["response"]
    if request is None:
        return str(letter["message"])
    label, _, said = letter["message"].partition(": ")
    destination = label.partition(".")[0]
    status = response["status"] if response else None
    return f"{request['method']} {request['url']} at `{destination}` → {status or 'no answer'}, {said or label}"


def _why(letter: Row, delivery: Row) -> str:
    last = delivery["tries"][-1] if delivery["tries"] else None
    step = f"step `{letter['step']}`" if letter["step"] else "before the first step"
    if last is None:
        return f"kind `{letter['kind']}`: {step}"
    return f"outcome `{last['outcome']}`: {step}, {last['operation']}, code `{last['code']}`"


def _blamed(letter: Row, row: Row) -> str | None:
    """The place in the rule that made the value; None when the rule is gone.

    It is where the same death happens again with the rule as it is, else the value whose name the API's words hold,
    else the step.
    """
    death = row["death"]
    if death is not None and death["message"] == letter["message"]:
        return str(death["at"])
    request = next((each for each in row["requests"] if each["step"] == letter["step"]), None)
    if request is None:
        at: str | None = row["at"]
        return at
    said = letter["message"].partition(": ")[2]
    excerpt = str((letter["response"] or {}).get("excerpt") or "")
    found = _named(request, said) or _named(request, excerpt)[:1]
    return str(found[0] if found else request["at"])


def _named(request: Row, words: str) -> list[str]:
    """The places of the values whose names occur in the words, those with the longest name first."""
    said = set(_WORD.findall(words))
    parts = {part: re.split(r"[.\[\]]+", part.rstrip("]"))[-1] for part in request["origins"]}
    named = sorted((part for part, name in parts.items() if name in said), key=lambda part: -len(parts[part]))
    return [request["origins"][part][0] for part in named]
