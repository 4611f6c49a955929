"""An address that is no source's costs the same small work, whatever it is, and however many sources there are."""

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType
from typing import cast

import pytest
from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from bridge.model import rfc3339
from bridge.web.ingest import Ingest
from tests.web.conftest import Doors

FORBIDDEN = ("bridge/sources", "bridge/engine/accept", "bridge/store", "bridge/web/bodies", "hmac", "hashlib")
"""None of this has any business with a stranger's address."""


GIGABYTE = b"POST /hooks/nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n"


class Body:
    """A body that nobody may touch."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the body was asked for: {name}")


def calls_of(ingest: Ingest, path: str) -> Sequence[tuple[str, str, str]]:
    """Every call, of Python and of C, that answering this path takes, in order."""
    mocked = make_mocked_request(
        "POST", "/", headers={"Content-Length": "1073741824"}, payload=cast("StreamReader", Body())
    )
    request = mocked.clone(rel_url=URL.build(path=path, encoded=True))  # as the parser makes it
    seen: list[tuple[str, str, str]] = []

    def note(frame: FrameType, event: str, called: object) -> None:
        if event == "call":
            seen.append((event, frame.f_code.co_filename, frame.f_code.co_qualname))
        elif event == "c_call":
            seen.append((event, str(getattr(called, "__module__", "")), str(getattr(called, "__qualname__", ""))))

    coroutine = ingest.handle(request)
    gc.disable()  # others' callbacks at a collection are no work of ours
    sys.setprofile(note)
    reply: object = None
    try:
        coroutine.send(None)
    except StopIteration as end:
        reply = end.value
    finally:
        sys.setprofile(None)
        gc.enable()
    assert isinstance(reply, web.Response)
    assert reply.status == 404
    return seen


def connections() -> set[asyncio.Task[object]]:
    """What is busy with a connection to one of the doors."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" in str(task.get_coro())}


@pytest.fixture
def near() -> list[str]:
    """Paths like a source's, and paths like nothing."""
    return [
        "/",
        "/x",
        "/hooks/",
        "/hooks/o",
        "/hooks/order",
        "/hooks/orderz",
        "/hooks/orders/",
        "/hooks/ORDERS",
        "/hooks/order%73",
        "/hooks/%2e%2e/hooks/orders",
        "/hooks/orders%00",
        "/hooks/" + "a" * 4_000,
        "/%f0%9f%90%b4",
    ]


async def test_every_unknown_path_takes_the_same_calls_and_none_of_them_looks_inside(
    doors: Doors, near: list[str]
) -> None:
    for path in near:  # fills what is made once for each configuration, and aiohttp's own caches
        calls_of(doors.ingest, path)
    counts = {path: Counter(calls_of(doors.ingest, path)) for path in near}
    assert len({frozenset(count.items()) for count in counts.values()}) == 1, counts
    total = counts["/"]
    assert total.total() < 100
    places = [place for _, place, _ in total]
    assert [place for place in places for word in FORBIDDEN if word in place] == []


@pytest.mark.parametrize("number", [1, 1_000])
async def test_the_work_does_not_grow_with_the_number_of_sources(doors: Doors, near: list[str], number: int) -> None:
    for path in near:
        calls_of(doors.ingest, path)
    with_two = [calls_of(doors.ingest, path) for path in near]
    present = doors.world.engine.present
    one = present.configuration.sources["orders"]
    many = {f"s{each}": replace(one, name=f"s{each}", path=f"/hooks/s{each}") for each in range(number)}
    present.configuration = replace(present.configuration, sources=many)
    calls_of(doors.ingest, "/")
    assert [calls_of(doors.ingest, path) for path in near] == with_two


async def test_a_gigabyte_for_nobody_is_answered_at_once_and_leaves_nothing_behind(doors: Doors) -> None:
    said = await asyncio.gather(*(doors.say(GIGABYTE) for _ in range(20)))
    assert {answer[:13] for answer in said} == {b"HTTP/1.1 404 "}
    left = connections()
    if left:
        await asyncio.wait(left)
    assert connections() == set()


async def test_the_status_says_how_many_went_astray_but_not_where(doors: Doors) -> None:
    nothing = (await doors.ask_admin("GET", "/api/v1/status")).body["astray"]
    assert nothing == {"requests": 0, "last_at": None}
    for path in ("/hooks/orderz", "/favicon.ico", "/healthz", "/hooks/orders"):
        await doors.ask("POST", f"{doors.public}{path}", data=b"{}")
    status = (await doors.ask_admin("GET", "/api/v1/status")).body
    assert status["astray"] == {"requests": 2, "last_at": rfc3339(doors.world.clock.now_ms())}
    assert "orderz" not in str(status)
