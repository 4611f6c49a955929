"""Raw requests that a person asked to see: each is written down as it came, synced, before it is answered.

They hold what a sender sent, proofs included, so files are 0600 in folders of 0700, and what is shown is masked.
A capture ends by itself: after a time, a number of requests, a number of bytes, or when the disk gets full.
"""

import asyncio
import base64
import json
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import structlog

from bridge.clock import Clock
from bridge.configuration.model import Configuration
from bridge.errors import UsageError
from bridge.model import rfc3339
from bridge.sources.body_masks import masked_body
from bridge.sources.masks import masked_pairs

log = structlog.get_logger(__name__)

VERSION = 1
FOLDER = "captures"
"""Beside the store; below it a folder for each source."""
MOST_REQUESTS = 1_000
MOST_BYTES = 64 * 1024 * 1024
"""In the folder of one source, what earlier captures left included."""
FREE_BYTES = 256 * 1024 * 1024
"""With less free space on the disk nothing is captured."""
MOST_AT_ONCE = 16
OVERHEAD_BYTES = 1_024

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NUMBERED = re.compile(r"([0-9]{4,})\.(request\.json|body\.[a-z]{1,4})")
_ENDINGS = {"json": ".json", "x-www-form-urlencoded": ".txt", "plain": ".txt", "xml": ".xml"}
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came. `query` is undecoded; a header's bytes that are no UTF-8 are lone surrogates."""

    at_ms: int
    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def size(self) -> int:
        """How many bytes its files take, about."""
        head = sum(len(name) + len(value) for name, value in self.headers) + len(self.path) + len(self.query)
        return OVERHEAD_BYTES + 2 * head + len(self.body) + len(self.body) * 4 // 3

    @property
    def body_ending(self) -> str:
        """How the file with its body ends, by its content type."""
        essence = _content_type(self.headers).partition(";")[0].strip().lower()
        subtype = essence.rpartition("/")[2].rpartition("+")[2]
        return _ENDINGS.get(subtype, ".bin")


@dataclass(frozen=True, slots=True)
class Answered:
    """What the sender was told; `code` and `why` of a refusal, `scheme` which proof was looked for."""

    status: int
    code: str | None = None
    why: str | None = None
    scheme: str | None = None


class CaptureFolder:
    """The files of one source's captures: `0001.request.json`, and the plain body beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def taken(self) -> tuple[int, int, int]:
        """(the highest number, how many requests, how many bytes) that the folder holds.

        Raises:
            OSError: it cannot be made or read.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        names = [entry for entry in os.scandir(self.path) if entry.is_file()]
        found = [match for entry in names if (match := _NUMBERED.fullmatch(entry.name))]
        # a body alone is left by a process that died in between; its number is taken all the same
        number = max((int(match[1]) for match in found), default=0)
        requests = sum(match[2] == "request.json" for match in found)
        return number, requests, sum(entry.stat().st_size for entry in names)

    def write(self, number: int, request: RawRequest, answered: Answered) -> None:
        """Write one, and return when it is on the disk.

        Raises:
            OSError: it could not be written.
        """
        if shutil.disk_usage(self.path).free < FREE_BYTES:
            raise OSError(f"less than {FREE_BYTES // 1024 // 1024} MiB of the disk are free")
        body = f"{number:04}.body{request.body_ending}"
        record = {
            "v": VERSION,
            "number": number,
            "at": rfc3339(request.at_ms),
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": [list(pair) for pair in request.headers],
            "body_file": body,
            "body_base64": base64.b64encode(request.body).decode(),
            "answered": {
                "status": answered.status,
                "code": answered.code,
                "why": answered.why,
                "scheme": answered.scheme,
            },
        }
        _write_synced(self.path / body, request.body)
        # not orjson, which takes no lone surrogates
        _write_synced(self.path / f"{number:04}.request.json", json.dumps(record, indent=1).encode() + b"\n")
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def shown(self, number: int, proofs: Collection[str] = ()) -> Row:
        """One, for people: what proves somebody's identity is masked.

        Args:
            number: which.
            proofs: names of headers, parameters, keys and fields to mask besides those that look like credentials.

        Raises:
            OSError: it is not there.
        """
        record = json.loads((self.path / f"{number:04}.request.json").read_bytes())
        body = base64.b64decode(record["body_base64"])
        headers = [(name, value) for name, value in record["headers"]]
        return {
            "number": number,
            "at": record["at"],
            "method": record["method"],
            "path": record["path"],
            "query": [list(pair) for pair in masked_pairs(_parameters(record["query"]), proofs)],
            "headers": [list(pair) for pair in masked_pairs(headers, proofs)],
            "bytes": len(body),
            "body": masked_body(body, _content_type(headers), proofs),
            "body_file": str(self.path / record["body_file"]),
            **record["answered"],
        }


def _content_type(headers: Sequence[tuple[str, str]]) -> str:
    """The first one; empty if there is none."""
    return next((value for name, value in headers if name.lower() == "content-type"), "")


