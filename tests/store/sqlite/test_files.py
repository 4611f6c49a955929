import os
import sqlite3
from pathlib import Path

import pytest

from bridge.errors import StoreLocked, StoreReplaced
from bridge.store.sqlite import SqliteStore, lock_holder, writer
from bridge.store.sqlite.files import FileGuard, Lock
from tests.store.examples import accept
from tests.store.sqlite.conftest import Open


def move_away(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))


def replace_by_copy(path: Path) -> None:
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)


@pytest.mark.parametrize("damage", [Path.unlink, move_away, replace_by_copy])
@pytest.mark.parametrize("ending", ["", "-wal"])
async def test_a_store_that_was_taken_away_acknowledges_nothing(
    store: SqliteStore, path: Path, damage: object, ending: str
) -> None:
    await accept(store, "m1")
    assert callable(damage)
    damage(path.with_name(path.name + ending))
    with pytest.raises(StoreReplaced):
        await accept(store, "m2")
    with pytest.raises(StoreReplaced):
        await store.next_due()


async def test_an_idle_store_notices_too(open_sqlite: Open, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "IDLE_CHECK_S", 0.001)
    store = await open_sqlite()
    move_away(path)
    assert isinstance(await store.wait_failed(), StoreReplaced)


def test_the_guard_is_quiet_while_nothing_happens(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    path.with_name("x.db-wal").touch()
    guard = FileGuard(path)
    guard.check()
    path.write_bytes(b"more")
    guard.check()


async def test_a_second_opener_is_told_who_holds_the_store(store: SqliteStore, path: Path) -> None:
    with pytest.raises(StoreLocked, match=f"process {os.getpid()}$"):
        await SqliteStore.open(path)
    assert lock_holder(path) == os.getpid()
    await accept(store, "m1")


async def test_the_lock_is_free_after_closing(store: SqliteStore, path: Path) -> None:
    await store.close()
    assert lock_holder(path) is None
    again = await SqliteStore.open(path)
    await again.close()


def test_nobody_holds_a_store_that_is_not_there(tmp_path: Path) -> None:
    assert lock_holder(tmp_path / "nothing.db") is None


def test_a_holder_that_has_not_written_its_number_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    lock = Lock(path)
    (tmp_path / "x.db.lock").write_text("")
    assert lock_holder(path) == 0
    lock.release()


async def test_the_lock_file_of_a_dead_process_is_no_obstacle(path: Path) -> None:
    path.parent.mkdir()
    path.with_name(path.name + ".lock").write_text("999999\n")
    store = await SqliteStore.open(path)
    assert lock_holder(path) == os.getpid()
    await store.close()


async def test_nobody_else_can_read_the_files(store: SqliteStore, path: Path) -> None:
    await accept(store, "m1")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes) >= {"bridge.db", "bridge.db-wal", "bridge.db.lock", "bridge.db.initialised"}
    assert set(modes.values()) == {0o600}


async def test_closing_folds_the_log_into_the_database(store: SqliteStore, path: Path) -> None:
    await accept(store, "m1")
    await store.close()
    assert not path.with_name(path.name + "-wal").exists()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)
    connection.close()
