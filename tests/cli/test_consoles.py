"""Questions and decisions, each asked of a running daemon and of the store alone."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web

from bridge.cli import remote
from bridge.sandbox import Sandbox
from bridge.store.sqlite import SqliteStore, lock_holder
from tests.cli.conftest import Place, Story, settled


async def test_lists_are_arrays_of_the_same_objects_either_way(story: Story) -> None:
    events = await story.json("events", "list")
    assert [event["id"] for event in events] == [story.waiting, story.skipped, story.dead, story.done]
    assert [event["rules"] for event in events] == [
        {"log": "retrying"},
        {"log": "skipped"},
        {"log": "dead"},
        {"log": "done"},
    ]

    deliveries = await story.json("deliveries", "list")
    assert [row["state"] for row in deliveries] == ["retrying", "skipped", "dead", "done"]
    assert [row["state"] for row in await story.json("deliveries", "list", "--state", "dead")] == ["dead"]
    assert [row["event"] for row in await story.json("deliveries", "list", "--event", story.done)] == [story.done]

    [letter] = await story.json("dead-letters", "list")
    assert letter["event"]["id"] == story.dead
    assert letter["kind"] == "rejected"
    assert letter["id"] == letter["delivery"] == next(row["id"] for row in deliveries if row["state"] == "dead")
    assert await story.json("dead-letters", "list", "--kind", "mapping") == []

    status = await story.json("status")
    assert status["events"] == {"accepted": 4, "routed": 4, "unrouted": 0, "unmatched": 0}


async def test_one_thing_is_shown_whole(story: Story) -> None:
    event = await story.json("events", "show", story.done)
    assert event["body"]["data"]["message_id"] == "m1"
    assert (event["fields"]["message_id"], event["failed_fields"]) == ("m1", {})
    assert "\nfields\n    {\n" in (await story.run("events", "show", story.done)).stdout

    [delivery] = event["deliveries"]
    shown = await story.json("deliveries", "show", delivery["id"])
    [attempt] = shown["tries"]
    assert attempt["request"]["headers"]["Authorization"] == "••••"
    assert attempt["outcome"] == "succeeded"

    [letter] = await story.json("dead-letters", "list")
    assert await story.json("dead-letters", "show", letter["delivery"]) == letter


async def test_what_does_not_exist_is_told_with_exit_1(story: Story) -> None:
    for words, expected in (
        (("events", "show", "evt_none"), "there is no event `evt_none`"),
        (("deliveries", "show", "dlv_none"), "there is no delivery `dlv_none`"),
        (("deliveries", "retry", "dlv_none"), "dlv_none"),
        (("deliveries", "skip", "dlv_none"), "dlv_none"),
        (("dead-letters", "show", "dlv_none"), "`dlv_none` is not a dead letter"),
        (("dead-letters", "replay", "dlv_none"), "not a dead letter: dlv_none"),
        (("explain", "evt_none"), "there is no event `evt_none`"),
    ):
        result = await story.run(*words)
        assert result.exit_code == 1, words
        assert expected in result.stderr
        assert "= help:" in result.stderr
        assert result.stdout == ""


async def test_a_filter_or_name_that_makes_no_sense_gives_2(story: Story) -> None:
    for words, expected in (
        (("deliveries", "list", "--state", "lost"), "states are pending, running"),
        (("dead-letters", "list", "--kind", "lost"), "kinds are mapping, rejected"),
        (("dead-letters", "list", "--since", "yesterday"), "RFC 3339"),
        (("pause", "crmm"), "did you mean `crm`"),
        (("resume", "x"), "destinations are `crm`"),
        (("links", "set", "entri", "a", "1"), "did you mean `entry`"),
    ):
        result = await story.run(*words)
        assert result.exit_code == 2, words
        assert expected in result.stderr
        assert result.stdout == ""


async def test_an_id_that_is_none_cannot_reach_another_address(story: Story) -> None:
    result = await story.run("events", "show", "../status?x=1")

    assert result.exit_code == 1
    assert result.stdout == ""


async def test_a_waiting_delivery_can_be_tried_now_and_skipped(story: Story, sandbox: Sandbox) -> None:
    [row] = await story.json("deliveries", "list", "--state", "retrying")
    before = sandbox.journal.seen

    result = await story.run("deliveries", "retry", row["id"])
    assert (result.exit_code, result.stdout) == (0, f"{row['id']} is due now\n")
    if story.daemon.engine.in_flight or (sandbox.journal.seen == before and _runs(story)):
        await sandbox.wait_for(lambda: sandbox.journal.seen > before)
        await settled(story.daemon, sandbox, retrying=1)

    result = await story.run("deliveries", "skip", row["id"], "--reason", "the customer called")
    assert result.exit_code == 0
    shown = await story.json("deliveries", "show", row["id"])
    assert (shown["state"], shown["reason"]) == ("skipped", "the customer called")


def _runs(story: Story) -> bool:
    return lock_holder(story.place.folder / "var" / "bridge.db") is not None


async def test_a_dead_letter_is_counted_replayed_and_discarded(story: Story, sandbox: Sandbox) -> None:
    [letter] = await story.json("dead-letters", "list")
    dry = await story.run("dead-letters", "replay", "--all", "--dry-run")
    assert dry.exit_code == 0
    assert dry.stdout.startswith("1 would be replayed\n  1 of rule log, rejected\n")
    assert len(await story.json("dead-letters", "list")) == 1

    done = await story.run("dead-letters", "replay", "--fingerprint", letter["fingerprint"])
    assert (done.exit_code, done.stdout) == (0, "1 replayed\n")
    if _runs(story):  # refused a second time
        await settled(story.daemon, sandbox, dead=1)
        discarded = await story.run("dead-letters", "discard", letter["delivery"])
        assert (discarded.exit_code, discarded.stdout) == (0, "1 discarded\n")
    assert await story.json("dead-letters", "list") == []


async def test_a_replay_without_its_rule_is_refused_with_exit_1(story: Story) -> None:
    rules = story.place.folder / "rules.yaml"
    rules.write_text(rules.read_text().replace("name: log", "name: renamed"))
    if _runs(story):
        assert (await story.daemon.reload())["ok"]
    result = await story.run("dead-letters", "replay", "--all")

    assert result.exit_code == 1
    assert "the rule `log` is not configured, or does not match the event any more" in result.stderr


async def test_a_choice_has_to_be_made(story: Story) -> None:
    for command in ("replay", "discard"):
        result = await story.run("dead-letters", command)
        assert result.exit_code == 2
        assert "nothing is chosen" in result.stderr


async def test_tables_fit_80_columns(story: Story) -> None:
    for words in (
        ("events", "list"),
        ("deliveries", "list"),
        ("dead-letters", "list"),
        ("status",),
        ("events", "show", story.done),
    ):
        result = await story.run(*words)
        assert result.exit_code == 0
        assert max(len(line) for line in result.stdout.splitlines()) <= 80, result.stdout
        assert "\x1b" not in result.stdout


async def test_a_dead_letter_tells_what_why_and_the_mend(story: Story) -> None:
    [letter] = await story.json("dead-letters", "list")
    text = (await story.run("dead-letters", "show", letter["delivery"])).stdout

    assert f"{letter['delivery']} is dead: rejected" in text
    for word in ("what", "from", "rule   log, step post", "cause", "mend", "request", "response"):
        assert word in text
    assert f"then: crm-bridge dead-letters replay {letter['delivery']}" in text
    assert "••••" in text
    assert "crm-token" not in text


async def test_explain_of_a_stored_event_uses_what_the_bridge_remembers(story: Story) -> None:
    explained = await story.json("explain", story.dead)

    [log, receipts] = explained["events"][0]["rules"]
    assert [request["step"] for request in log["requests"]] == ["look", "post"]
    assert log["requests"][0]["url"].startswith("/messages/")
    assert receipts["matched"] is False


# --- who does not answer ---------------------------------------------------------------------------------------------


async def _ask(place: Place) -> tuple[int, str]:
    result = await asyncio.to_thread(place.run, "status")
    return result.exit_code, result.stderr


@pytest.fixture
async def held(place: Place) -> AsyncIterator[Place]:
    """A place whose store is held by a process (this one) that is no daemon."""
    store = await SqliteStore.open(place.folder / "var" / "bridge.db")
    (place.folder / "var" / "admin-token").write_text("0123456789abcdef-token")
    place.environ["BRIDGE_ADMIN__LISTEN"] = "127.0.0.1:9"
    yield place
    await store.close()


async def test_a_holder_of_the_store_that_does_not_answer_gives_exit_3(held: Place) -> None:
    code, text = await _ask(held)

    assert code == 3
    assert "the daemon holds the store but does not answer on http://127.0.0.1:9 (ClientConnectorError)" in text
    assert "BRIDGE_ADMIN__LISTEN" in text


async def test_a_holder_that_accepts_and_says_nothing_gives_exit_3(
    held: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "QUESTION_S", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        held.environ["BRIDGE_ADMIN__LISTEN"] = f"127.0.0.1:{silent.getsockname()[1]}"
        code, text = await _ask(held)

    assert code == 3
    assert "TimeoutError" in text


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "<html>hello</html>", "is not this daemon (status 200)"),
        (302, "", "is not this daemon (status 302)"),
        (404, '{"error": "nothing here"}', "is not this daemon (status 404)"),
        (401, '{"ok":false,"error":{"code":"token","message":"The token is wrong.","help":""}}', "The token is wrong."),
        (503, '{"ok":false,"error":{"code":"unavailable","message":"StoreUnavailable","help":""}}', "StoreUnavailable"),
    ],
)  # fmt: skip
async def test_what_answers_and_is_not_our_daemon_gives_exit_3(
    held: Place, status: int, body: str, expected: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        headers = {"Location": "http://127.0.0.1:9/"} if status == 302 else {}
        return web.Response(status=status, text=body, headers=headers)

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    held.environ["BRIDGE_ADMIN__LISTEN"] = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        code, text = await _ask(held)
    finally:
        await runner.cleanup()

    assert code == 3
    assert expected in text


async def test_without_the_token_file_the_person_is_told_who_to_be(held: Place) -> None:
    (held.folder / "var" / "admin-token").unlink()
    code, text = await _ask(held)

    assert code == 3
    assert "run this as the daemon's user" in text


async def test_without_a_store_the_person_is_told_to_start_the_bridge(place: Place) -> None:
    code, text = await _ask(place)

    assert code == 1
    assert "there is no store at" in text
    assert "crm-bridge run" in text


async def test_a_damaged_store_is_reported_with_exit_3(place: Place) -> None:
    path = place.folder / "var" / "bridge.db"
    path.parent.mkdir()
    _write(path)
    code, text = await _ask(place)

    assert code == 3
    assert "is damaged or is no SQLite database" in text


def _write(path: Path) -> None:
    path.write_bytes(b"no database, certainly" * 100)
