"""The admin API: who gets in, and what it answers."""

from typing import Any

import pytest

from bridge.sandbox import FaultKind
from bridge.web.admin import BY_HEADER, ENDPOINTS, MORE_HEADER, PREFIX, openapi
from tests.canaries import PHONE
from tests.conftest import log_text
from tests.web.conftest import MARK, TOKEN, Doors, order

ROUTES = [(endpoint.method, PREFIX + endpoint.path.replace("{id}", "x")) for endpoint in ENDPOINTS] + [
    ("POST", f"{PREFIX}/reload"),
    ("GET", f"{PREFIX}/openapi.json"),
    ("GET", "/metrics"),
    ("GET", f"/{MARK}"),
]


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, f"Basic {TOKEN}", "Bearer é"],
)
async def test_nothing_is_answered_without_the_token(doors: Doors, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in ROUTES:
        reply = await doors.ask(method, doors.admin + path, headers=headers)
        assert (reply.status, reply.body["error"]["code"]) == (401, "token"), path


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil",
        "a b",
        "127.0.0.1/x",
        "127.0.0.1?x",
        "127.0.0.1#x",
        "127.0.0.1:8081:1",
        "localhost.",
        "[::2]",
        "::1",
        "127.1",
        "127.0.0.1\\x",
        "LOCALHOSTS",
    ],
)
async def test_a_host_that_is_not_ours_is_421_even_with_the_token(doors: Doors, host: str) -> None:
    said = f"GET {PREFIX}/status HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    assert (await doors.say(said.encode(), url=doors.admin)).startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8081", "localhost", "LocalHost:1", "[::1]", "[::1]:8081"])
async def test_the_loopback_names_are_ours(doors: Doors, host: str) -> None:
    assert (await doors.ask_admin("GET", f"{PREFIX}/status", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "head",
    [
        f"GET http://evil.example{PREFIX}/status HTTP/1.1\r\nHost: localhost\r\n",
        f"GET {PREFIX}/status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        f"GET {PREFIX}/status HTTP/1.0\r\n",
    ],
)
async def test_a_target_or_host_in_another_form_is_refused(doors: Doors, head: str) -> None:
    said = f"{head}Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode()
    assert (await doors.say(said, url=doors.admin)).split(b" ", 2)[1] in {b"421", b"400"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_a_post_from_another_site_is_403(doors: Doors, headers: dict[str, str]) -> None:
    reply = await doors.ask_admin("POST", f"{PREFIX}/dead-letters/replay", headers=headers, json={})
    assert (reply.status, reply.body["error"]["code"]) == (403, "cross_site")


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}])
async def test_a_post_from_our_own_page_or_none_is_taken(doors: Doors, headers: dict[str, str]) -> None:
    headers |= {"Origin": doors.admin} if headers else {}
    assert (await doors.ask_admin("POST", f"{PREFIX}/dead-letters/replay", headers=headers, json={})).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_post_that_a_form_could_make_is_415(doors: Doors, kind: str) -> None:
    reply = await doors.ask_admin("POST", f"{PREFIX}/reload", headers={"Content-Type": kind}, data=b"{}")
    assert reply.status == 415


