"""Zendesk's two ways of paging: by cursor (`page[size]`, `page[after]`) and by number (`page`, `per_page`)."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from bridge.sandbox.answers import Call
from bridge.sandbox.zendesk.refusals import invalid_record, titled_error

MAX_PAGE = 100
DEEPEST_RESULT = 10_000


def paged(call: Call, name: str, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One page of `items` under `name`, with the links to the next one.

    Raises:
        Refused: 400 or 422, the paging parameters make no sense.
    """
    if any(key.startswith("page[") for key in call.query):
        return _by_cursor(call, name, items)
    size = _whole(call, "per_page", MAX_PAGE)
    number = _whole(call, "page", 1)
    if (number - 1) * size >= DEEPEST_RESULT:
        raise invalid_record("base", "Page: is too deep")
    start = (number - 1) * size
    more = start + size < len(items)
    return {
        name: list(items[start : start + size]),
        "next_page": _link(call, {"page": str(number + 1), "per_page": str(size)}) if more else None,
        "previous_page": _link(call, {"page": str(number - 1), "per_page": str(size)}) if number > 1 else None,
        "count": len(items),
    }


def _by_cursor(call: Call, name: str, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    size = _whole(call, "page[size]", MAX_PAGE)
    start = _offset(call.asked("page[after]"))
    end = min(start + size, len(items))
    more = end < len(items)
    after = base64.urlsafe_b64encode(str(end).encode()).decode()
    return {
        name: list(items[start:end]),
        "meta": {"has_more": more, "after_cursor": after if more else None, "before_cursor": None},
        "links": {"next": _link(call, {"page[size]": str(size), "page[after]": after}) if more else None, "prev": None},
    }


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()).decode())
    except (binascii.Error, ValueError):
        raise titled_error(400, "InvalidPaginationParameter", "page[after] is not valid") from None


def _whole(call: Call, name: str, default: int) -> int:
    text = call.asked(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) == 0:
        raise titled_error(400, "InvalidPaginationParameter", f"{name} must be a positive integer")
    return int(text) if name == "page" else min(int(text), MAX_PAGE)


def _link(call: Call, page: dict[str, str]) -> str:
    kept = [(key, value) for key, values in call.query.items() if key not in page for value in values]
    return f"{call.root}{call.path}?{urlencode([*kept, *page.items()])}"
