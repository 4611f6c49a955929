"""The dead-letter file: one synced JSON line for each dead delivery. The store is the truth, the file is a copy."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
import structlog

from bridge.model import DeadLetter, rfc3339
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

VERSION = 1
PAGE = 100
RETRY_MS = 30_000


def as_json(letter: DeadLetter) -> dict[str, object]:
    """The dead letter as the file and the API show it: every key is always there."""
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
    import base64  # noqa: PLC0415 - only for what is not JSON

    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return {"base64": base64.b64encode(content).decode()}


class DeadLetterFile:
    """Appends to the file; opened anew for each batch, so that a rotated or deleted file is no trouble."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, letters: Iterable[DeadLetter]) -> None:
        """Append one line each and sync.

        Raises:
            OSError: the file could not be written; the letters stay unexported in the store.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            present = self._delivery_lines(descriptor)
            lines = [
                orjson.dumps(as_json(letter)) + b"\n"
                for letter in letters
                if (letter.delivery, rfc3339(letter.at_ms)) not in present
            ]
            data = (b"" if self._ends_whole(descriptor) else b"\n") + b"".join(lines)
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @staticmethod
    def _ends_whole(descriptor: int) -> bool:
        """Whether the last line is whole; a crash may have torn it."""
        size = os.fstat(descriptor).st_size
        return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"

    @staticmethod
    def _delivery_lines(descriptor: int, window: int = 262_144) -> set[tuple[str, str]]:
        """Which deaths the end of the file holds already: a crash may have come between the line and the mark."""
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, window, max(0, size - window))
        present = set()
        for line in tail.split(b"\n"):
            try:
                letter = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue  # torn, or cut by the window
            if isinstance(letter, Mapping):
                present.add((str(letter.get("delivery")), str(letter.get("at"))))
        return present


class DeadLetterCopy:
    """Keeps the file up to date with the store."""

    def __init__(self, store: Store, file: DeadLetterFile) -> None:
        self._store = store
        self._file = file
        self._signal = asyncio.Event()

    def wake(self) -> None:
        """A delivery died."""
        self._signal.set()

    async def export(self) -> int:
        """Write what the file has not got yet; returns how many lines.

        Raises:
            OSError: the file cannot be written now.
        """
        total = 0
        while letters := await self._store.unexported_dead_letters(limit=PAGE):
            await asyncio.to_thread(self._file.append, letters)
            await self._store.mark_exported([letter.delivery for letter in letters])
            total += len(letters)
        return total

    async def run(self) -> None:
        """Export whenever something died; cancel to stop."""
        while True:
            await self._signal.wait()
            self._signal.clear()
            try:
                await self.export()
            except OSError as error:
                log.error("dead_letters.file", problem=error.strerror, help="the store has them; the file catches up")  # noqa: TRY400