@pytest.mark.parametrize("path", ["/", "/api", f"/api/v1/{MARK}", "/api/v1/events/a/b", "/api/v1//status"])
async def test_an_unknown_path_is_404(doors: Doors, path: str) -> None:
    assert (await doors.ask_admin("GET", path)).status == 404


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/status"), ("GET", "/reload"), ("PUT", "/events")])
async def test_a_wrong_method_is_405_and_says_which_ones_are_right(doors: Doors, method: str, path: str) -> None:
    reply = await doors.ask_admin(method, PREFIX + path)
    assert reply.status == 405
    assert reply.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    [
        f"/events/{MARK}%27",
        "/events/" + "a" * 129,
        "/deliveries/%C3%A9",
        "/events/evt_missing",
        "/deliveries/dlv_missing",
        f"/deliveries?state={MARK}",
        f"/dead-letters?kind={MARK}",
        f"/deliveries?{MARK}=1",
        f"/deliveries?ids=a,{MARK}-",
        "/events?kind=rejected",
        "/status?limit=5",
        "/dead-letters?since=yesterday",
        "/events?limit=0",
        "/events?limit=1001",
        "/events?limit=-1",
        "/events?limit=1e3",
        f"/events?limit={MARK}",
        "/events?limit=9223372036854775808",
        "/events?limit=%D9%A1",
    ],
)
async def test_ids_filters_and_limits_are_checked(doors: Doors, path: str) -> None:
    assert (await doors.ask_admin("GET", PREFIX + path)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        f"{MARK}",
        "[]",
        "null",
        '"a"',
        '{"ids": 5}',
        '{"ids": [5]}',
        f'{{"ids": ["{MARK} "]}}',
        '{"ids": ["dlv_missing"]}',
        '{"rule": 5}',
        '{"rule": ["a"]}',
        f'{{"{MARK}": 1}}',
        f'{{"kind": "{MARK}"}}',
        '{"limit": "many"}',
        '{"dry_run": "true"}',
        '{"dry_run": 1}',
        '{"differences": "all"}',
        '{"since": "yesterday"}',
        '{"after": "x"}',
        '{"force": true}',
    ],
)
async def test_a_body_that_makes_no_sense_is_400(doors: Doors, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    reply = await doors.ask_admin("POST", f"{PREFIX}/dead-letters/replay", headers=headers, data=body)
    assert reply.status == 400


async def test_a_body_that_is_too_large_is_413(doors: Doors) -> None:
    headers = {"Content-Type": "application/json"}
    reply = await doors.ask_admin("POST", f"{PREFIX}/dead-letters/replay", headers=headers, data=b" " * 70_000)
    assert reply.status == 413


async def test_the_books_lists_and_single_views_agree(doors: Doors) -> None:
    accepted = await doors.post(order())
    await doors.world.settle()
    event_id = accepted.body["id"]
    status = (await doors.ask_admin("GET", f"{PREFIX}/status")).body
    assert status["events"]["accepted"] == 1
    assert status["rules"]["order-to-erp"]["done"] == 1
    assert set(status["destinations"]) == {"erp", "hubspot", "zendesk"}
    [event] = (await doors.ask_admin("GET", f"{PREFIX}/events?source=orders&limit=5")).body
    assert event["rules"] == {"order-to-erp": "done"}
    whole = (await doors.ask_admin("GET", f"{PREFIX}/events/{event_id}")).body
    assert whole["body"] == order()
    [delivery] = (await doors.ask_admin("GET", f"{PREFIX}/deliveries?event={event_id}&state=done")).body
    shown = (await doors.ask_admin("GET", f"{PREFIX}/deliveries/{delivery['id']}")).body
    assert [(attempt["outcome"], attempt["status"]) for attempt in shown["tries"]] == [("succeeded", 201)]
    assert shown["tries"][0]["request"]["headers"]["Authorization"] == "••••"
    assert (await doors.ask_admin("GET", f"{PREFIX}/links")).body == []


async def test_dead_letters_are_listed_replayed_and_discarded(doors: Doors) -> None:
    world = doors.world
    world.fault(FaultKind.STATUS, status=422, times=2)
    for number in (1, 2):
        await doors.post(order(number))
        await world.calm()
    letters: list[Any] = (await doors.ask_admin("GET", f"{PREFIX}/dead-letters?kind=rejected")).body
    first, second = (letter["delivery"] for letter in letters)
    dry = await doors.ask_admin("POST", f"{PREFIX}/dead-letters/replay", json={"ids": [first], "dry_run": True})
    assert (dry.body["ok"], dry.body["dry_run"], dry.body["replayed"]) == (True, True, [first])
    assert (dry.body["total"], dry.body["next"]) == (1, None)
    assert await world.states() == ["dead", "dead"]
    await doors.ask_admin("POST", f"{PREFIX}/dead-letters/replay", json={"ids": [first]})
    await doors.ask_admin("POST", f"{PREFIX}/dead-letters/discard", json={"ids": [second], "reason": "a test"})
    await world.settle()
    assert await world.states() == ["done", "skipped"]
    await world.assert_balanced()


async def test_a_waiting_delivery_is_retried_now_or_skipped(doors: Doors) -> None:
    world = doors.world
    world.fault(FaultKind.STATUS, status=500, times=2)
    await doors.post(order(1))
    await world.calm()
    await doors.post(order(2))
    await world.calm()
    second, first = (row["id"] for row in (await doors.ask_admin("GET", f"{PREFIX}/deliveries")).body)
    assert (await doors.ask_admin("POST", f"{PREFIX}/deliveries/{first}/retry", json={})).status == 200
    await world.sandbox.wait_for(lambda: world.calls("POST", "/orders") == 2)
    await world.calm()
    reply = await doors.ask_admin("POST", f"{PREFIX}/deliveries/{first}/skip", json={"reason": "unstick"})
    assert reply.status == 200
    await world.calm()
    assert await world.states() == ["skipped", "done"]
    assert (await doors.ask_admin("POST", f"{PREFIX}/deliveries/{second}/skip", json={})).status == 400


async def test_a_reload_says_how_it_went(doors: Doors) -> None:
    doors.reloads += [{"ok": True, "findings": []}, {"ok": False, "findings": ["BR101"]}]
    assert (await doors.ask_admin("POST", f"{PREFIX}/reload", json={})).status == 200
    async with doors.session.post(
        f"{doors.admin}{PREFIX}/reload", json={}, headers={"Authorization": f"Bearer {TOKEN}"}
    ) as refused:
        assert (refused.status, await refused.json()) == (400, {"ok": False, "findings": ["BR101"]})


async def test_a_fault_of_ours_is_500_without_its_text(doors: Doors) -> None:
    reply = await doors.ask_admin("POST", f"{PREFIX}/reload", json={})  # there is nothing to pop
    assert (reply.status, reply.body["error"]["code"]) == (500, "fault")
    assert "pop from empty list" not in log_text()
    assert "IndexError" in log_text()


async def test_every_answer_keeps_browsers_from_guessing(doors: Doors) -> None:
    for path in ("/status", "/openapi.json", "/nothing"):
        headers = (await doors.ask_admin("GET", PREFIX + path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_the_openapi_document_lists_every_route(doors: Doors) -> None:
    document: Any = (await doors.ask_admin("GET", f"{PREFIX}/openapi.json")).body
    assert document == openapi()
    listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert listed == {(endpoint.method, PREFIX + endpoint.path) for endpoint in ENDPOINTS} | {
        ("POST", f"{PREFIX}/reload"),
        ("GET", f"{PREFIX}/openapi.json"),
    }


async def test_the_openapi_document_tells_every_parameter() -> None:
    for endpoint in ENDPOINTS:
        paths: Any = openapi()["paths"]
        operation = paths[PREFIX + endpoint.path][endpoint.method.lower()]
        told = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
        body = operation.get("requestBody", {"content": {"application/json": {"schema": {"properties": {}}}}})
        told |= set(body["content"]["application/json"]["schema"]["properties"])
        assert told == set(endpoint.takes)


async def test_a_list_says_in_a_header_that_rows_were_left_out(doors: Doors) -> None:
    for number in (1, 2):
        await doors.post(order(number))
    await doors.world.settle()
    assert (await doors.ask_admin("GET", f"{PREFIX}/events?limit=1")).headers[MORE_HEADER] == "true"
    assert MORE_HEADER not in (await doors.ask_admin("GET", f"{PREFIX}/events?limit=2")).headers


@pytest.mark.parametrize(
    ("user", "expected"),
    [("alice", "alice (admin API)"), (None, "admin API"), ("a" * 65, "admin API"), ("<b>", "admin API")],
)
async def test_the_audit_says_who_decided_what(doors: Doors, user: str | None, expected: str) -> None:
    headers = {} if user is None else {BY_HEADER: user}
    doors.reloads.append({"ok": False, "findings": ["BR101", "BR102"]})
    for path, body in (
        ("pause", {"destination": "erp", "reason": "tea"}),
        ("resume", {"destination": "erp"}),
        ("links/forget", {"name": "ticket", "key": PHONE}),
    ):
        assert (await doors.ask_admin("POST", f"{PREFIX}/{path}", json=body, headers=headers)).status == 200
    headers = {**headers, "Authorization": f"Bearer {TOKEN}"}
    async with doors.session.post(f"{doors.admin}{PREFIX}/reload", json={}, headers=headers) as refused:
        assert refused.status == 400
    entries: list[Any] = (await doors.ask_admin("GET", f"{PREFIX}/audit")).body
    assert [entry["action"] for entry in entries] == ["reload", "links.forget", "resume", "pause"]
    assert {entry["by"] for entry in entries} == {expected}
    assert (entries[0]["ok"], entries[0]["findings"]) == (False, 2)
    assert PHONE not in str(entries)


@pytest.mark.parametrize("path", ["pause", "resume"])
async def test_an_unknown_destination_is_wrong_use_and_is_not_echoed(doors: Doors, path: str) -> None:
    reply = await doors.ask_admin("POST", f"{PREFIX}/{path}", json={"destination": f"hubspt{MARK}"})
    assert (reply.status, reply.body["error"]["code"]) == (400, "wrong_use")
    assert "destinations are `erp`, `hubspot`, `zendesk`" in reply.body["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "ticket", "key": "a"},
        {"name": "ticket", "key": "a", "value": None},
        {"name": "ticket", "key": "a", "value": True},
        {"name": "ticket", "key": "a", "value": 1.5},
        {"name": "ticket", "key": "a", "value": [1]},
        {"name": "ticket", "key": "", "value": 1},
        {"name": "ticket", "key": 5, "value": 1},
        {"name": "ticket", "key": "a" * 1_001, "value": 1},
        {"name": MARK, "key": "a", "value": 1},
    ],
)
async def test_a_link_that_makes_no_sense_is_400(doors: Doors, body: dict[str, object]) -> None:
    assert (await doors.ask_admin("POST", f"{PREFIX}/links/set", json=body)).status == 400


async def test_an_event_is_rerun(doors: Doors) -> None:
    accepted = await doors.post(order())
    await doors.world.settle()
    path = f"{PREFIX}/events/{accepted.body['id']}/rerun"
    left = (await doors.ask_admin("POST", path, json={})).body
    assert (left["replayed"], [each["state"] for each in left["left"]]) == ([], ["done"])
    again = (await doors.ask_admin("POST", path, json={"force": True, "rule": "order-to-erp"})).body
    await doors.world.settle()
    assert len(again["replayed"]) == 1
    assert doors.world.orders() == ["o1", "o1"]
    assert (await doors.ask_admin("POST", path, json={"force": "yes"})).status == 400


async def test_a_whole_number_of_any_length_is_shown_as_it_came(doors: Doors) -> None:
    number = 123456789012345678901234567890
    accepted = await doors.post(f'{{"kind": "placed", "id": "o1", "number": {number}}}'.encode())

    shown = await doors.ask_admin("GET", f"{PREFIX}/events/{accepted.body['id']}")

    assert f'"number":{number}' in shown.text
