"""Pauses by hand: kept in the store's notes, which alone say whether one holds, and shown to the gates."""

from dataclasses import dataclass

from bridge.clock import Clock
from bridge.diagnostics import quoted_list, suggest
from bridge.engine.query import WrongUse
from bridge.model import rfc3339
from bridge.outbound.gate import PauseReason
from bridge.outbound.outlet import Outlets
from bridge.store.protocol import Store

PREFIX = "pause/"
NO_REASON = "paused by hand"


@dataclass(frozen=True, slots=True)
class Before:
    """How a destination stood before a decision: `state` is open or paused."""

    state: str
    reason: str | None = None
    detail: str | None = None

    def to_json(self) -> dict[str, object]:
        """For an answer."""
        return {"state": self.state, "reason": self.reason, "detail": self.detail}


class Pauses:
    """Pauses and resumes destinations, durably.

    Args:
        store: keeps the note `pause/NAME`.
        outlets: the destinations in use, whose gates follow the notes.
        clock: the time.
    """

    def __init__(self, store: Store, outlets: Outlets, clock: Clock) -> None:
        self._store = store
        self._outlets = outlets
        self._clock = clock

    async def restore(self) -> None:
        """Bring the gates in line with the notes: at the start, and after a reload made new gates."""
        notes = await self._store.notes(PREFIX)
        for name, outlet in self._outlets.all().items():
            note = notes.get(PREFIX + name)
            if note is not None:
                self._close(name, _detail(note))
            else:
                outlet.gate.open(PauseReason.OPERATOR)

    async def pause(self, name: str, detail: str) -> Before:
        """Send nothing to the destination until it is resumed; the note is durable before the gate closes.

        Raises:
            WrongUse: there is no such destination.
        """
        self._check(name, known=())
        before = await self._before(name)
        await self._store.write_notes({PREFIX + name: {"detail": detail, "since": rfc3339(self._clock.now_ms())}})
        self._close(name, detail)
        return before

    async def resume(self, name: str) -> Before:
        """End any pause of the destination: one by hand, and one for refused credentials.

        Raises:
            WrongUse: there is no such destination, and none of that name was paused.
        """
        noted = tuple(key.removeprefix(PREFIX) for key in await self._store.notes(PREFIX))
        self._check(name, known=noted)
        before = await self._before(name)
        await self._store.write_notes({PREFIX + name: None})
        outlet = self._outlets.get(name)
        if outlet is not None:
            outlet.gate.open()
        return before

    async def by_hand(self) -> dict[str, str]:
        """Every destination that is paused by hand, with the reason given; also one that is not configured now."""
        notes = await self._store.notes(PREFIX)
        return {key.removeprefix(PREFIX): _detail(note) for key, note in notes.items()}

    def _close(self, name: str, detail: str) -> None:
        outlet = self._outlets.get(name)
        if outlet is not None:
            outlet.gate.open(PauseReason.OPERATOR)  # so that a new reason takes the place of the old one
            outlet.gate.close(PauseReason.OPERATOR, detail)

    async def _before(self, name: str) -> Before:
        outlet = self._outlets.get(name)
        if outlet is not None and outlet.gate.pause is not None:
            return Before("paused", str(outlet.gate.pause.reason), outlet.gate.pause.detail)
        detail = (await self.by_hand()).get(name)
        return Before("open") if detail is None else Before("paused", str(PauseReason.OPERATOR), detail)

    def _check(self, name: str, *, known: tuple[str, ...]) -> None:
        configured = self._outlets.all()
        if name in configured or name in known:
            return
        near = suggest(name, configured)
        said = f"did you mean `{near}`?" if near else f"destinations are {quoted_list(sorted(configured))}"
        raise WrongUse(f"there is no such destination; {said}")


def _detail(note: object) -> str:
    """The reason in a note, whoever wrote it."""
    return str(note.get("detail") or NO_REASON) if isinstance(note, dict) else NO_REASON
