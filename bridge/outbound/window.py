"""One window of a rate limit: how many calls it has seen, how many it takes, and when the next one may go.

A call occupies its place while it is in flight, and after its *end* for the whole length of the window: when the
vendor counted it, at the earliest when it left and at the latest when its answer was complete, is something only he
knows. So no sliding window of his ever sees more calls than the limit, nor does a fixed one.

A limit whose `hold` is shorter than its window is one of the vendor's calendar (HubSpot's day ends at midnight of the
account's time zone, which we do not know): a full one is asked once in each `hold` whether its day is over, and what
the answer says is left counts in both directions.
"""

import heapq
from collections import deque
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from bridge.connectors.limits import CompiledLimit, Reading

EXACT_UP_TO: Final = 1_000
"""Larger limits are kept in `GRAINS` parts of the window, not call by call, each rounded up: under 1 % too strict."""
GRAINS: Final = 128
SAVED_GRAINS: Final = 64
RECOVERY: Final = 0.05
"""How much of the full limit a lowered one gets back in each window without a refusal."""
LONGEST_PATIENCE: Final = 32
LONGEST_HOLD_MS: Final = 24 * 3_600_000
LEAST_HOLD_MS: Final = 1_000
"""An API that says "too many, retry after 0" is not asked again in the same breath."""


class WindowState(BaseModel):
    """What a window keeps over a restart. Times are what was *left* of them, so that a changed clock does no harm.

    `log` holds `[left_ms, calls, calls that were not refused]`, `foreign` `[left_ms, calls]`.
    """

    model_config = ConfigDict(frozen=True)

    log: tuple[tuple[int, int, int], ...] = ()
    foreign: tuple[tuple[int, int], ...] = ()
    held_ms: int = 0
    learned: int | None = None
    learned_age_ms: int = 0
    patience: int = 1


