"""Where captured requests are: a folder for each source, in it the files of each request, 0600 as they hold proofs.

They are kept no longer than what they are about is kept in the store, and all together have a bound.
"""

import base64
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import parse_qsl

from bridge.configuration.model import Configuration
from bridge.model import rfc3339
from bridge.sources.body_masks import masked_body
from bridge.sources.masks import masked_pairs

VERSION = 1
FOLDER = "captures"
"""Beside the store; below it a folder for each source."""
FREE_BYTES = 256 * 1024 * 1024
"""With less free space on the disk nothing is captured."""
OVERHEAD_BYTES = 1_024

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


class Pruned(NamedTuple):
    """How many files were removed, and the first problem with one that should have been."""

    files: int
    problem: OSError | None


class CaptureFolders:
    """The folders of all sources."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def beside(cls, configuration: Configuration) -> Self:
        """Those beside the store."""
        return cls(configuration.settings.store.store_path(configuration.base_dir).parent / FOLDER)

    def of(self, source: str) -> CaptureFolder:
        """One source's."""
        return CaptureFolder(self.path / source)

    def size(self) -> int:
        """How many bytes the captured requests of all sources take.

        Raises:
            OSError: they cannot be read.
        """
        return sum(entry.stat(follow_symlinks=False).st_size for entry in self._files())

    def prune(self, before_ms: int) -> Pruned:
        """Remove what was captured before a time, whatever else lies there; what cannot be removed stops nothing else.

        Raises:
            OSError: the folders cannot be read.
        """
        removed, problem = 0, None
        for entry in list(self._files()):
            try:
                if entry.stat(follow_symlinks=False).st_mtime_ns < before_ms * 1_000_000:
                    Path(entry.path).unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # somebody else tidies up, too
            except OSError as error:
                problem = problem or error
        return Pruned(removed, problem)

    def _files(self) -> Iterator[os.DirEntry[str]]:
        """Those that a capture wrote; a link leads nowhere."""
        for folder in os.scandir(self.path) if self.path.is_dir() else ():
            if folder.is_dir(follow_symlinks=False):
                yield from (entry for entry in os.scandir(folder) if _is_ours(entry))


def _is_ours(entry: os.DirEntry[str]) -> bool:
    return _NUMBERED.fullmatch(entry.name) is not None and entry.is_file(follow_symlinks=False)


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
