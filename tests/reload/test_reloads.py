"""Loading again: one load at a time, all or nothing, and nothing of it is missed."""

import asyncio
from collections.abc import AsyncGenerator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.errors import UsageError
from bridge.reload.reloads import RESTLESS, TRIES
from tests.conftest import log_text
from tests.reload.conftest import CONFIG, Place, nothing, rule


def logged(event: str) -> list[dict[str, Any]]:
    lines = [orjson.loads(line) for line in log_text().splitlines() if line]
    return [line for line in lines if line["event"] == event]


async def test_a_changed_file_is_in_use_and_the_log_says_what_is_new(place: Place) -> None:
    async with place.following():
        (place.folder / "rules" / "more.yaml").write_text(rule("w0", "more"))
        place.told.tell()
        await place.until("w0", "v0")
        place.rules.write_text(rule("v1"))
        place.told.tell()
        await place.until("w0", "v1")
        (place.folder / "rules" / "more.yaml").unlink()
        place.told.tell()
        await place.until("v1")
    names = ("added", "changed", "removed", "destinations", "trigger", "rules")
    assert [tuple(line[name] for name in names) for line in logged("configuration.reloaded")] == [
        (["more"], [], [], [], "file watch", 2),
        ([], ["log"], [], [], "file watch", 2),
        ([], [], ["more"], [], "file watch", 1),
    ]
    assert logged("configuration.reloaded")[-1]["revision"] == place.present.configuration.revision


async def test_a_changed_secret_is_a_changed_source_and_no_other_revision(place: Place) -> None:
    revision = place.present.configuration.revision
    async with place.following():
        (place.folder / "secret").write_text("another-secret-of-some-length")
        place.told.tell()
        assert (await place.answers.get())["unchanged"] is False
    assert place.present.configuration.revision == revision
    assert "another-secret" not in log_text()


async def test_a_destination_that_changed_is_named(place: Place) -> None:
    (place.folder / "config.yaml").write_text(CONFIG.replace("https://crm.example", "https://crm2.example"))
    answer: Any = await place.reloads.reload("by hand")
    assert answer["changes"]["destinations"] == ["crm"]


@pytest.mark.parametrize("content", [rule("v0"), "# a comment\n" + rule("v0")])
async def test_what_means_the_same_is_neither_swapped_nor_logged(place: Place, content: str) -> None:
    async with place.following():
        place.rules.write_text(content)
        place.told.tell()
        assert (await place.answers.get())["unchanged"] is True
    assert place.used == []
    assert "configuration." not in log_text()


async def test_a_person_who_asks_gets_an_answer_when_nothing_changed(place: Place) -> None:
    answer = await place.reloads.reload("SIGHUP")
    assert (answer["ok"], answer["unchanged"]) == (True, True)
    assert len(place.used) == 1  # it ends a pause for refused credentials
    assert [line["trigger"] for line in logged("configuration.unchanged")] == ["SIGHUP"]


async def test_a_mistake_changes_nothing_is_told_with_its_place_and_the_mend_is_noticed(place: Place) -> None:
    async with place.following():
        place.rules.write_text(rule("v1").replace("crm.post", "crn.post"))
        place.told.tell()
        findings: Any = (await place.until_refused())["findings"]
        assert "rules/rules.yaml:5:25: BR201 " in findings[0]
        refused = place.present.refused
        assert refused is not None
        assert (refused.trigger, list(refused.findings)) == ("file watch", findings)
        assert place.active == ["v0"]

        place.rules.write_text(rule("v2"))
        place.told.tell()
        await place.until("v2")
    assert place.present.refused is None


async def test_what_is_only_doubtful_is_not_among_the_reasons_of_a_refusal(place: Place) -> None:
    secret = place.folder / "secret"
    async with place.following():
        secret.write_text(secret.read_text() + " ")  # a warning, BR304
        place.rules.write_text(rule("v1").replace("crm.post", "crn.post"))
        place.told.tell()
        findings: Any = (await place.until_refused())["findings"]
    assert [finding.split()[1] for finding in findings] == ["BR201"]


async def test_a_file_that_only_a_wrong_configuration_names_is_watched(place: Place) -> None:
    async with place.following():
        (place.folder / "config.yaml").write_text(CONFIG.replace("rules/*.yaml", "elsewhere/new.yaml"))
        place.told.tell()
        await place.until_refused()
        (place.folder / "elsewhere").mkdir()
        (place.folder / "elsewhere" / "new.yaml").write_text(rule("v9"))
        place.told.tell()
        await place.until("v9")
        (place.folder / "elsewhere" / "new.yaml").write_text(rule("v10"))
        place.told.tell()
        await place.until("v10")
    assert place.folder / "elsewhere" in place.told.watched[-1]


