"""Files of messages on their way into a ticket: fetched for each try, attached once, and clear when they are gone."""

from typing import Any

import pytest

from bridge.engine.console import Query
from bridge.sandbox import FaultKind
from bridge.sandbox.answers import Call
from tests.canaries import BUSINESS, PHONE
from tests.connectors.catalog.requests.zendesk import strange
from tests.engine.conftest import MakeWorld
from tests.engine.world import World, patience

PICTURE = b"\xff\xd8\xff\xe0 not text"
UPLOADS = "/api/v2/uploads"


async def begin(make_world: MakeWorld, **options: Any) -> World:
    made = make_world(recipes=("aisoule-to-zendesk.yaml",), rules="", environ={"WHATSAPP_MEDIA": "attach"}, **options)
    host = made.urls.base.removeprefix("http://")
    made.zendesk_more = f', fetch: {{hosts: ["{host}"], max: 1KiB}}'
    await made.start()
    return made


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return await begin(make_world)


def address(world: World, content: bytes = PICTURE) -> str:
    """Where there is a picture; the sandbox's own host gives it."""
    headers = {"content-type": "image/jpeg"}
    call = Call("POST", UPLOADS, "", {}, {"filename": ["there.jpg"]}, headers, content)
    _, [file] = world.sandbox.zendesk.uploads.add(call)
    return f"{world.urls.zendesk}/attachments/token/{file.key}/?sig=opens-it"


async def send(world: World, url: str, number: int = 1) -> None:
    names = {"sender": PHONE, "recipient": BUSINESS, "waba_number": BUSINESS}
    await world.aisoule(
        "message.received", {"message_id": f"wamid.{number}", "type": "image", "media_url": url, **names}
    )
    await world.settle()


def attached(world: World) -> list[list[bytes]]:
    """Of each comment the files."""
    return [
        [file.content for file in comment.attachments]
        for ticket in world.sandbox.zendesk.tickets
        for comment in ticket.comments
    ]


async def test_a_picture_is_attached_and_its_host_sees_no_credential(world: World) -> None:
    await send(world, address(world))
    await send(world, address(world), 2)
    assert await world.states() == ["done", "done"]
    assert attached(world) == [[PICTURE], [PICTURE]]
    fetched = [entry for entry in world.sandbox.journal.of("zendesk", "GET") if entry.path.startswith("/attachments/")]
    assert len(fetched) == 2
    assert not any("authorization" in entry.headers for entry in fetched)
    await world.assert_balanced()


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (FaultKind.RESET, {"applied": True}),
        (FaultKind.HALF_BODY, {}),
        (FaultKind.STATUS, {"status": 502, "applied": True}),
        (FaultKind.TIMEOUT, {}),
    ],
)
@pytest.mark.parametrize("path", [UPLOADS, "/api/v2/tickets", "/attachments/*"])
async def test_a_lost_answer_attaches_nothing_twice(
    make_world: MakeWorld, path: str, kind: FaultKind, more: dict[str, Any]
) -> None:
    world = await begin(make_world, timeout=patience(kind))
    lost = world.fault(kind, api="zendesk", path=path, **more)
    await send(world, address(world))
    assert lost.struck == 1
    assert await world.states() == ["done"]
    assert attached(world) == [[PICTURE]]
    assert len(list(world.sandbox.zendesk.tickets)) == 1


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_address_that_has_expired_is_a_dead_letter_with_its_mend(world: World, status: int) -> None:
    world.fault(FaultKind.STATUS, api="zendesk", path="/attachments/*", status=status, times=1)
    await send(world, url := address(world))
    [letter] = await world.letters()
    assert (letter["kind"], letter["code"], letter["step"]) == ("rejected", "file_gone", "file")
    assert f"its host answered {status}" in letter["message"]
    assert letter["mend"].startswith("ask the sender for the file again")
    assert letter["request"]["fetch"] == f"{url.partition('?')[0]}?••••"
    assert "opens-it" not in str(letter["request"])
    assert world.calls("POST", UPLOADS, "zendesk") == 0
    assert world.engine.outlets["zendesk"].breaker.state.value == "closed"


async def test_a_file_of_another_host_or_beyond_the_size_is_refused_before_anything_is_sent(world: World) -> None:
    await send(world, address(world, b"a" * 1025))
    await send(world, "https://elsewhere.example.com/a.jpg", 2)
    codes = [letter["code"] for letter in await world.letters()]
    assert codes == ["file_too_large", "file_refused"]
    assert world.calls("POST", UPLOADS, "zendesk") == 0


async def test_a_busy_host_of_files_is_waited_for_and_opens_no_breaker(world: World) -> None:
    busy = world.fault(FaultKind.STATUS, api="zendesk", path="/attachments/*", status=503, times=6)
    await send(world, address(world))
    assert busy.struck == 6
    assert await world.states() == ["done"]
    assert attached(world) == [[PICTURE]]
    assert world.engine.outlets["zendesk"].breaker.state.value == "closed"


async def test_a_dead_letter_about_a_file_is_replayed_when_the_file_is_there_again(world: World) -> None:
    gone = world.fault(FaultKind.STATUS, api="zendesk", path="/attachments/*", status=404, times=1)
    await send(world, address(world))
    assert (gone.struck, await world.states()) == (1, ["dead"])
    await world.console.replay(Query(), dry_run=False)
    await world.settle()
    assert await world.states() == ["done"]
    assert attached(world) == [[PICTURE]]
    assert strange(world.sandbox.journal) == []


@pytest.mark.parametrize("path", ["/attachments/*", UPLOADS, "/api/v2/tickets"])
async def test_a_process_that_ends_in_between_attaches_the_file_once(world: World, path: str) -> None:
    held = world.fault(FaultKind.SLOW, api="zendesk", path=path, delay_ms=10**9, applied=True)
    url = address(world)
    names = {"sender": PHONE, "recipient": BUSINESS, "waba_number": BUSINESS}
    await world.aisoule("message.received", {"message_id": "wamid.1", "type": "image", "media_url": url, **names})
    await world.sandbox.wait_for(lambda: held.struck)
    await world.kill()
    await world.start()
    await world.settle()
    assert await world.states() == ["done"]
    assert attached(world) == [[PICTURE]]
    await world.assert_balanced()
