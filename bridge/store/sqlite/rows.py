"""Rows of the tables as values of the model, and the checksum that tells damaged bytes from stored ones."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import orjson

from bridge.model import (
    Attempt,
    DeadKind,
    DeadLetter,
    Death,
    Delivery,
    DeliveryState,
    Forward,
    Order,
    Outcome,
    StoredEvent,
)


def checksum(content: bytes, *texts: str) -> int:
    """CRC-32 over an event's bytes and the texts that decide what happens with it."""
    value = crc32(content)
    for text in texts:
        value = crc32(text.encode(), crc32(b"\0", value))
    return value


def lenient_text(data: bytes) -> str:
    """Text of a column that may be damaged: the strict decoder's error would quote customer text."""
    return data.decode("utf-8", "replace")


def is_intact(row: sqlite3.Row) -> bool:
    """Whether a row of `event_rows` still holds what was accepted."""
    texts = (row["source"], row["event_id"], row["type"], row["raw_type"], row["headers"], row["query"])
    if not isinstance(row["content"], bytes) or not all(isinstance(text, str) for text in texts):
        return False
    if checksum(row["content"], *texts) != row["checksum"]:
        return False
    if row["request_seq"] is None:
        return True
    return isinstance(row["parent"], bytes) and crc32(row["parent"]) == row["parent_checksum"]


def event_from(row: sqlite3.Row) -> StoredEvent:
    """A row of `event_rows`. A damaged one is shown as far as it can be read; see :func:`is_intact`."""
    return StoredEvent(
        seq=row["event_seq"],
        id=row["evt_id"],
        source=row["source"],
        event_id=row["event_id"],
        type=row["type"],
        raw_type=row["raw_type"],
        time_ms=row["time_ms"],
        received_at_ms=row["received_at_ms"],
        content=row["content"],
        parent=row["parent"],
        item=row["item"],
        headers=_texts(row["headers"]),
        query=_texts(row["query"]),
    )


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


def is_readable(row: sqlite3.Row) -> bool:
    """Whether a row of `delivery_rows` can be worked with: its JSON is JSON, its words are known."""
    try:
        for name in ("lanes", "progress", "recall", "links"):
            orjson.loads(row[name] if row[name] is not None else "null")
        Order(row["ordering"])
    except (ValueError, TypeError):
        return False
    return True


def delivery_from(row: sqlite3.Row) -> Delivery:
    """A row of `delivery_rows`. A damaged one is shown as far as it can be read; see :func:`is_readable`."""
    lanes: Sequence[str] = shown(row["lanes"], [])
    forward = None if row["forward_by"] is None else Forward(row["forward_by"], row["forward_rank"])
    return Delivery(
        seq=row["seq"],
        id=row["id"],
        event_seq=row["event_seq"],
        event_id=row["evt_id"] or "",
        rule=row["rule"],
        revision=row["revision"],
        state=DeliveryState(row["state"]),
        key=row["key"],
        lanes=tuple(lanes),
        destination=row["destination"],
        order=Order(row["ordering"]) if row["ordering"] in tuple(Order) else Order.HOLD,
        order_hold_ms=row["order_hold_ms"],
        stepped_aside=bool(row["stepped_aside"]),
        due_at_ms=row["due_at_ms"],
        attempts=row["attempts"],
        first_failed_at_ms=row["first_failed_at_ms"],
        generation=row["generation"],
        progress=shown(row["progress"], {}),
        links=None if row["links"] is None else shown(row["links"], {}),
        recall=shown(row["recall"], {}),
        forward=forward,
        reason=row["reason"],
        created_at_ms=row["created_at_ms"],
        settled_at_ms=row["settled_at_ms"],
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