class Terms:
    """A limit as it stands now; all windows of the limit share it.

    `reported` is what the vendor's own headers say the limit is. It wins over what the connector file says, in both
    directions; the operator's own number is only ever lowered by it.
    """

    def __init__(self, limit: "CompiledLimit") -> None:
        self.limit = limit
        self.reported: int | None = None

    @property
    def calls(self) -> int:
        """How many calls fit into one window."""
        declared = self.limit.calls
        if self.reported is None:
            return declared
        return max(1, min(declared, self.reported) if self.limit.fixed else self.reported)

    @property
    def is_calendar(self) -> bool:
        """Whether the window begins anew at a time of the vendor's own."""
        return self.limit.hold_ms < self.limit.per_ms

    @property
    def grain_ms(self) -> int:
        """To which multiple the ends of entries are rounded up."""
        return 1 if self.calls <= EXACT_UP_TO else max(1, self.limit.per_ms // GRAINS)


class Window:
    """The calls of one limit, or of one value of a keyed limit's key."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.in_flight = 0
        self._own: deque[list[int]] = deque()  # [expires_ms, calls, calls that were not refused], by time
        self._foreign: deque[list[int]] = deque()  # [expires_ms, calls], by time
        self._own_calls = 0
        self._accepted = 0
        self._foreign_calls = 0
        self._held_until_ms = 0
        self._refused_until_ms = 0
        self._last_end_ms = 0
        self._learned: int | None = None
        self._learned_at_ms = 0
        self._patience = 1

    # --- what it says ------------------------------------------------------------------------------------------

    def used(self, now_ms: int) -> int:
        """How many places are occupied: in flight, not expired yet, or taken by others of the same account."""
        self._expire(now_ms)
        return self.in_flight + self._own_calls + self._foreign_calls

    def capacity(self, now_ms: int) -> int:
        """How many calls the window takes now: the limit, or what a refusal taught us, slowly growing back."""
        calls = self.terms.calls
        if self._learned is None:
            return calls
        grown = self._learned + max(0, now_ms - self._grows_from_ms) // self._step_ms
        if grown >= calls:
            self._learned, self._patience = None, 1
            return calls
        return grown

    def held_until_ms(self, now_ms: int) -> int | None:
        """When its hold ends, None when there is none."""
        return self._held_until_ms if self._held_until_ms > now_ms else None

    def room(self, now_ms: int) -> int:
        """How many calls may leave now."""
        if self._held_until_ms > now_ms:
            return 0
        free = self.capacity(now_ms) - self.used(now_ms)
        if free > 0:
            return free
        scout_at_ms = self._scout_at_ms()
        return int(scout_at_ms is not None and scout_at_ms <= now_ms)

    def free_at_ms(self, now_ms: int) -> int | None:
        """When a call may leave: `now_ms` if it may now, None if only the end of one in flight can tell.

        While the window is held it is at least the end of the hold.
        """
        held_ms = self.held_until_ms(now_ms)
        missing = self.used(now_ms) - self.capacity(now_ms) + 1
        if missing <= 0:
            return held_ms or now_ms
        times = (self._expiry_of(missing), self._growth_of(missing, now_ms), self._scout_at_ms())
        known = [max(at, now_ms) for at in times if at is not None]
        return max(min(known), held_ms or 0) if known else held_ms

    def is_blank(self, now_ms: int) -> bool:
        """Whether it may be forgotten: it knows nothing that a new one would not."""
        return self.used(now_ms) == 0 and self._held_until_ms <= now_ms and self.capacity(now_ms) == self.terms.calls

    def tells(self, now_ms: int) -> bool:
        """Whether it is near to refusing somebody: it is held, or at least half full."""
        return self._held_until_ms > now_ms or 2 * self.used(now_ms) >= self.capacity(now_ms)

    # --- what happens to it ------------------------------------------------------------------------------------

    def start(self) -> None:
        """A call leaves."""
        self.in_flight += 1

    def unused(self) -> None:
        """A call that was to leave did not."""
        self.in_flight -= 1

    def finish(self, now_ms: int, *, accepted: bool) -> None:
        """A call ended; `accepted` is false when it was refused for its number."""
        self.in_flight -= 1
        self._last_end_ms = now_ms
        self._expire(now_ms)
        self._log(self._expiry(now_ms), 1, int(accepted))
        if accepted and self._learned is not None and now_ms < self._refused_until_ms:
            self._learned += 1  # it was in flight together with the refused ones, and he took it

    def read(self, reading: "Reading", now_ms: int) -> None:
        """Take in what the vendor's answer says about the window; only a calendar one is given back places by it.

        `remaining` was true when he counted the call. Which of ours he had counted by then is unknown, so all are
        taken for counted: only what goes beyond them must be others who use the same account.
        """
        if reading.limit is not None and reading.limit > 0:
            self.terms.reported = reading.limit
        if reading.remaining is None:
            return
        per_ms = self.terms.limit.per_ms
        limit = reading.limit or self.terms.calls
        others = limit - max(0, reading.remaining) - self.used(now_ms)  # the others known already are in `used`
        resets_ms = None if reading.resets_in_ms is None else min(max(0, reading.resets_in_ms), LONGEST_HOLD_MS)
        if others > 0:
            self._add_foreign(now_ms + (per_ms if resets_ms is None else min(resets_ms, per_ms)), others)
        elif self.terms.is_calendar:
            self._forget(-others - self.in_flight)
        if reading.remaining <= 0 and resets_ms is not None:
            self.hold(now_ms + resets_ms)

    def hold(self, until_ms: int) -> None:
        """Let no call leave before `until_ms`; a shorter hold does not end a longer one."""
        self._held_until_ms = max(self._held_until_ms, until_ms)

    def refuse(self, now_ms: int, wait_ms: int, *, learns: bool, miscounted: int = 0) -> int:
        """A call was refused for its number: hold, and learn what the vendor really takes.

        Refusals of calls that were in flight together teach one lesson. A calendar window teaches nothing: others
        may have used it up, and it begins anew without our log knowing.

        Args:
            now_ms: the time.
            wait_ms: how long to hold.
            learns: false when the vendor's own numbers explain the refusal.
            miscounted: how many calls ended as accepted that were refused after all.

        Returns:
            When the hold ends.
        """
        if learns and not self.terms.is_calendar and now_ms >= self._refused_until_ms:
            before = self.capacity(now_ms)
            self._expire(now_ms)
            if self._learned is not None:
                self._patience = min(2 * self._patience, LONGEST_PATIENCE)
            self._learned, self._learned_at_ms = max(1, min(before - 1, self._accepted - miscounted)), now_ms
        self._refused_until_ms = max(self._refused_until_ms, now_ms + wait_ms)
        self.hold(now_ms + wait_ms)
        return self._held_until_ms

    def reach(self, longer_ms: int) -> None:
        """The window's length changed by `longer_ms` while calls were counted (a reload)."""
        for entry in (*self._own, *self._foreign):
            entry[0] += longer_ms

    # --- over a restart ----------------------------------------------------------------------------------------

    def save(self, now_ms: int) -> WindowState:
        """Its state. Calls in flight count as ended now."""
        self._expire(now_ms)
        grain = max(1, self.terms.limit.per_ms // SAVED_GRAINS)
        log: dict[int, list[int]] = {}
        ending = [[self._expiry(now_ms), self.in_flight, self.in_flight]] if self.in_flight else []
        for expires, calls, accepted in (*self._own, *ending):
            entry = log.setdefault(-(-(expires - now_ms) // grain) * grain, [0, 0])
            entry[0] += calls
            entry[1] += accepted
        learned = None if self.capacity(now_ms) == self.terms.calls else self._learned
        return WindowState(
            log=tuple((left, calls, accepted) for left, (calls, accepted) in log.items()),
            foreign=tuple((expires - now_ms, calls) for expires, calls in self._foreign),
            held_ms=max(0, self._held_until_ms - now_ms),
            learned=learned,
            learned_age_ms=now_ms - self._learned_at_ms if learned is not None else 0,
            patience=self._patience,
        )

    def restore(self, state: WindowState, now_ms: int, elapsed_ms: int) -> None:
        """Take over a saved state, `elapsed_ms` after it was saved. Nothing then waits longer than a whole window."""
        longest = self._expiry(now_ms)
        for left, calls, accepted in sorted(state.log):
            self._log(min(now_ms + left - elapsed_ms, longest), max(0, calls), max(0, accepted))
        for left, calls in sorted(state.foreign):
            self._add_foreign(min(now_ms + left - elapsed_ms, longest), max(0, calls))
        self.hold(now_ms + min(max(0, state.held_ms - elapsed_ms), LONGEST_HOLD_MS))
        self._learned = None if state.learned is None else max(1, state.learned)
        self._learned_at_ms = now_ms - max(0, state.learned_age_ms) - elapsed_ms
        self._patience = min(max(1, state.patience), LONGEST_PATIENCE)

    # --- inside ------------------------------------------------------------------------------------------------

    @property
    def _step_ms(self) -> int:
        """A lowered limit grows by one call each time this much has passed: the first one too many goes alone."""
        return max(1, int(self.terms.limit.per_ms // max(1.0, self.terms.calls * RECOVERY)))

    @property
    def _grows_from_ms(self) -> int:
        return self._learned_at_ms + self._patience * self.terms.limit.per_ms

    def _expiry(self, now_ms: int) -> int:
        grain = self.terms.grain_ms
        # one more, because the clock cuts off parts of a millisecond
        return -(-(now_ms + self.terms.limit.per_ms + 1) // grain) * grain

    def _log(self, expires_ms: int, calls: int, accepted: int) -> None:
        last = self._own[-1] if self._own else None
        if last is not None and last[0] >= expires_ms:
            last[1] += calls
            last[2] += accepted
        else:
            self._own.append([expires_ms, calls, accepted])
        self._own_calls += calls
        self._accepted += accepted

    def _add_foreign(self, expires_ms: int, calls: int) -> None:
        last_ms = self._foreign[-1][0] if self._foreign else 0
        self._foreign.append([max(expires_ms, last_ms), calls])
        self._foreign_calls += calls

    def _expire(self, now_ms: int) -> None:
        own, foreign = self._own, self._foreign
        while own and own[0][0] <= now_ms:
            _, calls, accepted = own.popleft()
            self._own_calls -= calls
            self._accepted -= accepted
        while foreign and foreign[0][0] <= now_ms:
            self._foreign_calls -= foreign.popleft()[1]

    def _forget(self, calls: int) -> None:
        """Drop this many of the oldest places: the vendor's day is over, and does not count them any more."""
        for entries, own in ((self._foreign, False), (self._own, True)):
            while calls > 0 and entries:
                dropped = min(calls, entries[0][1])
                calls -= dropped
                entries[0][1] -= dropped
                self._own_calls -= dropped if own else 0
                self._foreign_calls -= 0 if own else dropped
                if entries[0][1] == 0:
                    entry = entries.popleft()
                    self._accepted -= entry[2] if own else 0

    def _scout_at_ms(self) -> int | None:
        """When a full calendar window may be asked whether it began anew."""
        if not self.terms.is_calendar or self.in_flight:
            return None
        return self._last_end_ms + self.terms.limit.hold_ms

    def _expiry_of(self, missing: int) -> int | None:
        """When `missing` occupied places will have expired, None if those that can are not so many."""
        for entry in heapq.merge(self._own, self._foreign):
            missing -= entry[1]
            if missing <= 0:
                return entry[0]
        return None

    def _growth_of(self, missing: int, now_ms: int) -> int | None:
        """When a lowered limit will have grown by `missing` calls."""
        if self._learned is None:
            return None
        steps = max(0, now_ms - self._grows_from_ms) // self._step_ms
        return self._grows_from_ms + (steps + missing) * self._step_ms
