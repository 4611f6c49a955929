"""Rows of the tables as values of the model, and the checksum that tells damaged bytes from stored ones."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from zlib import crc32

import orjson

from bridge.model import (
    Attempt,
    DeadKind,
    DeadLetter,
    Death,
    Delivery,
    DeliveryState,
    EventPlace,
    Forward,
    Newer,
    Order,
    Outcome,
    StoredEvent,
)


def checksum(content: bytes, *texts: str) -> int:
    """CRC-32 over an event's bytes and the texts that decide what happens with it."""
    return crc32("\0".join(("", *texts)).encode(), crc32(content))


def lenient_text(data: bytes) -> str:
    """Text of a column that may be damaged: the strict decoder's error would quote customer text."""
    return data.decode("utf-8", "replace")


# The two views begin with these columns, in the order in which `event_from` and `delivery_from` take them apart.
EVENT_WIDTH = 16
REQUEST = 9
"""Which column of an event's row is the number of the request that it was split off from."""
DELIVERY_WIDTH = 29
LINKS = 18
_STATE, _LANES, _ORDER, _PROGRESS, _RECALL = 6, 8, 10, 17, 19
_JSON: Mapping[int, object] = {_LANES: [], _PROGRESS: {}, LINKS: {}, _RECALL: {}}


class Bodies(Protocol):
    """The bodies of the requests that events were split off from."""

    def body(self, request_seq: int | None) -> bytes | None:
        """The body, None for none."""

    def is_intact(self, request_seq: int | None) -> bool:
        """Whether it is what was accepted."""


def is_intact(row: Sequence[Any], parents: Bodies) -> bool:
    """Whether a row of `event_rows` still holds what was accepted, and its request what it was split off from."""
    _, _, source, event_id, type_, raw_type, _, _, content, request_seq, _, place, headers, query, _, check = row
    texts = (source, event_id, type_, raw_type, headers, query, *([] if place is None else [place]))
    try:
        if checksum(content, *texts) != check:
            return False
    except TypeError:
        return False  # a column has lost its type
    return parents.is_intact(request_seq)


def event_from(row: Sequence[Any], parents: Bodies) -> StoredEvent:
    """A row of `event_rows`. A damaged one is shown as far as it can be read; see :func:`is_intact`."""
    seq, id_, source, event_id, type_, raw_type, time_ms, received_at_ms, content, request_seq, item, place = row[:12]
    headers, query = row[12:14]
    return StoredEvent(
        seq,
        id_,
        source,
        event_id,
        type_,
        raw_type,
        time_ms,
        received_at_ms,
        content,
        parents.body(request_seq),
        item,
        _texts(headers),
        _texts(query),
        None if place is None else _place(place),
    )


def _place(text: str) -> EventPlace:
    found = shown(text, [])
    return tuple(found) if isinstance(found, list) else ()


def lost_event(seq: int) -> StoredEvent:
    """What is shown in place of an event whose row is gone, which only damage does."""
    return StoredEvent(seq, "", "", "", "", "", None, 0, b"", None, None, {}, {})


def _texts(text: str) -> Mapping[str, str]:
    found = shown(text, {})
    return found if isinstance(found, dict) else {}


def shown(text: str, instead: object) -> Any:
    """JSON of a column, or `instead` when the column is damaged."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return instead  # damaged; who works with the row finds out by is_intact and is_readable


def delivery_from(row: Sequence[Any]) -> Delivery:
    """A row of `delivery_rows`. A damaged one is shown as far as it can be read; see :func:`claimed_delivery`."""
    values = list(row[:DELIVERY_WIDTH])
    values[_ORDER] = values[_ORDER] if values[_ORDER] in tuple(Order) else Order.HOLD
    for column, instead in _JSON.items():
        values[column] = None if values[column] is None else shown(values[column], instead)
    return _delivery(values, DeliveryState(values[_STATE]))


def claimed_delivery(row: Sequence[Any], recalled: Mapping[str, object]) -> Delivery | None:
    """A row of `delivery_rows` as it is once it runs, with `recalled` for its links unless it has some.

    None when it cannot be worked with: its JSON is no JSON, or a word in it is not known.
    """
    values = list(row[:DELIVERY_WIDTH])
    try:
        for column in _JSON:
            if values[column] is not None:
                values[column] = orjson.loads(values[column])
        if values[LINKS] is None:
            values[LINKS] = recalled
        return _delivery(values, DeliveryState.RUNNING)
    except (ValueError, TypeError):
        return None


def recall_of(row: Sequence[Any]) -> Mapping[str, str]:
    """The keys to look up for a row of `delivery_rows` that starts for the first time, by link name."""
    return {} if row[LINKS] is not None else _texts(row[_RECALL])


def _delivery(values: Sequence[Any], state: DeliveryState) -> Delivery:
    (
        seq,
        id_,
        event_seq,
        event_id,
        rule,
        revision,
        _,
        key,
        lanes,
        destination,
        order,
        order_hold_ms,
        stepped_aside,
        due_at_ms,
        attempts,
        first_failed_at_ms,
        generation,
        progress,
        links,
        recall,
        by,
        rank,
        reason,
        created_at_ms,
        settled_at_ms,
        queue,
        replay,
        newer_by,
        newer_ms,
    ) = values
    return Delivery(
        seq=seq,
        id=id_,
        event_seq=event_seq,
        event_id=event_id or "",
        rule=rule,
        revision=revision,
        state=state,
        key=key,
        lanes=tuple(lanes),
        destination=destination,
        order=Order(order),
        order_hold_ms=order_hold_ms,
        stepped_aside=bool(stepped_aside),
        due_at_ms=due_at_ms,
        attempts=attempts,
        first_failed_at_ms=first_failed_at_ms,
        generation=generation,
        progress=progress,
        links=links,
        recall=recall,
        forward=None if by is None else Forward(by, rank),
        reason=reason,
        created_at_ms=created_at_ms,
        settled_at_ms=settled_at_ms,
        queue=queue,
        replay=bool(replay),
        newer=None if newer_by is None else Newer(newer_by, newer_ms),
    )


def attempt_from(row: sqlite3.Row) -> Attempt:
    """A row of `attempts`."""
    return Attempt(
        number=row["number"],
        step=row["step"],
        operation=row["operation"],
        started_at_ms=row["started_at_ms"],
        ended_at_ms=row["ended_at_ms"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        status=row["status"],
        code=row["code"],
        message=row["message"],
        request=orjson.loads(row["request"]),
        excerpt=row["excerpt"],
        revision=row["revision"],
    )


def dead_letter_from(row: sqlite3.Row, event: StoredEvent) -> DeadLetter:
    """A row of `dead_letters` with its delivery's id, and the event it is about."""
    death = Death(
        kind=DeadKind(row["kind"]),
        code=row["code"],
        message=row["message"],
        mend=row["mend"],
        step=row["step"],
        request=None if row["request"] is None else orjson.loads(row["request"]),
        response=None if row["response"] is None else orjson.loads(row["response"]),
        fingerprint=row["fingerprint"],
    )
    return DeadLetter(
        at_ms=row["at_ms"],
        delivery=row["id"],
        event=event,
        rule=row["rule"],
        death=death,
        attempts=row["attempts"],
    )
