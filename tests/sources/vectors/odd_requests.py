"""What an outsider does to one kind of sender only."""

from collections.abc import Callable

from tests.sources.vectors.request import SECRET, Sent
from tests.sources.vectors.rows import ROWS

Odd = tuple[str, bool, Callable[[float], Sent]]
"""(what is done, whether it is believed, Unix seconds of now -> the request)."""


def still(sent: Sent) -> Callable[[float], Sent]:
    """A request without a time in it."""
    return lambda _now: sent


def usual(name: str, change: Callable[[Sent], Sent]) -> Callable[[float], Sent]:
    """A row's own request, changed."""
    (row,) = (each for each in ROWS if each.name == name)
    return lambda now: change(row.sent(row.body, SECRET, now))
