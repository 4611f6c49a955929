"""The rate limits of a destination as we keep them: who may call now, what the answers say, what a refusal holds.

Several limits may cover one call; it leaves when every one of them has a place for it, and occupies all of them.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from bridge.clock import Clock
from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.outbound.window import LEAST_HOLD_MS, LONGEST_HOLD_MS, Terms, Window, WindowState

if TYPE_CHECKING:
    from bridge.connectors.limits import CompiledLimit

SlotKey = tuple[str, str | None]
"""A limit's name, and for a keyed limit a digest of the key: the key itself may be a person's address."""

EVERYTHING: Final[SlotKey] = ("", None)
"""What is held when a refusal can be laid to no limit: the whole destination."""
DEFAULT_HOLD_MS: Final = 10_000
"""How long that lasts when the API does not say."""
TOO_MANY: Final = 429
MOST_KEYS_SAVED: Final = 1_000
"""Of keyed limits a snapshot holds so many windows, which are held or at least half full; it is taken every second.

A restart forgets the others: the worst of it is a refusal that teaches the same again.
"""


class SavedWindow(WindowState):
    """One window of a snapshot."""

    name: str
    key: str | None = None


class SavedBudgets(BaseModel):
    """A snapshot: everything that a restart must not forget. `reported` maps a limit to the vendor's own number."""

    model_config = ConfigDict(frozen=True)

    at_ms: int
    held_ms: int = 0
    reported: dict[str, int] = {}
    windows: tuple[SavedWindow, ...] = ()


class Spending:
    """The places that one HTTP call occupies."""

    def __init__(self, budgets: "Budgets", windows: Sequence[tuple[SlotKey, Window]]) -> None:
        self._budgets = budgets
        self._windows = windows
        self._ended = False

    def end(self, answer: Answer | None, *, reads: bool = True) -> None:
        """The call ended, with this answer or (None) without one; the first report counts.

        Without `reads` the answer's headers are not about these windows.
        """
        if not self._ended:
            self._ended = True
            self._budgets.finish(self._windows, answer, reads=reads)

    def unused(self) -> None:
        """The call never left: nothing was spent."""
        if not self._ended:
            self._ended = True
            for _, window in self._windows:
                window.unused()


