"""What SQLite's file still holds of a secret that was retired."""

from pathlib import Path

from bridge.store.sqlite import SqliteStore
from tests.store.examples import NOW

SECRET = "a-hook-secret-0123456789abcdef"


async def test_a_retired_secret_is_in_no_page_of_the_closed_file(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "bridge.db")
    for number in range(3):
        await store.open_window("asana", NOW + 1)
        await store.learn("asana", f"{SECRET}-{number}", now_ms=NOW, most=8)
    secrets = (await store.learned())["asana"].secrets
    await store.close()
    assert f"{SECRET}-1".encode() in (tmp_path / "bridge.db").read_bytes()

    store = await SqliteStore.open(tmp_path / "bridge.db")
    await store.retire_secrets("asana", [each.number for each in secrets[1:]])
    await store.close()
    content = (tmp_path / "bridge.db").read_bytes()
    assert SECRET.encode() + b"-2" in content
    assert SECRET.encode() + b"-1" not in content
    assert SECRET.encode() + b"-0" not in content
