"""Lists for people and programs, read beside the writer."""

from collections import defaultdict
from collections.abc import Mapping

from bridge.model import Attempt, DeadLetter, Delivery, DeliveryState, LinkWrite
from bridge.store.protocol import DeadLetterFilter, DeliveryFilter, EventRow, Known
from bridge.store.sqlite.parents import Parents
from bridge.store.sqlite.rows import attempt_from, dead_letter_from, delivery_from, event_from, lost_event, shown
from bridge.store.sqlite.session import Parameters, Session, SqlValue, dump, numbers

_BEFORE_ALL_MS = -1


def events(
    session: Session, *, limit: int, before_seq: int | None, source: str | None, type_: str | None
) -> list[EventRow]:
    """Events, newest first."""
    where = {"before": before_seq, "source": source, "type": type_, "limit": limit}
    return _with_states(session, "list_events", where)


def event(session: Session, event_id: str) -> EventRow | None:
    """One event by our id."""
    found = _with_states(session, "event_by_id", (event_id,))
    return found[0] if found else None


def _with_states(session: Session, statement: str, parameters: Parameters) -> list[EventRow]:
    rows = session.all(statement, parameters)
    states: dict[int, dict[str, DeliveryState]] = defaultdict(dict)
    for row in session.all("states_of_events", numbers(row["event_seq"] for row in rows)):
        states[row["event_seq"]][row["rule"]] = DeliveryState(row["state"])
    parents = Parents(session, rows)
    found = session.all("repeats_of_events", numbers(row["event_seq"] for row in rows))
    repeats = {row["event_seq"]: row["repeats"] for row in found}
    return [
        EventRow(event_from(row, parents), bool(row["routed"]), states[row["event_seq"]], repeats.get(row["event_seq"]))
        for row in rows
    ]


def deliveries(session: Session, where: DeliveryFilter) -> list[Delivery]:
    """Deliveries, newest first."""
    if where.ids is not None:
        return [delivery_from(row) for row in session.all("deliveries_by_id", (dump(list(where.ids)),))]
    parameters = {
        "before": where.before_seq,
        "states": None if where.states is None else dump([state.value for state in where.states]),
        "rule": where.rule,
        "destination": where.destination,
        "limit": where.limit,
        **_known(where.outside),
    }
    if where.event is None:
        return [delivery_from(row) for row in session.all("list_deliveries", parameters)]
    rows = session.all("list_deliveries_of_event", {**parameters, "event": where.event})
    return [delivery_from(row) for row in rows]


def count_orphans(session: Session, known: Known) -> Mapping[tuple[str, str], int]:
    """How many open deliveries are of no known rule or wait for no known destination, by (rule, destination)."""
    return {(rule, destination): amount for rule, destination, amount in session.all("count_orphans", _known(known))}


def _known(known: Known | None) -> dict[str, SqlValue]:
    return {
        "known_rules": None if known is None else dump(list(known.rules)),
        "known_destinations": None if known is None else dump(list(known.destinations)),
    }


def attempts(session: Session, delivery_id: str) -> list[Attempt]:
    """All attempts of a delivery, oldest first."""
    return [attempt_from(row) for row in session.all("attempts_of", (delivery_id,))]


def dead_letters(session: Session, where: DeadLetterFilter) -> list[DeadLetter]:
    """Dead letters, oldest first."""
    if where.ids is not None:
        return _letters(session, "dead_letters_by_id", (dump(list(where.ids)),))
    return _letters(session, "list_dead_letters", {**_about(where), "limit": where.limit})


def count_dead_letters(session: Session, where: DeadLetterFilter) -> int:
    """How many dead letters there are of that kind, whatever the filter's limit."""
    if where.ids is not None:
        [row] = session.all("count_dead_letters_by_id", (dump(list(where.ids)),))
    else:
        [row] = session.all("count_dead_letters", _about(where))
    return int(row["amount"])


def _about(where: DeadLetterFilter) -> dict[str, SqlValue]:
    after_ms, after_id = where.after if where.after is not None else (_BEFORE_ALL_MS, None)
    return {
        "rule": where.rule,
        "kind": None if where.kind is None else where.kind.value,
        "fingerprint": where.fingerprint,
        "since": where.since_ms,
        "until": where.until_ms,
        "after_ms": after_ms,
        "after_id": after_id,
    }


def unexported_dead_letters(session: Session, limit: int) -> list[DeadLetter]:
    """Dead letters that the file has not got yet, oldest first."""
    return _letters(session, "unexported_dead_letters", (limit,))


def _letters(session: Session, statement: str, parameters: Parameters) -> list[DeadLetter]:
    rows = session.all(statement, parameters)
    wanted = numbers({row["event_seq"] for row in rows})
    about = {row["event_seq"]: row for row in session.all("events_by_seq", wanted)}
    parents = Parents(session, about.values())
    letters = []
    for row in rows:
        found = about.get(row["event_seq"])
        event = lost_event(row["event_seq"]) if found is None else event_from(found, parents)
        letters.append(dead_letter_from(row, event))
    return letters


def links(session: Session, *, name: str | None, key: str | None, limit: int) -> list[LinkWrite]:
    """Remembered links, by name and key."""
    rows = session.all("list_links", {"name": name, "key": key, "limit": limit})
    return [LinkWrite(row["name"], row["key"], shown(row["value"], None)) for row in rows]
