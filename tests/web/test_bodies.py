"""Bodies in all forms through the door: what is read, and what is refused without a trace of it."""

from typing import Any

import pytest

from bridge.sources.bodies import BodyForm
from bridge.sources.dressing import encode
from tests.canaries import ORDERS_SECRET
from tests.engine.world import World
from tests.web.conftest import MARK, Doors

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"
LINES = "application/x-ndjson"
SOURCES = f"""\
  forms:
    verify: {{type: hmac, secrets: [{ORDERS_SECRET}], signature: {{from: "header:X-Signature"}}}}
    body: [json, json_lines, form_json(payload), form, multipart]
    split: "[]?"
    event: {{type: seen, id: "{{{{ body.id }}}}"}}
  texts:
    verify: {{type: hmac, secrets: [{ORDERS_SECRET}], signature: {{from: "header:X-Signature"}}}}
    body: text_json
    event: {{type: seen, id: "{{{{ body.id }}}}"}}
  calls:
    verify: {{type: hmac, secrets: [{ORDERS_SECRET}], signature: {{from: "header:X-Signature"}}}}
    event: {{type: seen, id: "{{{{ body.id }}}}"}}
    answer_body: {{text: "<Response/>", type: text/xml}}
"""


@pytest.fixture
async def open_to_all(world: World, doors: Doors) -> Doors:
    world.sources_more = SOURCES
    await world.reload()
    return doors


async def test_a_sender_that_reads_the_answer_gets_its_text_once_the_event_is_stored(open_to_all: Doors) -> None:
    for header in (None, "1"):
        reply = await open_to_all.post(b'{"id": "a"}', source="calls")
        assert (reply.status, reply.text, reply.headers["Content-Type"]) == (200, "<Response/>", "text/xml")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers.get("Webhook-Duplicate") == header
    refused = await open_to_all.post(b"[", source="calls")
    assert (refused.status, refused.body["error"]["code"]) == (400, "body_unreadable")


def part(name: str, content: str) -> bytes:
    return f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{content}\r\n'.encode()


@pytest.mark.parametrize(
    ("content_type", "body", "ids"),
    [
        ("application/json", b'{"id": "a"}', ["a"]),
        ("application/json", b'[{"id": "a"}, {"id": "b"}]', ["a", "b"]),
        ("application/json", b'{"id": "a"}\n{"id": "b"}', ["a", "b"]),
        (LINES, b'{"id": "a"}\r\n\r\n{"id": "b"}\r\n', ["a", "b"]),
        (FORM, b"id=a&x%5By%5D=1", ["a"]),
        (f"{FORM}; charset=windows-1252", b"id=%80", ["€"]),
        (FORM, b"payload=%7B%22id%22%3A%22a%22%7D", ["a"]),
        (FORM, b"payload=%5B%7B%22id%22%3A%22a%22%7D%2C%7B%22id%22%3A%22b%22%7D%5D", ["a", "b"]),
        (MULTIPART, part("id", "a") + b"--B--\r\n", ["a"]),
        (MULTIPART, part("payload", '{"id": "a"}') + b"--B--\r\n", ["a"]),
    ],
)
async def test_each_form_becomes_events(open_to_all: Doors, content_type: str, body: bytes, ids: list[str]) -> None:
    reply = await open_to_all.post(body, source="forms", headers={"Content-Type": content_type})
    assert reply.status == 200
    rows = await open_to_all.world.store.store.events(limit=9)
    assert sorted(row.event.event_id for row in rows) == ids


async def test_a_file_is_kept_with_its_event(open_to_all: Doors) -> None:
    content_type, body = encode(BodyForm("multipart"), {"id": "a", "scan": {"name": "s.png", "base64": "iVBORw=="}})
    reply = await open_to_all.post(body, source="forms", headers={"Content-Type": content_type})
    shown: Any = await open_to_all.world.console.event(reply.body["id"])
    assert shown["body"]["scan"]["name"] == "s.png"
    assert (shown["body"]["scan"]["size"], shown["body"]["scan"]["base64"]) == (4, "iVBORw==")


async def test_json_may_come_as_text(open_to_all: Doors) -> None:
    headers = {"Content-Type": "text/plain; charset=ISO-8859-1"}
    assert (await open_to_all.post('{"id": "é"}'.encode("latin-1"), source="texts", headers=headers)).status == 200
    assert (await open_to_all.world.store.store.events(limit=1))[0].event.event_id == "é"
    headers["Content-Type"] = "application/json; charset=ISO-8859-1"
    assert (await open_to_all.post(b'{"id": "b"}', source="texts", headers=headers)).status == 415


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (MULTIPART, b""),
        (MULTIPART, f"{MARK}".encode()),
        (MULTIPART, part(MARK, MARK)),
        (MULTIPART, part("id", "a").replace(b"\r\n", b"\n") + b"--B--"),
        (MULTIPART, f'--B\r\nContent-Disposition: form-data; name="{MARK}'.encode()),
        (MULTIPART, b"--B\r\n" + f"{MARK}: {MARK}\r\n\r\n".encode() + b"--B--"),
        (MULTIPART, b"--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\n\r\n--C--\r\n--B--"),
        (MULTIPART, part(MARK, "x") * 10_000 + b"--B--"),
        (MULTIPART, part("id", MARK + "\0") + b"--B--"),
        ("multipart/form-data", part("id", "a") + b"--B--"),
        ("multipart/mixed; boundary=B", part("id", "a") + b"--B--"),
        (FORM, f"id=%FF{MARK}".encode()),
        (FORM, f"{MARK}=%00".encode()),
        (FORM, f"{MARK}&".encode() * 100_000),
        (f"{FORM}; charset=utf-7", b"id=a"),
        (f"{FORM}; charset={MARK}", b"id=a"),
        (FORM, f"payload={MARK}".encode()),
        (FORM, b"payload=%7B%22id%22%3A1%2C%22id%22%3A2%7D"),
        (LINES, f'{{"id": "a"}}\n{MARK}'.encode()),
        (LINES, b"\n" * 500_000),
        (LINES, b'{"id": "a"}\n' * 50_000),
        (LINES, b'{"id": "a"}\n{}'),
        ("application/json", b"[" * 500_000),
        ("application/json", b'{"id": ' + b"9" * 500_000 + b"}"),
        ("application/json", b'{"id": 1e999}'),
        ("application/json", f'{{"id": "{MARK}\\ud800"}}'.encode()),
        ("application/json", f'{{"{MARK}": NaN}}'.encode()),
        ("application/json", f'\ufeff{{"id": "{MARK}"}}'.encode()),
        ("application/json; charset=utf-16", '{"id": "a"}'.encode("utf-16")),
        ("application/json", '{"id": "a"}'.encode("utf-16")),
        ("text/html", b'{"id": "a"}'),
        ("application/xml", b"<id>a</id>"),
        (f"application/{MARK}", b"a"),
    ],
    ids=range(33),
)
async def test_what_cannot_be_read_is_refused_and_neither_stored_nor_quoted(
    open_to_all: Doors, content_type: str, body: bytes
) -> None:
    reply = await open_to_all.post(body, source="forms", headers={"Content-Type": content_type})
    assert reply.status in {400, 415}
    assert (await open_to_all.world.store.store.books()).accepted == 0
