from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.errors import StoreError, StoreLocked
from bridge.store.sqlite import SqliteStore, lock_holder, opening
from bridge.store.sqlite.files import marker_path
from bridge.store.sqlite.statements import migrations
from tests.store.examples import accept, bring, plan
from tests.store.sqlite.conftest import Open, outside


def make_folder(path: Path) -> None:
    path.parent.mkdir()


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def content_of(path: Path) -> bytes:
    return path.read_bytes()


async def closed_store(path: Path, events: int = 1) -> None:
    store = await SqliteStore.open(path)
    for number in range(events):
        await bring(store, f"m{number}", plan(key=None))
    await store.close()


async def test_every_commit_is_synced(store: SqliteStore) -> None:
    writer = store._writer._connection
    assert writer.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert writer.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert writer.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 1000


async def test_the_reader_cannot_write(store: SqliteStore) -> None:
    with pytest.raises(Exception, match="readonly"):
        store._reader._connection.execute("DELETE FROM events")


async def test_the_file_says_whose_it_is(path: Path) -> None:
    await closed_store(path)
    with outside(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (opening.APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (max(migrations()),)


async def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    await closed_store(path)
    with outside(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match="schema 999"):
        await SqliteStore.open(path)
    assert lock_holder(path) is None


async def test_another_programs_database_is_refused(path: Path) -> None:
    make_folder(path)
    with outside(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = content_of(path)
    with pytest.raises(StoreError, match="another program"):
        await SqliteStore.open(path)
    assert content_of(path) == before


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")])
async def test_a_store_that_was_there_is_never_begun_anew(path: Path, damage: Callable[[Path], object]) -> None:
    await closed_store(path)
    damage(path)
    with pytest.raises(StoreError, match=r"bridge\.db\.initialised"):
        await SqliteStore.open(path)
    marker_path(path).unlink()
    store = await SqliteStore.open(path)
    assert (await store.books()).accepted == 0
    await store.close()


@pytest.mark.parametrize(
    "content", [b"a text file, long enough to be none\n" * 40, b"SQLite format 3\0" + b"\xff" * 9000]
)
async def test_what_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    make_folder(path)
    put(path, content)
    with pytest.raises(StoreError, match="left as it is"):
        await SqliteStore.open(path)
    assert content_of(path) == content


async def test_half_a_file_is_refused(path: Path) -> None:
    await closed_store(path, events=200)
    content = content_of(path)
    put(path, content[: len(content) // 8192 * 4096])
    with pytest.raises(StoreError, match="damaged"):
        await SqliteStore.open(path)


async def test_a_foreign_writer_at_the_start_is_named_as_such(path: Path) -> None:
    await closed_store(path)
    with outside(path) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreLocked, match="another program"):
            await SqliteStore.open(path, busy_timeout_ms=10)


async def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be opened"):
        await SqliteStore.open(tmp_path / "file" / "bridge.db")


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    open_sqlite: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await closed_store(path)
    newest = max(migrations())
    broken = {**migrations(), newest + 1: "CREATE TABLE fresh (x); CREATE TABLE events (x);"}
    with monkeypatch.context() as patched:
        patched.setattr(opening, "migrations", lambda: broken)
        with pytest.raises(StoreError):
            await SqliteStore.open(path)
    with outside(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (newest,)
        assert connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'fresh'").fetchone() is None
    await accept(await open_sqlite(), "more")


def test_migrations_are_numbered_without_gaps() -> None:
    assert sorted(migrations()) == list(range(1, len(migrations()) + 1))
