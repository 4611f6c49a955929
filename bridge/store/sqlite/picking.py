"""Picking: which of the deliveries that may start are to start now, when there is no room for all.

There are two classes, live deliveries and a person's replays, and in each the queues of those that wait for a
budget. Every class and queue is a range of one index: nothing that must go on waiting is read.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bridge.model import Delivery
from bridge.store.sqlite.session import Session, SqlValue, dump


class _Candidate(NamedTuple):
    """One who may start; candidates are in order by due time, then number."""

    due_at_ms: int
    seq: int
    queue: str


@dataclass(frozen=True, slots=True)
class Choice:
    """How many may start: `limit` in all, `replays` of them replays (None: any), and per queue so many of each.

    A delivery in a queue that is not named in `queues` may not start. Where more want to start from a queue than may,
    `turns` says how many of them are to be replays; of a queue that it does not name, due times decide.
    """

    destination: str
    now_ms: int
    limit: int
    replays: int | None
    queues: Mapping[str, int]
    turns: Mapping[str, int]

    @property
    def room(self) -> bool:
        """Whether anybody may start."""
        return self.limit > 0

    def less(self, taken: Sequence[Delivery]) -> "Choice":
        """What is left of it when these have started."""
        used = Counter(delivery.queue for delivery in taken)
        again = Counter(delivery.queue for delivery in taken if delivery.replay)
        replays = again.total()
        return replace(
            self,
            limit=self.limit - len(taken),
            replays=None if self.replays is None else self.replays - replays,
            queues={queue: room - used[queue] for queue, room in self.queues.items()},
            turns={queue: max(0, turns - again[queue]) for queue, turns in self.turns.items()},
        )


def pick(session: Session, choice: Choice) -> list[int]:
    """The numbers of those who start, by due time, then number."""
    most = choice.limit if choice.replays is None else min(choice.limit, choice.replays)
    replays = sorted(_candidates(session, choice, replay=True, limit=most))[:most]
    live = _candidates(session, choice, replay=False, limit=choice.limit)
    chosen_live: list[_Candidate] = []
    chosen_replays: list[_Candidate] = []
    for queue in {one.queue for one in (*live, *replays)}:
        room = choice.queues[queue] if queue else choice.limit
        for_live, for_replays = _share(_of(queue, live), _of(queue, replays), room, choice.turns.get(queue))
        chosen_live += for_live
        chosen_replays += for_replays
    for_live, for_replays = _share(sorted(chosen_live), sorted(chosen_replays), choice.limit)
    return [one.seq for one in sorted((*for_live, *for_replays))]


def _candidates(session: Session, choice: Choice, *, replay: bool, limit: int) -> list[_Candidate]:
    if limit <= 0:
        return []
    where: dict[str, SqlValue] = {
        "destination": choice.destination,
        "replay": replay,
        "now": choice.now_ms,
        "limit": limit,
    }
    found = session.tuples("pick_free", where)
    queues = {queue: room for queue, room in choice.queues.items() if queue and room > 0}
    if queues:
        where |= {"queues": dump(list(queues)), "limit": min(limit, max(queues.values()))}
        found += session.tuples("pick_queued", where)
    return [_Candidate._make(row) for row in found]


def _of(queue: str, candidates: Iterable[_Candidate]) -> list[_Candidate]:
    return sorted(one for one in candidates if one.queue == queue)


def _share(
    live: Sequence[_Candidate], replays: Sequence[_Candidate], room: int, turns: int | None = None
) -> tuple[list[_Candidate], list[_Candidate]]:
    """Share `room` places out between two classes, each in order.

    With `turns` so many are for replays, and what one class leaves over is for the other. Without, replays come first:
    the caller has bounded their number, and behind a long backlog they would never have a turn. Where they would take
    every place, due times decide, so that the live ones have theirs.
    """
    if turns is not None:
        some = replays[: max(min(turns, room), room - len(live))]
        return list(live[: room - len(some)]), list(some)
    if len(replays) < room:
        return list(live[: room - len(replays)]), list(replays)
    first = set(sorted((*live, *replays))[:room])
    return [one for one in live if one in first], [one for one in replays if one in first]
