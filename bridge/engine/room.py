"""The room between the door and the rules, and each source's share of it."""


class Room:
    """Counts the events that wait for their rules, and those beside the first of each request that is being stored.

    One source alone may fill the room. Beside others it may have as many places as are still free: one that floods then
    ends at half, two at a third each, and as much again stays free for the others. No number of sources and no share
    needs to be configured. (Switches share their buffers in this way: Choudhury and Hahne, "Dynamic Queue
    Length Thresholds", 1998.)

    Args:
        places: how many events there is room for. A request may go beyond it, because it is taken whole.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._by_source: dict[str, int] = {}
        self._taken = 0

    def admits(self, source: str, *, alone: bool) -> bool:
        """Whether one more request of a source may come in; `alone` says that there is no other source."""
        free = self._places - self._taken
        return free > 0 and (alone or self._by_source.get(source, 0) < free)

    def enter(self, source: str, count: int) -> None:
        """So many events of a source take their places."""
        self._by_source[source] = self._by_source.get(source, 0) + count
        self._taken += count

    def leave(self, source: str, count: int) -> None:
        """So many events of a source give their places back."""
        self._taken -= count
        left = self._by_source[source] - count
        if left:
            self._by_source[source] = left
        else:
            del self._by_source[source]  # a source that is gone leaves nothing behind
