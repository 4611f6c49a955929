"""Whose turn it is to be claimed from the queue of a limit: a live delivery's or a replay's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from bridge.model import Delivery

WHOLE: Final = 100


class Turns:
    """The turns in each queue of a destination: of 100 places that both classes want, replays have their share.

    Every place that is taken earns replays their share of one, and each replay spends a whole one. What neither class
    disputes does not add up: no more than one place is ever in hand.
    """

    def __init__(self) -> None:
        self._earned: defaultdict[str, int] = defaultdict(int)

    def of_replays(self, queues: Mapping[str, int], share: int) -> dict[str, int]:
        """How many of the places of each queue are for replays; `share` is in percent."""
        return {queue: (self._earned[queue] + room * share) // WHOLE for queue, room in queues.items()}

    def taken(self, claimed: Iterable[Delivery], share: int) -> None:
        """These have their place now."""
        earned: defaultdict[str, int] = defaultdict(int)
        for delivery in claimed:
            earned[delivery.queue] += share - WHOLE * delivery.replay
        for queue, some in earned.items():
            if queue:
                self._earned[queue] = min(max(0, self._earned[queue] + some), WHOLE)