def _parameters(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, errors="replace")


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@dataclass(slots=True)
class Capture:
    """What is being captured of one source.

    Attributes:
        source: whose.
        path: where it is served.
        folder: where the files are.
        until_ms: when it ends by itself.
        left: how many more requests are taken.
        number: the highest one that was given out.
        bytes_left: how many more bytes are taken.
        proofs: names of headers, parameters, keys and fields that hold the source's proof.
        writing: how many are being written now.
        ended: why it is over; None while it goes on.
    """

    source: str
    path: str
    folder: CaptureFolder
    until_ms: int
    left: int
    number: int
    bytes_left: int
    proofs: frozenset[str] = frozenset()
    writing: int = 0
    ended: str | None = None
    written: list[int] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def is_over(self, now_ms: int) -> bool:
        """Whether it takes nothing more."""
        if self.ended is None and now_ms >= self.until_ms:
            self.end("its time is over")
        return self.ended is not None

    def end(self, why: str) -> None:
        """Take nothing more."""
        self.ended = self.ended or why
        self.tell()

    def tell(self) -> None:
        """Something happened: whoever waits looks again."""
        signal, self.changed = self.changed, asyncio.Event()
        signal.set()

    async def write(self, request: RawRequest, answered: Answered) -> bool:
        """Write a request down; whether it is on the disk. When it cannot be, the capture ends and says why."""
        if self.is_over(request.at_ms) or self.left <= 0:
            return False
        if request.size > self.bytes_left:
            self.end(f"its files would take more than {MOST_BYTES // 1024 // 1024} MiB")
            return False
        self.number, self.left, self.bytes_left = self.number + 1, self.left - 1, self.bytes_left - request.size
        number = self.number
        self.writing += 1
        try:
            await asyncio.to_thread(self.folder.write, number, request, answered)
        except OSError as error:
            reason = error.strerror or str(error)
            log.warning("capture.failed", source=self.source, problem=reason, help="the capture is over")
            self.end(f"it cannot be written: {reason}")
            return False
        finally:
            self.writing -= 1
        self.written.append(number)
        if self.left == 0 and self.writing == 0:
            self.end("all requests that were asked for came")
        self.tell()
        return True

    async def after(self, seen: int, clock: Clock, *, within_ms: int, rows: int) -> Row:
        """What was written after so many; waits for it for a while, or until the capture is over.

        The answer's `next` is what to ask with after it. (Numbers do not serve: the files of two requests may be
        finished in the other order.)
        """
        until_ms = clock.now_ms() + within_ms
        while True:
            now_ms, changed = clock.now_ms(), self.changed
            new = self.written[seen : seen + rows]
            if new or self.is_over(now_ms) or now_ms >= until_ms:
                break
            await clock.wait(changed, min(until_ms, self.until_ms))
        shown = [await asyncio.to_thread(self.folder.shown, each, self.proofs) for each in new]
        return {**self.to_json(), "requests": shown, "next": seen + len(new)}

    def to_json(self) -> Row:
        """For people."""
        return {
            "source": self.source,
            "path": self.path,
            "until": rfc3339(self.until_ms),
            "left": self.left,
            "folder": str(self.folder.path),
            "taken": len(self.written),
            "ended": self.ended,
        }


def begin_capture(configuration: Configuration, source: str, *, until_ms: int, count: int) -> Capture:
    """A new capture of a source, or of `/hooks/NAME` for a name that no source has.

    Args:
        configuration: where the store is, and the sources.
        source: the name.
        until_ms: when it ends by itself.
        count: how many requests to take; with what is in the folder already not more than `MOST_REQUESTS`.

    Raises:
        UsageError: the name cannot be one, earlier captures fill the folder, or it cannot be used.
    """
    if not 1 <= count <= MOST_REQUESTS:
        raise UsageError(f"a capture takes 1 to {MOST_REQUESTS} requests")
    if not _NAME.fullmatch(source):
        raise UsageError(
            "a source's name is up to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
        )
    known = configuration.sources.get(source)
    path = known.path if known is not None else f"/hooks/{source}"
    if known is None and any(each.path == path for each in configuration.sources.values()):
        raise UsageError(f"another source is served at `{path}`: capture that one")
    beside = configuration.settings.store.store_path(configuration.base_dir).parent
    folder = CaptureFolder(beside / FOLDER / source)
    try:
        number, requests, size = folder.taken()
    except OSError as error:
        raise UsageError(f"cannot use the folder `{folder.path}`: {error.strerror}") from None
    if requests >= MOST_REQUESTS or size >= MOST_BYTES:
        raise UsageError(f"`{folder.path}` holds {requests} requests already: delete what you do not need")
    proofs = frozenset[str]() if known is None else known.proof_names
    left = min(count, MOST_REQUESTS - requests)
    return Capture(source, path, folder, until_ms, left, number, MOST_BYTES - size, proofs)


class Captures:
    """The captures of a daemon, by the path that they are about; the last ones stay until others take their places."""

    def __init__(self) -> None:
        self._by_path: Mapping[str, Capture] = {}
        self._by_source: dict[str, Capture] = {}

    def at(self, path: str) -> Capture | None:
        """The capture of what comes to a path."""
        return self._by_path.get(path)

    def of(self, source: str) -> Capture:
        """The last capture of a source.

        Raises:
            UsageError: there was none.
        """
        found = self._by_source.get(source)
        if found is None:
            raise UsageError(f"nothing is captured of `{source}`: the daemon may have been started again")
        return found

    def add(self, capture: Capture, now_ms: int) -> None:
        """One more; one of the same source ends.

        Raises:
            UsageError: there are too many.
        """
        self.sweep(now_ms)
        before = self._by_source.pop(capture.source, None)
        if before is not None:
            before.end("another one began")
        if sum(not each.is_over(now_ms) for each in self._by_source.values()) >= MOST_AT_ONCE:
            raise UsageError(f"{MOST_AT_ONCE} sources are captured already")
        while len(self._by_source) >= MOST_AT_ONCE:
            del self._by_source[next(name for name, each in self._by_source.items() if each.is_over(now_ms))]
        self._by_source[capture.source] = capture
        self.sweep(now_ms)

    def sweep(self, now_ms: int) -> None:
        """Look which are over, so that their paths are as before."""
        self._by_path = {each.path: each for each in self._by_source.values() if not each.is_over(now_ms)}
