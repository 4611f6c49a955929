"""What the store decides about deliveries, in memory and in virtual time: marks, windows, lanes, who may start when.

The words and the order are those of `bridge.store.sqlite` (`routing`, `windows`, `marks`, `lanes`); a differential
test holds the two against each other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.model import Coalesce, Death, DeliveryState, NewDelivery
from bridge.rules.state import RunState

FURTHER = "an event that is as far or further was delivered already"
NEWER = "a newer event was delivered already"
OVERTAKEN = "an event that is further or newer waits in the same coalescing window"
REPLACED = "a later event took its place in the coalescing window"


@dataclass(slots=True, eq=False)
class Entry:
    """One delivery. `turn` says which event of the test it is of, `scope` are that event's names.

    `lane` is its place among all who stand in lanes; None outside of them. `paused` is the destination whose pause
    it waits for.
    """

    seq: int
    plan: NewDelivery
    turn: int
    scope: Mapping[str, object]
    event_id: str
    state: DeliveryState
    due_ms: int
    reason: str | None = None
    death: Death | None = None
    window_ends_ms: int | None = None
    lane: int | None = None
    stepped_aside: bool = False
    begun: bool = False
    paused: str | None = None
    failures: int = 0
    first_failed_ms: int | None = None
    held_ms: int = 0
    links: Mapping[str, object] | None = None
    run: RunState = field(default_factory=RunState)

    @property
    def is_open(self) -> bool:
        """Whether something will still happen to it."""
        return self.state.is_open


@dataclass(slots=True)
class Ledger:
    """All deliveries of a test, the marks that they have left, and the links."""

    links: dict[str, dict[str, object]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    _furthest: dict[tuple[str, str], int] = field(default_factory=dict)
    _newest: dict[tuple[str, str], int] = field(default_factory=dict)
    _lanes: int = 0

    # --- routing -----------------------------------------------------------------------------------------------

    def place(
        self, plan: NewDelivery, now_ms: int, *, turn: int = 0, scope: Mapping[str, object], event_id: str
    ) -> Entry:
        """Take in what routing has made of an event. Windows that are over by now come first."""
        self.end_windows(now_ms)
        entry = Entry(len(self.entries) + 1, plan, turn, scope, event_id, plan.state, now_ms, plan.reason, plan.death)
        self.entries.append(entry)
        if plan.state is not DeliveryState.PENDING:
            return entry
        behind = self._behind(plan)
        if behind is not None:
            entry.state, entry.reason = DeliveryState.SUPERSEDED, behind
        elif plan.coalesce is not None and plan.coalesce.window_ms > 0:
            self._join_window(entry, plan.coalesce, now_ms)
        else:
            self._enter_lanes(entry)
        return entry

    def _behind(self, plan: NewDelivery) -> str | None:
        furthest, newest = self.high_water(plan), self.newest_ms(plan)
        if plan.forward is not None and furthest is not None and plan.forward.rank <= furthest:
            return FURTHER
        if plan.newer is not None and newest is not None and plan.newer.time_ms < newest:
            return NEWER
        return None

    def _join_window(self, entry: Entry, window: Coalesce, now_ms: int) -> None:
        waiting = next((other for other in self.entries if _shares_window(other, entry)), None)
        if waiting is not None and not _survives(entry.plan, waiting.plan):
            entry.state, entry.reason = DeliveryState.SUPERSEDED, OVERTAKEN
            return
        entry.window_ends_ms = entry.due_ms = now_ms + window.window_ms
        if waiting is not None:
            entry.window_ends_ms = entry.due_ms = waiting.window_ends_ms or now_ms
            waiting.state, waiting.reason, waiting.window_ends_ms = DeliveryState.SUPERSEDED, REPLACED, None

    def end_windows(self, now_ms: int) -> None:
        """Let the survivors of windows that are over enter their lanes."""
        over = [entry for entry in self.entries if entry.window_ends_ms is not None and entry.window_ends_ms <= now_ms]
        for entry in sorted(over, key=lambda entry: (entry.window_ends_ms or 0, entry.seq)):
            entry.window_ends_ms = None
            self._enter_lanes(entry)

    def _enter_lanes(self, entry: Entry) -> None:
        if entry.plan.key is not None and entry.plan.lanes:
            self._lanes += 1
            entry.lane = self._lanes

    # --- marks -------------------------------------------------------------------------------------------------

    def high_water(self, plan: NewDelivery) -> int | None:
        """The furthest rank that was delivered for the same subject."""
        return None if plan.forward is None else self._furthest.get((plan.rule, plan.forward.by))

    def newest_ms(self, plan: NewDelivery) -> int | None:
        """The time of the newest update that was delivered for the same subject."""
        return None if plan.newer is None else self._newest.get((plan.rule, plan.newer.by))

    # --- who may start -----------------------------------------------------------------------------------------

    def claim(self, now_ms: int) -> Entry | None:
        """The delivery to go on with now, or None; with what `recall` finds when it starts for the first time."""
        self.end_windows(now_ms)
        ready = [entry for entry in self._startable() if entry.due_ms <= now_ms]
        entry = min(ready, key=lambda entry: (entry.due_ms, entry.seq), default=None)
        if entry is not None and entry.links is None:
            entry.links = {name: self.links.get(name, {}).get(key) for name, key in entry.plan.recall.items()}
        return entry

    def next_ms(self) -> int | None:
        """When something happens next by itself, or None."""
        return min(
            [
                *(entry.window_ends_ms for entry in self.entries if entry.window_ends_ms is not None),
                *(entry.due_ms for entry in self._startable()),
            ],
            default=None,
        )

    @property
    def window_ms(self) -> int | None:
        """When the next window ends, or None when none is open."""
        return min((entry.window_ends_ms for entry in self.entries if entry.window_ends_ms is not None), default=None)

    def _startable(self) -> Iterator[Entry]:
        for entry in self.entries:
            if entry.is_open and entry.window_ends_ms is None and entry.paused is None and self._is_head(entry):
                yield entry

    def _is_head(self, entry: Entry) -> bool:
        lane = entry.lane
        if lane is None:
            return True
        return not any(
            other.lane is not None and other.lane < lane and _share_lane(other, entry) for other in self.entries
        )

    # --- what becomes of it ------------------------------------------------------------------------------------

    def settle(
        self, entry: Entry, state: DeliveryState, *, reason: str | None = None, death: Death | None = None
    ) -> None:
        """End a delivery; what is done leaves its marks."""
        entry.state, entry.reason, entry.death, entry.lane = state, reason, death, None
        if state is not DeliveryState.DONE:
            return
        plan = entry.plan
        if plan.forward is not None:
            subject = (plan.rule, plan.forward.by)
            self._furthest[subject] = max(self._furthest.get(subject, plan.forward.rank), plan.forward.rank)
        if plan.newer is not None:
            subject = (plan.rule, plan.newer.by)
            self._newest[subject] = max(self._newest.get(subject, plan.newer.time_ms), plan.newer.time_ms)

    def postpone(self, entry: Entry, due_ms: int, *, failed: bool, aside: bool = False) -> None:
        """Let a delivery wait until a time; one that steps aside leaves its lanes."""
        entry.state = DeliveryState.RETRYING if failed else DeliveryState.PENDING
        entry.due_ms = due_ms
        if aside:
            entry.stepped_aside, entry.lane = True, None

    def remember(self, name: str, key: str, value: object) -> None:
        """Write a link; None forgets it."""
        self.links.setdefault(name, {})[key] = value
        if value is None:
            del self.links[name][key]


def _shares_window(other: Entry, entry: Entry) -> bool:
    if other.window_ends_ms is None or other.plan.coalesce is None or entry.plan.coalesce is None:
        return False
    return other.plan.rule == entry.plan.rule and other.plan.coalesce.group == entry.plan.coalesce.group


def _survives(newcomer: NewDelivery, waiting: NewDelivery) -> bool:
    """Whether the newcomer takes the window over: the later one does, unless the waiting one is further or newer."""
    if newcomer.forward is not None and waiting.forward is not None and newcomer.forward.rank != waiting.forward.rank:
        return newcomer.forward.rank > waiting.forward.rank
    return newcomer.newer is None or waiting.newer is None or newcomer.newer.time_ms >= waiting.newer.time_ms


def _share_lane(one: Entry, other: Entry) -> bool:
    return one.plan.key == other.plan.key and not set(one.plan.lanes).isdisjoint(other.plan.lanes)
