"""Repeats that a person wants: a stored event once more, or the sender's own next repeat of it.

An event that is taken in again is a new one, with an id of its own, as if the sender had repeated it and nobody had
recognised that. It meets the rules as they are now, and whatever they send has new idempotency keys. To start the
deliveries of the *same* event again, with the steps that are done left done, is `replay.Replays.rerun`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.clock import Clock
from bridge.engine.present import Present
from bridge.engine.query import MAX_ROWS, Row, WrongUse
from bridge.model import StoredEvent, rfc3339
from bridge.store.protocol import Lost, Pass, Store
from bridge.units import UnitError, format_duration, parse_duration

LET_IN_FOR = "15m"
"""How long the sender's next repeat is waited for unless a person says otherwise."""
LONGEST_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class TakenAgain:
    """What became of events that were to be taken in again."""

    replayed: list[Row]
    refused: list[Row]

    def to_json(self) -> Row:
        """The answer of the API."""
        return {"ok": not self.refused, "replayed": self.replayed, "refused": self.refused}


@dataclass(frozen=True, slots=True)
class LetThrough:
    """Whose next repeat is waited for, until when. Those `not_needed` are forgotten: a repeat is a new event anyway."""

    until: str
    waiting: list[Row]
    not_needed: list[Row]
    refused: list[Row]

    def to_json(self) -> Row:
        """The answer of the API."""
        return {
            "ok": not self.refused,
            "until": self.until,
            "waiting": self.waiting,
            "not_needed": self.not_needed,
            "refused": self.refused,
        }


class Redeliveries:
    """Lets in what is known already.

    Args:
        store: the durable memory.
        present: the configuration in use.
        clock: the time.
        arrived: told each event that was taken in, in their order; it is stored and waits for its rules.
    """

    def __init__(
        self, store: Store, present: Present, clock: Clock, *, arrived: Callable[[StoredEvent], None] | None
    ) -> None:
        self._store = store
        self._present = present
        self._clock = clock
        self._arrived = arrived

    async def take_again(self, event_ids: Sequence[str]) -> TakenAgain:
        """Take stored events in again; one that cannot be is named in `refused` and does not stop the others.

        Raises:
            WrongUse: there are no ids, or too many at once.
        """
        answers = await self._store.redeliver(_chosen(event_ids), now_ms=self._clock.now_ms())
        taken = [(answer.event, answer.repeats) for answer in answers if answer.event is not None]
        for event, _ in sorted(taken, key=lambda each: each[0].seq):
            if self._arrived is not None:
                self._arrived(event)
        return TakenAgain(
            [
                {"event": event.id, "repeats": repeats, "source": event.source, "type": event.type}
                for event, repeats in taken
            ],
            [self._refusal(answer.repeats, answer.lost) for answer in answers if answer.lost is not None],
        )

    async def let_through(self, event_ids: Sequence[str], within: str) -> LetThrough:
        """Have the sender's next repeat of each event taken in, once, when it comes within a time from now.

        Raises:
            WrongUse: there are no ids, or too many at once, or that is no such time.
        """
        until_ms = self._clock.now_ms() + _duration(within)
        passes = await self._store.let_through(_chosen(event_ids), until_ms=until_ms)
        return LetThrough(
            rfc3339(until_ms),
            [_named(each) for each in passes if each.needed],
            [_named(each) for each in passes if each.source is not None and not each.needed],
            [self._refusal(each.repeats, Lost.UNKNOWN) for each in passes if each.source is None],
        )

    def _refusal(self, event_id: str, lost: Lost) -> Row:
        return {"event": event_id, "message": self._why(event_id, lost)}

    def _why(self, event_id: str, lost: Lost) -> str:
        match lost:
            case Lost.UNKNOWN:
                return f"there is no event `{event_id}`"
            case Lost.PRUNED:
                kept = format_duration(self._present.configuration.settings.store.retention_ms)
                return (
                    f"the body of `{event_id}` is gone: `store.retention` keeps it for {kept}; have the sender send it "
                    "again, and let that in with `events replay --next`"
                )
            case Lost.DAMAGED:
                return (
                    f"the stored bytes of `{event_id}` are damaged; have the sender send it again, and let that in "
                    "with `events replay --next`"
                )


def _named(given: Pass) -> Row:
    return {"event": given.repeats, "source": given.source, "event_id": given.event_id}


def _chosen(event_ids: Sequence[str]) -> Sequence[str]:
    """The ids, each once."""
    if not 1 <= len(event_ids) <= MAX_ROWS:
        raise WrongUse(f"give from 1 to {MAX_ROWS} events at once")
    return list(dict.fromkeys(event_ids))


def _duration(text: str) -> int:
    try:
        milliseconds = parse_duration(text)
    except UnitError as error:
        raise WrongUse("how long to wait for the sender is a duration such as `15m` or `2h`") from error
    if not 0 < milliseconds <= LONGEST_MS:
        raise WrongUse(f"the sender's repeat is waited for at most {format_duration(LONGEST_MS)}, and for some time")
    return milliseconds
