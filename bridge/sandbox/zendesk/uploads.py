"""Files that were uploaded and wait for a comment that takes them, and those that one has taken."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from secrets import token_urlsafe
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.answers import Call
from bridge.sandbox.zendesk.refusals import invalid_attribute, invalid_record, named_error, not_found

LIFE_MS = 60 * 60_000
MAX_BYTES = 50 * 1024 * 1024
_FIRST_ID = 498_001


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file; `key` is the part of its address that opens it."""

    id: int
    key: str
    name: str
    type: str
    content: bytes

    def shown(self, root: str) -> dict[str, Any]:
        """The file as the attachments API gives it."""
        url = f"{root}/attachments/token/{self.key}/?name={self.name}"
        return {
            "id": self.id,
            "url": f"{root}/api/v2/attachments/{self.id}.json",
            "file_name": self.name,
            "content_type": self.type,
            "content_url": url,
            "mapped_content_url": url,
            "size": len(self.content),
            "width": None,
            "height": None,
            "inline": False,
            "deleted": False,
            "malware_access_override": False,
            "malware_scan_result": "not_scanned",
            "thumbnails": [],
        }


@dataclass(slots=True)
class _Upload:
    expires_ms: int
    files: list[Attachment]


class Uploads:
    """All files of an account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ids = count(_FIRST_ID)
        self._waiting: dict[str, _Upload] = {}
        self._files: dict[int, Attachment] = {}

    def add(self, call: Call) -> tuple[str, list[Attachment]]:
        """Keep an uploaded file; gives its token and all files under it.

        Raises:
            Refused: 400 without a name, 413 beyond 50 MB, 422 for a token that is none any more.
        """
        name, token = call.asked("filename"), call.asked("token")
        if not name:
            raise invalid_attribute("filename", "given")
        if len(call.content) > MAX_BYTES:
            raise named_error(413, "AttachmentTooLarge", "The file is larger than 50 MB")
        if token is None:
            token = token_urlsafe(18)
            self._waiting[token] = _Upload(self._clock.now_ms() + LIFE_MS, [])
        upload = self._open(token)
        file = Attachment(next(self._ids), token_urlsafe(18), name, call.media_type, call.content)
        self._files[file.id] = file
        upload.files.append(file)
        return token, list(upload.files)

    def take(self, tokens: Any) -> list[Attachment]:
        """The files behind a comment's tokens, which are used up then.

        Raises:
            Refused: 400 for the shape, 422 for a token that has expired or was used.
        """
        if isinstance(tokens, str):
            tokens = [tokens]
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise invalid_attribute("uploads", "a list of tokens")
        taken = [file for token in tokens for file in self._open(token).files]
        for token in tokens:
            del self._waiting[token]
        return taken

    def get(self, file_id: int) -> Attachment:
        """One file by its number.

        Raises:
            Refused: 404.
        """
        file = self._files.get(file_id)
        if file is None:
            raise not_found()
        return file

    def by_key(self, key: str) -> Attachment:
        """One file by the key in its address.

        Raises:
            Refused: 404.
        """
        file = next((file for file in self._files.values() if file.key == key), None)
        if file is None:
            raise not_found()
        return file

    def _open(self, token: str) -> _Upload:
        upload = self._waiting.get(token)
        if upload is None or upload.expires_ms <= self._clock.now_ms():
            raise invalid_record("uploads", "Uploads: the token is invalid or has expired", "InvalidValue")
        return upload


def uploaded(token: str, files: Iterable[Attachment], root: str) -> Mapping[str, Any]:
    """The answer to an upload."""
    all_ = [file.shown(root) for file in files]
    return {"upload": {"token": token, "attachment": all_[-1], "attachments": all_}}
