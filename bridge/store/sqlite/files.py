"""The files of a store: the lock of the one daemon, the marker of a store that exists, and whether it still does."""

import errno
import fcntl
import os
import time
from pathlib import Path

from bridge.errors import StoreError, StoreLocked, StoreReplaced

_LOCK_RETRY_S = 0.05


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def lock_path(path: Path) -> Path:
    """The file whose lock says that a process has the store open."""
    return _beside(path, ".lock")


def marker_path(path: Path) -> Path:
    """The file that says that there was a store here."""
    return _beside(path, ".initialised")


def wal_path(path: Path) -> Path:
    """SQLite's write-ahead log, which holds acknowledged events as the database itself does."""
    return _beside(path, "-wal")


def prepare_folder(path: Path) -> None:
    """Create the folders above `path` that are missing, readable by nobody else."""
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def ensure_database_file(path: Path) -> bool:
    """Create an empty file with mode 0600 unless there is one; returns whether it is new.

    Raises:
        StoreError: a store was here, and its file is gone or empty.
    """
    size = path.stat().st_size if path.exists() else 0
    if size == 0 and marker_path(path).exists():
        state = "is empty" if path.exists() else "is missing"
        raise StoreError(
            f"the store {path} {state}, but {marker_path(path).name} says that it was in use: restore it from a "
            f"backup, or remove that file to begin with an empty store"
        )
    if size == 0:
        # SQLite gives its other files the mode that this one has.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return size == 0


def write_marker(path: Path) -> None:
    """Remember, synced, that a store exists here."""
    marker = marker_path(path)
    if marker.exists():
        return
    descriptor = os.open(marker, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, b"There is a crm-bridge store beside this file.\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(marker.parent)


class Lock:
    """The lock that one process holds on a store as long as it has it open."""

    def __init__(self, path: Path) -> None:
        """Take the lock of the store at `path`.

        Raises:
            StoreLocked: another process holds it.
            StoreError: the file system has no locks.
        """
        self._descriptor = os.open(lock_path(path), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            self._take(path)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self, path: Path) -> None:
        if self._try_lock(path):
            return
        # Somebody who only asks for the holder takes the lock for an instant.
        time.sleep(_LOCK_RETRY_S)
        if not self._try_lock(path):
            raise StoreLocked(f"the store {path} is in use by process {_written_pid(self._descriptor)}")

    def _try_lock(self, path: Path) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            reason = errno.errorcode.get(error.errno or 0, "unknown error")
            raise StoreError(f"the file system under {path} has no working locks ({reason})") from error
        return True

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two processes lock two files."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def lock_holder(path: Path) -> int | None:
    """The number of the process that has the store open, None when nobody has.

    0 when it holds the lock and has not written its number yet.
    """
    try:
        descriptor = os.open(lock_path(path), os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_pid(descriptor)
    finally:
        os.close(descriptor)
    return None


def _written_pid(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0


class FileGuard:
    """Notices that the database or its log was moved, deleted or replaced: SQLite itself goes on saying "ok"."""

    def __init__(self, path: Path) -> None:
        self._known = {file: _identity(file) for file in (path, wal_path(path))}

    def check(self) -> None:
        """Compare the files with those that were opened.

        Raises:
            StoreReplaced: one of them is another file now, or none.
        """
        for file, known in self._known.items():
            try:
                found = _identity(file)
            except FileNotFoundError:
                raise StoreReplaced(f"{file} was moved or deleted while it was open") from None
            if found != known:
                raise StoreReplaced(f"{file} was replaced by another file while it was open")


def _identity(file: Path) -> tuple[int, int]:
    found = os.stat(file)  # noqa: PTH116 - runs twice per commit; Path.stat is the same call, slower
    return found.st_dev, found.st_ino
