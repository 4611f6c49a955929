"""The dead-letter file: a synced copy of what the store knows, one line for each death."""

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.engine.console import Query
from bridge.engine.dead_letters import RETRY_MS, DeadLetterFile, as_json, body_as_json
from bridge.model import DeadLetter
from bridge.sandbox import FaultKind
from bridge.store.protocol import DeadLetterFilter
from tests.canaries import TEXT
from tests.engine.world import ORDER_RULE, World

KEYS = [
    "v",
    "at",
    "delivery",
    "event",
    "rule",
    "step",
    "kind",
    "code",
    "message",
    "mend",
    "request",
    "response",
    "attempts",
    "fingerprint",
]


async def refuse(world: World, *numbers: int) -> list[DeadLetter]:
    """Let the ERP refuse some orders; returns their dead letters, oldest first."""
    world.fault(FaultKind.STATUS, status=422, times=len(numbers))
    for number in numbers:
        await world.order(number, note=TEXT)
        await world.calm()
    return await world.store.store.dead_letters(DeadLetterFilter())


def file_of(world: World) -> Path:
    return world.folder / "var" / "dead-letters.jsonl"


async def test_a_line_has_every_key_of_the_contract_in_its_order(world: World) -> None:
    [letter] = await refuse(world, 1)
    [line] = await world.letters()
    assert list(line) == KEYS
    assert line == as_json(letter)
    assert line["v"] == 1
    assert line["at"] == "2026-06-02T03:01:40.000Z"
    assert set(line["event"]) == {"id", "source", "type", "time", "body"}
    assert line["event"]["body"]["note"] == TEXT
    assert line["request"]["body"] == {"order": "o1", "note": TEXT}
    assert line["request"]["headers"]["Authorization"] == "••••"
    assert line["response"] == {"status": 422, "excerpt": '{"error":"sandbox_fault"}'}
    assert (line["kind"], line["step"], line["attempts"]) == ("rejected", "post", 1)


async def test_what_does_not_apply_is_null(world: World) -> None:
    world.rules = ORDER_RULE.replace("{{ body.customer }}", "{{ body.nobody }}")
    await world.reload()
    await world.order(1)
    await world.calm()
    [line] = await world.letters()
    assert list(line) == KEYS
    assert (line["kind"], line["step"], line["request"], line["response"]) == ("mapping", None, None, None)


async def test_the_file_is_only_for_its_owner(world: World) -> None:
    await refuse(world, 1)
    await world.letters()
    assert stat.S_IMODE(file_of(world).stat().st_mode) == 0o600


async def test_a_torn_last_line_stays_alone_and_its_letter_is_written_again(world: World) -> None:
    letters = await refuse(world, 1, 2)
    file = DeadLetterFile(world.folder / "copy.jsonl")
    file.append(letters[:1], look_first=True)
    whole = (world.folder / "copy.jsonl").read_bytes()
    torn = orjson.dumps(as_json(letters[1]))[:-40]
    (world.folder / "copy.jsonl").write_bytes(whole + torn)
    file.append(letters, look_first=True)
    lines = (world.folder / "copy.jsonl").read_bytes().split(b"\n")
    assert lines == [whole.rstrip(b"\n"), torn, orjson.dumps(as_json(letters[1])), b""]


@pytest.mark.parametrize("crowd", [0, 400])
async def test_a_crash_between_line_and_mark_doubles_no_line(world: World, crowd: int) -> None:
    """`crowd` more letters follow in the same batch, so that the line is far from the end of the file."""
    letters = await refuse(world, 1, 2)
    more = [replace(letters[1], delivery=f"dlv_{number}") for number in range(crowd)]
    file = DeadLetterFile(world.folder / "copy.jsonl")
    file.append([*letters, *more], look_first=False)
    DeadLetterFile(world.folder / "copy.jsonl").append(letters, look_first=True)
    written = [orjson.loads(line) for line in (world.folder / "copy.jsonl").read_bytes().splitlines()]
    assert len(written) == 2 + crowd


async def test_an_export_after_a_crash_before_the_mark_doubles_no_line(world: World) -> None:
    await refuse(world, 1)
    before = await world.letters()
    await world.stop()
    await world.open()
    [letter] = await world.store.store.dead_letters(DeadLetterFilter())
    await world.store.store._writer.run(lambda tx: tx.connection.execute("UPDATE dead_letters SET exported = 0"))
    assert await world.store.store.unexported_dead_letters(limit=10) == [letter]
    assert await world.letters() == before


async def test_two_exports_at_once_write_each_line_once(world: World) -> None:
    await refuse(world, *range(5))
    await asyncio.gather(*(world.engine._copy.export() for _ in range(5)))
    assert len(await world.letters()) == 5


async def test_a_file_that_cannot_be_written_catches_up_by_itself(world: World) -> None:
    file_of(world).mkdir(parents=True)
    failed = world.store.changed
    await refuse(world, 1)
    await failed.wait()
    await refuse(world, 2)
    file_of(world).rmdir()
    copied = world.store
    world.clock.advance(RETRY_MS)

    async def all_marked() -> bool:
        return not await copied.store.unexported_dead_letters(limit=10)

    await copied.until(all_marked)
    assert len(file_of(world).read_bytes().splitlines()) == 2


async def test_a_file_that_was_moved_away_begins_anew(world: World) -> None:
    await refuse(world, 1)
    await world.letters()
    file_of(world).rename(world.folder / "rotated")
    await refuse(world, 2)
    assert [line["event"]["body"]["id"] for line in await world.letters()] == ["o2"]


async def test_a_replay_appends_nothing_and_a_second_death_appends_a_line(world: World) -> None:
    [letter] = await refuse(world, 1)
    await world.letters()
    world.fault(FaultKind.STATUS, status=500)
    world.clock.advance(1)
    await world.console.replay(Query(), dry_run=False)
    await world.calm()
    assert len(await world.letters()) == 1
    world.fault(FaultKind.STATUS, status=410)
    await world.settle()
    first, second = await world.letters()
    assert first["delivery"] == second["delivery"] == letter.delivery
    assert (first["response"]["status"], second["response"]["status"]) == (422, 410)


async def test_a_replay_uses_the_mended_rule(world: World) -> None:
    await refuse(world, 1)
    world.rules = ORDER_RULE.replace("path: /orders", "path: /mended")
    await world.reload()
    result: Any = await world.console.replay(Query(), dry_run=False)
    assert result["ok"]
    await world.settle()
    assert await world.states() == ["done"]
    assert [record.path for record in world.sandbox.generic.records] == ["/mended"]
    await world.assert_balanced()


def test_a_body_that_is_no_json_is_base64() -> None:
    assert body_as_json(b"\xff") == {"base64": "/w=="}
    assert body_as_json(b'{"a": 1}') == {"a": 1}


def test_an_unwritable_folder_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        DeadLetterFile(tmp_path / "file" / "letters.jsonl").append([], look_first=True)


def test_an_empty_batch_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_bytes(b"torn")
    DeadLetterFile(path).append([], look_first=True)
    assert path.read_bytes() == b"torn"
    assert os.listdir(tmp_path) == ["letters.jsonl"]  # noqa: PTH208 - names only