async def test_a_secret_that_vanishes_leaves_everything_in_use_until_it_is_back(place: Place) -> None:
    secret = place.folder / "secret"
    content = secret.read_text()
    async with place.following():
        secret.unlink()
        place.told.tell()
        findings: Any = (await place.until_refused())["findings"]
        [finding] = findings
        assert "config.yaml:4:" in finding
        assert "the file `secret` cannot be read" in finding
        secret.write_text(content)
        place.told.tell()
        assert (await place.answers.get())["unchanged"] is True
    assert place.present.refused is None
    assert len(logged("configuration.unchanged")) == 1


async def test_files_that_cannot_even_be_looked_for_are_no_reason_to_ask_again_and_again(place: Place) -> None:
    def gone() -> None:
        raise UsageError("cannot read the file of variables `.env`")

    place.before_reading = gone
    async with place.following():
        place.rules.write_text(rule("v1"))
        place.told.tell()
        assert (await place.until_refused())["findings"] == ["cannot read the file of variables `.env`"]
        assert place.loads == 1
        for _ in range(3):
            place.told.tell()  # of something else
        place.before_reading = nothing
        place.rules.write_text(rule("v2"))
        place.told.tell()
        await place.until("v2")
    assert place.loads == 2


async def test_happenings_that_change_no_file_of_ours_load_nothing(place: Place) -> None:
    async with place.following():
        for name in ("4913", "rules/rules.yaml~", "rules/.rules.yaml.swp", "notes.txt"):
            (place.folder / name).write_text("x")
            place.told.tell()
        place.rules.write_text(rule("v1"))
        place.told.tell()
        await place.until("v1")
    assert place.loads == 1


async def test_a_folder_that_vanishes_before_it_is_watched_does_not_end_the_watch(place: Place) -> None:
    vanished = [FileNotFoundError()]

    async def watch(folders: AbstractSet[Path]) -> AsyncGenerator[object, None]:
        if vanished:
            raise vanished.pop()
        async for each in place.told(folders):
            yield each

    async with place.following(watch):
        place.rules.write_text(rule("v1"))
        place.told.tell()
        await place.until("v1")
    assert not vanished


async def test_a_change_between_a_load_and_the_next_watch_is_found_without_being_told(place: Place) -> None:
    async def edit_once_more(answer: dict[str, object]) -> None:
        if place.active == ["v1"]:
            place.rules.write_text(rule("v2"))
        await place.keep(answer)

    task = asyncio.create_task(place.reloads.follow(place.told, edit_once_more))
    place.rules.write_text(rule("v1"))
    await place.until("v2")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def held(place: Place) -> tuple[asyncio.Event, asyncio.Event]:
    """Let loads wait: one event tells that a load has begun, setting the other lets all go on."""
    loop = asyncio.get_running_loop()
    begun, go_on = asyncio.Event(), asyncio.Event()

    def hold() -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    place.before_reading = hold
    return begun, go_on


async def test_whoever_asks_while_a_load_runs_shares_the_next_one(place: Place) -> None:
    seen: list[asyncio.Task[dict[str, object]]] = []
    begun, go_on = held(place)
    seen.append(asyncio.create_task(place.reloads.reload("file watch")))
    await begun.wait()
    place.rules.write_text(rule("v1"))  # the first load may have read the file already; the next one has not
    seen += [asyncio.create_task(place.reloads.reload(by)) for by in ("SIGHUP", "admin API", "SIGHUP")]
    await asyncio.sleep(0)
    go_on.set()
    answers = await asyncio.gather(*seen)

    assert place.active == ["v1"]
    assert answers[1] is answers[2] is answers[3]
    assert place.loads == 2
    assert {line["trigger"] for line in logged("configuration.unchanged")} | {
        line["trigger"] for line in logged("configuration.reloaded")
    } >= {"SIGHUP, admin API"}


async def test_what_was_read_while_it_changed_is_read_again(place: Place) -> None:
    def edit() -> None:
        place.while_reading = nothing
        place.rules.write_text(rule("v2"))

    place.rules.write_text(rule("half"))
    place.while_reading = edit
    await place.reloads.reload("SIGHUP")
    assert (place.active, place.loads) == (["v2"], 2)
    assert len(place.used) == 1  # the half one was never in use


async def test_files_that_never_come_to_rest_are_refused(place: Place) -> None:
    place.while_reading = lambda: place.rules.write_text(rule(f"v{place.loads}"))
    assert await place.reloads.reload("SIGHUP") == {"ok": False, "findings": [RESTLESS]}
    assert (place.active, place.loads) == (["v0"], TRIES)


async def test_who_stops_waiting_does_not_stop_the_load_of_others(place: Place) -> None:
    place.rules.write_text(rule("v1"))
    first = asyncio.create_task(place.reloads.reload("admin API"))
    second = asyncio.create_task(place.reloads.reload("SIGHUP"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)["ok"]
    assert place.active == ["v1"]


async def test_an_end_in_the_middle_of_a_load_uses_nothing_any_more(place: Place) -> None:
    begun, go_on = held(place)
    place.rules.write_text(rule("v1"))
    asking = asyncio.create_task(place.reloads.reload("SIGHUP"))
    await begun.wait()
    await place.reloads.close()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert place.used == []
