"""The real file watch over real folders: however files are replaced, the last version is in use in the end."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
from watchfiles import awatch

from bridge.reload import watch
from bridge.reload.watch import watcher
from bridge.settings import ReloadSettings
from tests.conftest import log_text
from tests.reload.conftest import CONFIG, Place, rule

QUICK = ReloadSettings.model_validate({"settle": "5ms"})
POLLING = ReloadSettings.model_validate({"settle": "5ms", "polling": True, "poll_every": "5ms"})


@pytest.fixture(params=[QUICK, POLLING], ids=["told by the system", "polling"])
async def watched(place: Place, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with place.following(watcher(request.param)):
        yield place


@pytest.fixture
async def followed(place: Place) -> AsyncIterator[Place]:
    async with place.following(watcher(QUICK)):
        yield place


async def test_a_save_by_renaming_is_noticed_each_time(watched: Place) -> None:
    for version in ("v1", "v2", "v3"):
        draft = watched.folder / "rules" / "draft"
        draft.write_text(rule(version))
        draft.replace(watched.rules)
        await watched.until(version)


async def test_a_save_in_place_is_noticed_each_time(watched: Place) -> None:
    for version in ("v1", "v2", "v3"):
        watched.rules.write_text(rule(version))
        await watched.until(version)


async def test_a_half_written_file_changes_nothing_until_it_is_whole(followed: Place) -> None:
    content = rule("v1")
    with followed.rules.open("w") as file:
        file.write(content[: content.index("steps:") + 9])
        file.flush()
        await followed.until_refused()
        assert followed.active == ["v0"]
        file.write(content[content.index("steps:") + 9 :])
    await followed.until("v1")


async def test_links_that_are_switched_as_in_kubernetes_are_followed(place: Place) -> None:
    mount = place.folder / "mount"
    mount.mkdir()
    shutil.rmtree(place.folder / "rules")

    def publish(version: str) -> None:
        release = mount / f"..{version}"
        release.mkdir()
        (release / "rules.yaml").write_text(rule(version))
        (mount / "..data_tmp").symlink_to(release.name)
        before = (mount / "..data").readlink() if (mount / "..data").is_symlink() else None
        (mount / "..data_tmp").replace(mount / "..data")
        if before is not None:
            shutil.rmtree(mount / before)

    publish("v1")
    (mount / "rules.yaml").symlink_to("..data/rules.yaml")
    (place.folder / "rules").symlink_to("mount")
    async with place.following(watcher(QUICK)):
        await place.until("v1")
        for version in ("v2", "v3"):
            publish(version)
            await place.until(version)


def git(folder: Path, *words: str) -> None:
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example", "GIT_CONFIG_GLOBAL": os.devnull}
    committer = {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, env={**os.environ, **names, **committer}
    )


async def test_a_checkout_of_another_branch_is_taken_over_as_a_whole(place: Place) -> None:
    git(place.folder, "init", "-q", "-b", "one")
    for number in range(30):
        (place.folder / "rules" / f"r{number:02}.yaml").write_text(rule("one", f"r{number}"))
    place.rules.unlink()
    git(place.folder, "add", ".")
    git(place.folder, "commit", "-qm", "one")
    git(place.folder, "checkout", "-qb", "two")
    for number in range(30):
        (place.folder / "rules" / f"r{number:02}.yaml").write_text(rule("two", f"r{number}"))
    git(place.folder, "commit", "-qam", "two")
    async with place.following(watcher(QUICK)):
        await place.until(*["two"] * 30)
        for branch in ("one", "two", "one"):
            await asyncio.to_thread(git, place.folder, "checkout", "-q", branch)
            await place.until(*[branch] * 30)


async def test_a_secret_that_vanishes_and_comes_back_is_noticed_both_times(followed: Place) -> None:
    secret = followed.folder / "secret"
    secret.unlink()
    await followed.until_refused()
    secret.write_text("a-new-secret-of-some-length")
    while not (await followed.answers.get())["ok"]:
        pass
    assert followed.present.refused is None
    assert followed.active == ["v0"]


async def test_a_folder_that_is_deleted_and_comes_back_is_noticed(followed: Place) -> None:
    shutil.rmtree(followed.folder / "rules")
    await followed.until_refused()
    assert followed.active == ["v0"]
    (followed.folder / "rules").mkdir()
    followed.rules.write_text(rule("v1"))
    await followed.until("v1")
    followed.rules.write_text(rule("v2"))
    await followed.until("v2")


async def test_a_folder_that_is_exchanged_for_another_is_noticed(followed: Place) -> None:
    new = followed.folder / "new"
    new.mkdir()
    (new / "rules.yaml").write_text(rule("v1"))
    (followed.folder / "rules").replace(followed.folder / "old")
    new.replace(followed.folder / "rules")
    await followed.until("v1")
    followed.rules.write_text(rule("v2"))
    await followed.until("v2")


async def test_a_new_file_in_a_new_folder_under_a_pattern_is_noticed(place: Place) -> None:
    (place.folder / "config.yaml").write_text(CONFIG.replace("rules/*.yaml", "rules/**/*.yaml"))
    async with place.following(watcher(QUICK)):
        (place.folder / "rules" / "team" / "a").mkdir(parents=True)
        (place.folder / "rules" / "team" / "a" / "more.yaml").write_text(rule("w1", "more"))
        await place.until("v0", "w1")
        (place.folder / "rules" / "team" / "a" / "more.yaml").write_text(rule("w2", "more"))
        await place.until("v0", "w2")


async def test_where_the_system_has_no_watch_left_files_are_looked_at(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_watches(*folders: Path, force_polling: bool | None, **more: object) -> AsyncGenerator[object, None]:
        if force_polling is not True:
            raise OSError(28, "inotify watch limit reached")
        return awatch(*folders, force_polling=force_polling, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(watch, "awatch", without_watches)
    settings = ReloadSettings.model_validate({"settle": "5ms", "poll_every": "5ms"})
    async with place.following(watcher(settings)):
        place.rules.write_text(rule("v1"))
        await place.until("v1")
    assert "configuration.watch_polls" in log_text()
