"""What a page shows, whatever API it comes from: sections of items, each with facts, a timeline and the raw JSON."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from bridge.model import rfc3339

_SHORT = 280
_EPOCH_MS_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said or written; `inward` is what only agents see."""

    at: str
    who: str
    text: str
    marks: tuple[str, ...] = ()
    inward: bool = False

    @property
    def short(self) -> str:
        """The text, or the beginning of a long one and how long it is."""
        return self.text if len(self.text) <= _SHORT else f"{self.text[:_SHORT]} … ({len(self.text):,} characters)"


@dataclass(frozen=True, slots=True)
class Item:
    """One record, message or call. `id` names it in its section; `raw` is its JSON."""

    id: str
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    marks: tuple[str, ...] = ()
    timeline: tuple[Entry, ...] = ()
    raw: Any = None

    @property
    def pretty(self) -> str:
        """The JSON for people."""
        return orjson.dumps(self.raw, option=orjson.OPT_INDENT_2).decode()


@dataclass(frozen=True, slots=True)
class Section:
    """Items of one kind, the newest first. `name` stands in addresses.

    `brief` sections show no timelines in lists, because they stand with other items there already.
    """

    name: str
    owner: str
    title: str
    items: tuple[Item, ...]
    brief: bool = False

    def item(self, item_id: str) -> Item | None:
        """The item with an id."""
        return next((item for item in self.items if item.id == item_id), None)


def moment(value: object) -> str:
    """A time as people read it, of an RFC 3339 text or of milliseconds; anything else as it is."""
    text = str(value) if isinstance(value, int) else str(value or "")
    try:
        if isinstance(value, int) or (text.isdecimal() and len(text) >= _EPOCH_MS_DIGITS):
            text = rfc3339(int(text))
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):  # a year that no calendar has
        return text


def facts(pairs: Iterable[tuple[str, object]]) -> tuple[tuple[str, str], ...]:
    """Names and values as text; those that say nothing are left out."""
    return tuple((name, _text(value)) for name, value in pairs if value not in (None, "", [], {}))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return orjson.dumps(value).decode()
