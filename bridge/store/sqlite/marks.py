"""Marks: the furthest status and the newest update that were delivered, which later deliveries are held against."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.model import Forward, NewDelivery, Newer
from bridge.store.sqlite.session import SqlValue, Transaction

FURTHER = "an event that is as far or further was delivered already"
NEWER = "a newer event was delivered already"

Subject = tuple[str, str]
"""(rule, `by`)."""
Wanted = tuple[str, Forward | None, Newer | None]
"""A rule, and what one of its deliveries is held against."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The stored marks of some subjects; a subject without one is absent."""

    furthest: Mapping[Subject, int]
    newest: Mapping[Subject, int]

    def high_water(self, rule: str, forward: Forward | None) -> int | None:
        """The furthest rank that was delivered for the subject, or None."""
        return None if forward is None else self.furthest.get((rule, forward.by))

    def newest_ms(self, rule: str, newer: Newer | None) -> int | None:
        """The time of the newest update that was delivered for the subject, or None."""
        return None if newer is None else self.newest.get((rule, newer.by))

    def behind(self, plan: NewDelivery, *, again: bool = False) -> str | None:
        """Why a delivery would bring nothing forward, or None when it does.

        With `again` one that is level with the mark passes: the mark may be its own, of the time before.
        """
        furthest, newest = self.high_water(plan.rule, plan.forward), self.newest_ms(plan.rule, plan.newer)
        if plan.forward is not None and furthest is not None and plan.forward.rank < furthest + (not again):
            return FURTHER
        if plan.newer is not None and newest is not None and plan.newer.time_ms < newest:
            return NEWER
        return None


NO_MARKS = Marks({}, {})


def read(tx: Transaction, wanted: Iterable[Wanted]) -> Marks:
    """The marks of all subjects that are asked for."""
    furthest: set[Subject] = set()
    newest: set[Subject] = set()
    for rule, forward, newer in wanted:
        if forward is not None:
            furthest.add((rule, forward.by))
        if newer is not None:
            newest.add((rule, newer.by))
    if not furthest and not newest:
        return NO_MARKS
    return Marks(_read(tx, "high_water", furthest), _read(tx, "newest", newest))


def _read(tx: Transaction, name: str, subjects: set[Subject]) -> dict[Subject, int]:
    return {(row["rule"], row["subject"]): row["mark"] for row in tx.matching(name, sorted(subjects))}


def raise_all(tx: Transaction, done: Sequence[tuple[Wanted, int]]) -> None:
    """Raise the marks to what was just done, each with the time of its end; a mark never goes back."""
    furthest: list[tuple[SqlValue, ...]] = []
    newest: list[tuple[SqlValue, ...]] = []
    for (rule, forward, newer), now_ms in done:
        if forward is not None:
            furthest.append((rule, forward.by, forward.rank, now_ms))
        if newer is not None:
            newest.append((rule, newer.by, newer.time_ms, now_ms))
    tx.write_rows("raise_high_water", furthest)
    tx.write_rows("raise_newest", newest)
