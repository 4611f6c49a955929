"""Raw requests that a person asked to see: each is written down as it came, synced, before it is answered.

They hold what a sender sent, proofs included, so files are 0600 in folders of 0700, and what is shown is masked.
A capture ends by itself: after a time, a number of requests, a number of bytes, or when the disk gets full. Its files
stay for as long as `store.retention` says.
"""

import asyncio
import re
from dataclasses import dataclass, field

import structlog

from bridge.clock import Clock
from bridge.configuration.model import Configuration
from bridge.engine.capture_files import Answered, CaptureFolder, CaptureFolders, RawRequest, Row
from bridge.errors import UsageError
from bridge.model import rfc3339

log = structlog.get_logger(__name__)

MIB = 1024 * 1024
MOST_REQUESTS = 1_000
MOST_BYTES = 64 * MIB
"""In the folder of one source, what earlier captures left included."""
MOST_BYTES_OF_ALL = 256 * MIB
"""In the folders of all sources."""
MOST_AT_ONCE = 16

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(slots=True)
class Space:
    """How many more bytes all captures together may take; measured when one begins."""

    left: int = 0


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
        space: shared with the other captures.
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
    space: Space
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
            self.end(f"its files would take more than {MOST_BYTES // MIB} MiB")
            return False
        if request.size > self.space.left:
            self.end(f"the files of all captures would take more than {MOST_BYTES_OF_ALL // MIB} MiB")
            return False
        self.number, self.left, self.bytes_left = self.number + 1, self.left - 1, self.bytes_left - request.size
        self.space.left -= request.size
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
        shown = [await asyncio.to_thread(self._shown, each) for each in new]
        return {**self.to_json(), "requests": [each for each in shown if each], "next": seen + len(new)}

    def _shown(self, number: int) -> Row | None:
        """One, for people; None when its time was over before anybody looked."""
        try:
            return self.folder.shown(number, self.proofs)
        except FileNotFoundError:
            return None

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


def begin_capture(
    configuration: Configuration, source: str, *, now_ms: int, until_ms: int, count: int, space: Space | None = None
) -> Capture:
    """A new capture of a source, or of `/hooks/NAME` for a name that no source has.

    What earlier captures left beyond `store.retention` is removed first.

    Args:
        configuration: where the store is, and the sources.
        source: the name.
        now_ms: the time.
        until_ms: when it ends by itself.
        count: how many requests to take; with what is in the folder already not more than `MOST_REQUESTS`.
        space: shared with the other captures of this process; it is measured anew.

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
    folders, space = CaptureFolders.beside(configuration), space or Space()
    folder = folders.of(source)
    try:
        folders.prune(now_ms - configuration.settings.store.retention_ms)  # a daemon says what cannot be removed
        number, requests, size = folder.taken()
        space.left = MOST_BYTES_OF_ALL - folders.size()
    except OSError as error:
        raise UsageError(f"cannot use the folder `{folder.path}`: {error.strerror}") from None
    if requests >= MOST_REQUESTS or size >= MOST_BYTES:
        raise UsageError(f"`{folder.path}` holds {requests} requests already: delete what you do not need")
    if space.left <= 0:
        raise UsageError(f"`{folders.path}` holds {MOST_BYTES_OF_ALL // MIB} MiB already: delete what you do not need")
    proofs = frozenset[str]() if known is None else known.proof_names
    left = min(count, MOST_REQUESTS - requests)
    return Capture(source, path, folder, until_ms, left, number, MOST_BYTES - size, space, proofs)


class Captures:
    """The captures of a daemon, by the path that they are about; the last ones stay until others take their places."""

    def __init__(self) -> None:
        self.space = Space()
        """What they share."""
        self._by_path: dict[str, Capture] = {}
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