class Budgets:
    """All limits of one destination."""

    def __init__(self, limits: "Sequence[CompiledLimit]", clock: Clock) -> None:
        self._clock = clock
        self._terms = {limit.name: Terms(limit) for limit in limits}
        self._shared = {limit.name: Window(self._terms[limit.name]) for limit in limits if not limit.keyed}
        self._keyed: OrderedDict[SlotKey, Window] = OrderedDict()
        self._telling: OrderedDict[SlotKey, None] = OrderedDict()
        """The windows of `_keyed` that are worth a place in a snapshot, or were lately."""
        self._held_until_ms = 0
        self._slots_of: dict[tuple[str, str | None], tuple[SlotKey, ...]] = {}

    def succeed(self, before: "Budgets") -> None:
        """Go on where the budgets of the same destination stood under its former configuration.

        Windows are shared, not copied: what is still in flight there ends here too.
        """
        self._held_until_ms = before._held_until_ms  # noqa: SLF001 - its own class
        for name, former in before._terms.items():  # noqa: SLF001 - as above
            terms = self._terms.get(name)
            if terms is None or terms.limit.keyed != former.limit.keyed:
                continue
            longer_ms, former.limit = terms.limit.per_ms - former.limit.per_ms, terms.limit
            self._terms[name] = former
            if terms.limit.keyed:
                moved = {slot: window for slot, window in before._keyed.items() if slot[0] == name}  # noqa: SLF001
                self._keyed.update(moved)
                self._telling.update(dict.fromkeys(slot for slot in before._telling if slot in moved))  # noqa: SLF001 - as above
            else:
                moved = {(name, None): before._shared[name]}  # noqa: SLF001 - as above
                self._shared[name] = before._shared[name]  # noqa: SLF001 - as above
            if longer_ms:
                for window in moved.values():
                    window.reach(longer_ms)

    # --- permits -----------------------------------------------------------------------------------------------

    def slots(self, operation: str, call: Call | None, method: str | None = None) -> tuple[SlotKey, ...]:
        """The windows that a request of the operation needs a place in; without `call`, only those without a key."""
        kind = operation, method
        shared = self._slots_of.get(kind)
        if shared is None:
            limits = (self._terms[name].limit for name in self._shared)
            shared = tuple((limit.name, None) for limit in limits if limit.applies_to(operation, method))
            self._slots_of[kind] = shared
        if call is None or len(self._shared) == len(self._terms):
            return shared
        return shared + tuple(self._keyed_slots(operation, call, method))

    def free_at_ms(self, slots: Iterable[SlotKey]) -> int | None:
        """When a call may leave: now or earlier when it may at once, None when only the end of another can tell."""
        now_ms = self._clock.now_ms()
        latest_ms, unknown = max(now_ms, self._held_until_ms), False
        for slot in slots:
            window = self._find(slot)
            free_at_ms = now_ms if window is None else window.free_at_ms(now_ms)
            if free_at_ms is None:
                unknown = True
            else:
                latest_ms = max(latest_ms, free_at_ms)
        return None if unknown and latest_ms <= now_ms else latest_ms

    def partial(self) -> tuple[str, ...]:
        """The limits without a key that cover only some requests."""
        return tuple(name for name in self._shared if not self._terms[name].limit.covers_all)

    def room(self, name: str) -> int:
        """How many calls a limit without a key admits now."""
        now_ms = self._clock.now_ms()
        return 0 if self._held_until_ms > now_ms else self._shared[name].room(now_ms)

    def take(self, slots: Sequence[SlotKey]) -> Spending:
        """Occupy a place in each; the caller has made sure that they are free."""
        windows: list[tuple[SlotKey, Window]] = []
        for slot in slots:
            window = self._window(slot)
            window.start()  # at once: a window that is blank may be forgotten when the next one is made
            windows.append((slot, window))
            self._note(slot, window, self._clock.now_ms())
        return Spending(self, windows)

    def finish(self, windows: Sequence[tuple[SlotKey, Window]], answer: Answer | None, *, reads: bool) -> None:
        """End a call in these windows, and read what the answer says about them; `Spending.end` calls it."""
        now_ms = self._clock.now_ms()
        for slot, window in windows:
            window.finish(now_ms, accepted=answer is None or answer.status != TOO_MANY)
            if answer is not None and reads:
                window.read(window.terms.limit.reading(answer, now_ms), now_ms)
                self._note(slot, window, now_ms)

    # --- refusals and holds ------------------------------------------------------------------------------------

    def refused(self, slots: Sequence[SlotKey], answer: Answer, wait_ms: int | None) -> int:
        """A call was refused because there were too many: hold the limit that it is about.

        Args:
            slots: what the call occupied.
            answer: the refusal.
            wait_ms: how long the API asks to wait; None when it does not say.

        Returns:
            When that limit's hold ends.
        """
        now_ms = self._clock.now_ms()
        name = self._blamed(slots, answer, now_ms)
        given_ms = DEFAULT_HOLD_MS if name is None else self._terms[name].limit.hold_ms
        hold_ms = min(max(given_ms if wait_ms is None else wait_ms, LEAST_HOLD_MS), LONGEST_HOLD_MS)
        if name is None:
            self._held_until_ms = max(self._held_until_ms, now_ms + hold_ms)
            return self._held_until_ms
        learns = self._terms[name].limit.reading(answer, now_ms).remaining != 0
        miscounted = int(answer.status != TOO_MANY)
        until_ms = now_ms
        for slot in slots:
            if slot[0] == name:
                window = self._window(slot)
                until_ms = max(until_ms, window.refuse(now_ms, hold_ms, learns=learns, miscounted=miscounted))
                self._note(slot, window, now_ms)
        return until_ms

    def hold(self, name: str, key: str | None, until_ms: int) -> None:
        """Hold one window (`key` as `slots` gives it), or with the name "" the whole destination."""
        if (name, key) == EVERYTHING:
            self._held_until_ms = max(self._held_until_ms, until_ms)
        elif name in self._terms:
            window = self._window((name, key))
            window.hold(until_ms)
            self._note((name, key), window, self._clock.now_ms())

    def release(self) -> None:
        """End the hold of the whole destination; those of single limits stay."""
        self._held_until_ms = 0

    def holds(self) -> list[tuple[str, str | None, int]]:
        """What is held now: (limit's name, key's digest, until when)."""
        now_ms = self._clock.now_ms()
        whole = [(*EVERYTHING, self._held_until_ms)] if self._held_until_ms > now_ms else []
        held = ((*slot, window.held_until_ms(now_ms)) for slot, window in self._all_windows())
        return whole + [(name, key, until_ms) for name, key, until_ms in held if until_ms is not None]

    def describe(self) -> list[dict[str, object]]:
        """Each limit for a status page. Of a keyed one: how many windows it has, and its fullest."""
        now_ms = self._clock.now_ms()
        described: list[dict[str, object]] = []
        for name, terms in self._terms.items():
            windows = [window for slot, window in self._all_windows() if slot[0] == name]
            fullest = max(windows, key=lambda window: window.used(now_ms), default=Window(terms))
            described.append(
                {
                    "name": name,
                    "keys": len(windows) if terms.limit.keyed else None,
                    "used": fullest.used(now_ms),
                    "limit": fullest.capacity(now_ms),
                    "per_ms": terms.limit.per_ms,
                    "held_until_ms": max((window.held_until_ms(now_ms) or 0 for window in windows), default=0) or None,
                }
            )
        return described

    # --- over a restart ----------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """JSON from which `restore` goes on. It holds no key of a keyed limit in clear.

        It knows every limit, but of the windows of keys only those that could refuse somebody soon.
        """
        now_ms = self._clock.now_ms()
        saved = SavedBudgets(
            at_ms=now_ms,
            held_ms=max(0, self._held_until_ms - now_ms),
            reported={name: terms.reported for name, terms in self._terms.items() if terms.reported is not None},
            windows=tuple(
                SavedWindow(name=slot[0], key=slot[1], **dict(window.save(now_ms)))
                for slot, window in self._told_windows(now_ms)
            ),
        )
        return saved.model_dump(mode="json", exclude_defaults=True)

    def restore(self, snapshot: object, now_ms: int) -> None:
        """Take over a snapshot; limits that are not there any more are left out.

        Raises:
            ValidationError: it is none.
        """
        saved = SavedBudgets.model_validate(snapshot)
        elapsed_ms = max(0, now_ms - saved.at_ms)
        for name, reported in saved.reported.items():
            if name in self._terms:
                self._terms[name].reported = reported
        for state in saved.windows:
            terms = self._terms.get(state.name)
            if terms is not None and terms.limit.keyed == (state.key is not None):
                slot = state.name, state.key
                window = self._window(slot)
                window.restore(state, now_ms, elapsed_ms)
                self._note(slot, window, now_ms)
        held_ms = min(saved.held_ms - elapsed_ms, LONGEST_HOLD_MS)
        if held_ms > 0:
            self._held_until_ms = max(self._held_until_ms, now_ms + held_ms)

    # --- inside ------------------------------------------------------------------------------------------------

    def _keyed_slots(self, operation: str, call: Call, method: str | None) -> Iterator[SlotKey]:
        for name, terms in self._terms.items():
            if terms.limit.keyed and terms.limit.applies_to(operation, method):
                key = terms.limit.key_of(call)
                if key is not None:
                    yield name, hashlib.blake2b(key.encode(), digest_size=12).hexdigest()

    def _blamed(self, slots: Sequence[SlotKey], answer: Answer, now_ms: int) -> str | None:
        """The limit that a refusal is about: the one that says so, else one that is used up, else the narrowest."""
        names = sorted(dict.fromkeys(name for name, _ in slots), key=self._breadth)
        limits = [self._terms[name].limit for name in names]
        for limit in limits:
            if limit.refuses(answer):
                return limit.name
        for limit in limits:
            if limit.reading(answer, now_ms).remaining == 0:
                return limit.name
        return names[0] if names else None

    def _breadth(self, name: str) -> tuple[bool, int]:
        limit = self._terms[name].limit
        return limit.keyed, limit.per_ms

    def _find(self, slot: SlotKey) -> Window | None:
        return self._shared.get(slot[0]) if slot[1] is None else self._keyed.get(slot)

    def _window(self, slot: SlotKey) -> Window:
        window = self._find(slot)
        if window is None:
            self._forget_some()
            window = self._keyed[slot] = Window(self._terms[slot[0]])
        return window

    def _forget_some(self) -> None:
        """Look at the two keyed windows longest not looked at: for each new one two old ones may go."""
        now_ms = self._clock.now_ms()
        for slot in list(_first(self._keyed, 2)):
            if self._keyed[slot].is_blank(now_ms):
                del self._keyed[slot]
            else:
                self._keyed.move_to_end(slot)

    def _note(self, slot: SlotKey, window: Window, now_ms: int) -> None:
        """Keep in mind which windows of keys a restart must not forget."""
        if slot[1] is not None and window.tells(now_ms):
            self._telling[slot] = None
            self._telling.move_to_end(slot)
            if len(self._telling) > MOST_KEYS_SAVED:
                self._telling.popitem(last=False)

    def _told_windows(self, now_ms: int) -> Iterator[tuple[SlotKey, Window]]:
        """What a snapshot holds."""
        for name, window in self._shared.items():
            if not window.is_blank(now_ms):
                yield (name, None), window
        for slot in list(self._telling):
            keyed = self._keyed.get(slot)
            if keyed is not None and keyed.tells(now_ms):
                yield slot, keyed
            else:
                del self._telling[slot]

    def _all_windows(self) -> Iterator[tuple[SlotKey, Window]]:
        for name, window in self._shared.items():
            yield (name, None), window
        yield from self._keyed.items()


def _first(slots: Iterable[SlotKey], number: int) -> Iterator[SlotKey]:
    return (slot for slot, _ in zip(slots, range(number), strict=False))
