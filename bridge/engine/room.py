"""Room that many sources use together, and each one's share of it: between the door and the rules, and at the door."""

from typing import Self


class Room:
    """Counts what takes places: events that wait for their rules, bodies on their way.

    One source alone may fill the room. Beside others it may have as many places as are still free: one that floods then
    ends at half, two at a third each, and as much again stays free for the others. No number of sources and no share
    needs to be configured. (Switches share their buffers in this way: Choudhury and Hahne, "Dynamic Queue
    Length Thresholds", 1998.)

    Args:
        places: how many there are. Who comes in with several may go beyond it, because a request is taken whole.
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

    def taken_by(self, source: str) -> int:
        """How many places a source has."""
        return self._by_source.get(source, 0)

    def share(self, source: str, *, alone: bool) -> "Share":
        """What one request will take, for as long as its `with` lasts."""
        return Share(self, source, alone=alone)


class Share:
    """What one request takes of a room."""

    def __init__(self, room: Room, source: str, *, alone: bool) -> None:
        self._room = room
        self._source = source
        self._alone = alone
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._taken:
            self._room.leave(self._source, self._taken)

    def take(self, count: int) -> bool:
        """Take so many places more, if there are; the only request of a source always may, or none ever could."""
        is_only = self._room.taken_by(self._source) == self._taken
        if not is_only and not self._room.admits(self._source, alone=self._alone):
            return False
        self._room.enter(self._source, count)
        self._taken += count
        return True
