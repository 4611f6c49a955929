"""Which delivery is in hand: a mark that outlives the process, so that the one that ended it can be named.

Our own code runs on one thread, so at any instant at most one delivery is being rendered or judged. Its number is
written into a mapped page before and cleared after. Nothing is synced: the page survives the end of the process,
and a power cut is nobody's fault. So of hundreds of deliveries that were waiting when the process ended, only the
one that was in hand is suspected (fact C15).
"""

import mmap
import os
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

_BYTES = 8
_NONE = bytes(_BYTES)


class Hand:
    """The mark, in a file of eight bytes beside the store.

    Args:
        path: the file; it is created with mode 0600.

    Raises:
        OSError: the file cannot be created or mapped.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, _BYTES)
            self._page = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)

    def left_by_the_last_process(self) -> int | None:
        """The number of the delivery that the process before us had in hand when it ended; None when none."""
        number = int.from_bytes(self._page[:], "little")
        self._page[:] = _NONE
        return number or None

    def holding(self, delivery_seq: int) -> AbstractContextManager[None]:
        """Mark a delivery for the length of a block, or of several; a block must not wait for anything."""
        return _Holding(self._page, delivery_seq.to_bytes(_BYTES, "little"))

    def close(self) -> None:
        """Unmap the page. Idempotent."""
        self._page.close()


class _Holding:
    """The block in which a delivery is in hand; not a generator, since each delivery enters several."""

    __slots__ = ("_number", "_page")

    def __init__(self, page: mmap.mmap, number: bytes) -> None:
        self._page = page
        self._number = number

    def __enter__(self) -> None:
        self._page[:] = self._number

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._page[:] = _NONE
