"""What a question or a decision is about, as it comes from a command or a URL, and the list that answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bridge.errors import UsageError
from bridge.model import EPOCH, OPEN_STATES, DeadKind, DeliveryState
from bridge.store.protocol import DeadLetterFilter, DeliveryFilter, Known
from bridge.units import UnitError, parse_duration

MAX_ROWS = 1_000
ORPHANED = "orphaned"
"""In a filter: the open deliveries whose rule or destination is not configured any more."""
Row = dict[str, object]
T = TypeVar("T")


class WrongUse(UsageError):  # noqa: N818 - reads as what the person did
    """The words of the question make no sense: no such state, kind, time or destination, whatever is stored."""


class Rows(list[Row]):
    """The rows of a list; `more` says that others were left out for the limit."""

    def __init__(self, rows: Sequence[Row] = (), *, more: bool = False) -> None:
        super().__init__(rows)
        self.more = more


@dataclass(frozen=True, slots=True)
class Query:
    """The filters of a list as they come from a command or a URL. None means any; `limit` is at most 1,000.

    `since` and `until` are moments: RFC 3339, or a duration before now such as `2h`; the first is part of the span,
    the second is not. `after` is the cursor that the page before gave.
    """

    ids: tuple[str, ...] | None = None
    source: str | None = None
    type: str | None = None
    event: str | None = None
    state: str | None = None
    rule: str | None = None
    destination: str | None = None
    kind: str | None = None
    fingerprint: str | None = None
    name: str | None = None
    key: str | None = None
    since: str | None = None
    until: str | None = None
    after: str | None = None
    limit: int = 50

    def bounded(self) -> int:
        """The limit within its bounds.

        Raises:
            UsageError: it is not a number of rows.
        """
        if not 1 <= self.limit <= MAX_ROWS:
            raise UsageError(f"`limit` must be between 1 and {MAX_ROWS}")
        return self.limit

    def delivery_filter(self, known: Known) -> DeliveryFilter:
        """The deliveries that are meant, and one more than wanted, which tells whether there are others.

        Args:
            known: the rules and destinations that are configured: the state `orphaned` means the open deliveries
                of others.

        Raises:
            UsageError: a filter makes no sense.
        """
        return DeliveryFilter(
            ids=self.ids,
            event=self.event,
            states=_states(self.state),
            outside=known if self.state == ORPHANED else None,
            rule=self.rule,
            destination=self.destination,
            limit=self.bounded() + 1,
        )

    def dead_letter_filter(self, now_ms: int, *, limit: int) -> DeadLetterFilter:
        """The dead letters that are meant, at most `limit`.

        Raises:
            UsageError: a filter makes no sense.
        """
        return DeadLetterFilter(
            ids=self.ids,
            rule=self.rule,
            kind=_kind(self.kind),
            fingerprint=self.fingerprint,
            since_ms=None if self.since is None else moment(self.since, now_ms),
            until_ms=None if self.until is None else moment(self.until, now_ms),
            limit=limit,
        )


def first(rows: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """At most `limit` of the rows, and whether there are others."""
    return rows[:limit], len(rows) > limit


def moment(text: str, now_ms: int) -> int:
    """`2026-06-02T03:01:38Z`, or `2h` for two hours before now, in milliseconds.

    Raises:
        WrongUse: it is neither.
    """
    try:
        return now_ms - parse_duration(text)
    except UnitError:
        pass  # it may be a date
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise WrongUse("a moment is a duration before now (`2h`) or RFC 3339 (`2026-06-02T03:00:00Z`)")
    since_epoch = found - EPOCH
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000 + since_epoch.microseconds // 1_000


def _states(text: str | None) -> tuple[DeliveryState, ...] | None:
    if not text:
        return None
    if text == ORPHANED:
        return tuple(OPEN_STATES)
    try:
        return (DeliveryState(text),)
    except ValueError as error:
        raise WrongUse(f"there is no such state; states are {', '.join((*DeliveryState, ORPHANED))}") from error


def _kind(text: str | None) -> DeadKind | None:
    if text is None:
        return None
    try:
        return DeadKind(text)
    except ValueError as error:
        raise WrongUse(f"there is no such kind; kinds are {', '.join(DeadKind)}") from error
