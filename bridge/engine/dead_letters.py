"""The dead-letter file: one synced JSON line for each dead delivery. The store is the truth, the file is a copy."""

import asyncio
import base64
import os
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import structlog

from bridge.clock import Clock
from bridge.errors import StoreError, StoreFailed
from bridge.model import DeadLetter, rfc3339
from bridge.sources.strict_json import Unreadable, dump_json, parse_json
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

VERSION = 1
PAGE = 100
RETRY_MS = 30_000
_BEGINNING = re.compile(rb'\{"v":\d+,"at":"([^"]+)","delivery":"([^"]+)",')


def as_json(letter: DeadLetter) -> dict[str, object]:
    """The dead letter as the file shows it: every key is always there."""
    event, death = letter.event, letter.death
    return {
        "v": VERSION,
        "at": rfc3339(letter.at_ms),
        "delivery": letter.delivery,
        "event": {
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "time": rfc3339(event.time_ms) if event.time_ms is not None else None,
            "body": body_as_json(event.content),
        },
        "rule": letter.rule,
        "step": death.step,
        "kind": str(death.kind),
        "code": death.code,
        "message": death.message,
        "mend": death.mend,
        "request": death.request,
        "response": death.response,
        "attempts": letter.attempts,
        "fingerprint": death.fingerprint,
    }


def body_as_json(content: bytes) -> object:
    """JSON as it is, anything else as `{"base64": …}`."""
    try:
        return parse_json(content)
    except Unreadable:
        return {"base64": base64.b64encode(content).decode()}


class DeadLetterFile:
    """Appends to the file; opened anew for each batch, so that a rotated or deleted file is no trouble."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        """A thread whose caller was cancelled writes on; the next one must see its lines before it looks."""

    def append(self, letters: Sequence[DeadLetter], *, look_first: bool) -> None:
        """Append one line each and sync.

        Args:
            letters: the new dead letters.
            look_first: leave out what the file has already: somebody may have been stopped between line and mark.

        Raises:
            OSError: the file could not be written; the letters stay unexported in the store.
        """
        with self._lock:
            self._append(letters, look_first=look_first)

    def _append(self, letters: Sequence[DeadLetter], *, look_first: bool) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "rb", closefd=True) as file:
            present = _deaths_in(file) if look_first else frozenset()
            lines = [_line(letter) for letter in letters if _death_of(letter) not in present]
            if lines:
                _write(descriptor, (b"" if _ends_whole(descriptor) else b"\n") + b"".join(lines))
            os.fsync(descriptor)
        if is_new:
            _sync_folder(self._path.parent)


def _line(letter: DeadLetter) -> bytes:
    return dump_json(as_json(letter)) + b"\n"


def _death_of(letter: DeadLetter) -> tuple[bytes, bytes]:
    """What tells one death from another: a delivery may die, be replayed, and die again."""
    return rfc3339(letter.at_ms).encode(), letter.delivery.encode()


def _deaths_in(file: Iterable[bytes]) -> frozenset[tuple[bytes, bytes]]:
    """The deaths of all whole lines, by the beginning that `as_json` gives them; a torn line does not count."""
    return frozenset(_whole_deaths(file))


def _whole_deaths(file: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in file:
        match = _BEGINNING.match(line)
        if match is not None and line.endswith(b"\n"):
            yield match[1], match[2]


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _ends_whole(descriptor: int) -> bool:
    """Whether the last line is whole; a crash or a full disk may have torn it."""
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as durable as its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DeadLetterCopy:
    """Keeps the file up to date with the store."""

    def __init__(self, store: Store, file: DeadLetterFile, clock: Clock) -> None:
        self._store = store
        self._file = file
        self._clock = clock
        self._signal = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._in_doubt = True
        """Whether the file may hold lines that the store does not know of: at the start, and after a failure."""

    def wake(self) -> None:
        """A delivery died."""
        self._signal.set()

    async def export(self) -> int:
        """Write what the file has not got yet; returns how many lines.

        Raises:
            OSError: the file cannot be written now.
            StoreError: the store cannot be asked or told now.
        """
        async with self._one_at_a_time:
            return await self._export()

    async def _export(self) -> int:
        total = 0
        while letters := await self._store.unexported_dead_letters(limit=PAGE):
            look_first, self._in_doubt = self._in_doubt, True
            await asyncio.to_thread(self._file.append, letters, look_first=look_first)
            await self._store.mark_exported([letter.delivery for letter in letters])
            self._in_doubt = False
            total += len(letters)
        return total

    async def run(self) -> None:
        """Export whenever something died, and again after a while when that failed; cancel to stop.

        Raises:
            StoreFailed: the store must not be trusted any more.
        """
        retry_at_ms: int | None = None
        while True:
            await self._clock.wait(self._signal, retry_at_ms)
            self._signal.clear()
            retry_at_ms = await self._try_to_export()

    async def _try_to_export(self) -> int | None:
        """Export; returns when to try again, None when all is written."""
        try:
            await self.export()
        except StoreFailed:
            raise
        except (OSError, StoreError) as error:
            problem = getattr(error, "strerror", None) or type(error).__name__
            log.error("dead_letters.file", problem=problem, help="the store has them; the file catches up")  # noqa: TRY400 - a traceback says no more
            return self._clock.now_ms() + RETRY_MS
        return None
