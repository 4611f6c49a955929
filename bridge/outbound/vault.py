"""Refresh tokens that the API replaced: kept in a file of our own, because the configured one is void by then.

What remains is the vendor's own open window: a crash after the token endpoint made the new pair and before we could
write it loses the new refresh token, and the old one may be void. The endpoint then refuses the old one, the
destination pauses, and a person has to authorise anew. No client can close that.
"""

import asyncio
import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Final

import orjson

FILE_NAME: Final = "credentials.json"


class VaultFailed(Exception):  # noqa: N818 - reads as what happened
    """The file could not be read or written; no token may be used that it does not hold."""


class Vault:
    """The file beside the store, readable for its owner only. Reading and writing block: call them from a thread.

    A token is found by the destination's name and a digest of the refresh token in the configuration, so that a newly
    configured one is used at once and what came from the former one is forgotten.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._turns: dict[str, asyncio.Lock] = {}

    def turn(self, destination: str) -> asyncio.Lock:
        """Whose turn it is to read the token, use it and write the next: it may be used once."""
        return self._turns.setdefault(destination, asyncio.Lock())

    def read(self, destination: str, configured: str) -> str | None:
        """The refresh token that replaced the configured one, None when none did.

        Raises:
            VaultFailed: the file cannot be read or is damaged. The configured token must not be tried then: an API
                that sees a void one again may revoke the whole family.
        """
        with self._lock:
            entry = self._load().get(destination)
        if entry is None or entry.get("configured") != _digest(configured):
            return None
        return entry.get("refresh_token")

    def write(self, destination: str, configured: str, token: str) -> None:
        """Keep a token; it is on the disk when this returns.

        Raises:
            VaultFailed: it could not be written; the file holds what it held before.
        """
        with self._lock:
            entries = self._load()
            entries[destination] = {"configured": _digest(configured), "refresh_token": token}
            try:
                _replace(self._path, orjson.dumps(entries, option=orjson.OPT_INDENT_2))
            except OSError as error:
                raise VaultFailed(type(error).__name__) from None  # its text may name the file, never what is in it

    def _load(self) -> dict[str, dict[str, str]]:
        try:
            entries = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, orjson.JSONDecodeError) as error:
            raise VaultFailed(type(error).__name__) from None  # the decoder's text quotes the file
        if not isinstance(entries, dict) or not all(_is_entry(entry) for entry in entries.values()):
            raise VaultFailed("not a file of ours")
        return entries


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(value, str) for value in entry.values())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Write the whole file or nothing, and have it on the disk."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
