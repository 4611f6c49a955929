"""Pause, resume, links, rerun, audit and status, each beside a daemon and on the store alone."""

import aiohttp
import pytest

from bridge.cli.remote import os_user
from bridge.clock import SystemClock
from bridge.model import AttemptEnd, AttemptStart, Outcome
from bridge.outbound.gate import PauseReason
from bridge.sandbox import Sandbox
from bridge.store.protocol import Progress
from bridge.store.sqlite import SqliteStore
from tests.canaries import PHONE
from tests.cli.conftest import Place, Story, settled


async def test_a_destination_is_paused_and_resumed(story: Story) -> None:
    result = await story.run("pause", "crm", "--reason", "they move house")
    assert (result.exit_code, result.stdout) == (0, "crm is paused; it was open\n")
    again = await story.run("pause", "crm")
    assert again.stdout == "crm is paused; it was paused (operator: they move house)\n"
    crm = (await story.json("status"))["destinations"]["crm"]
    assert (crm["state"], crm["paused"], crm["detail"]) == ("paused", "operator", "paused by hand")

    resumed = await story.run("resume", "crm")
    assert (resumed.exit_code, resumed.stdout) == (0, "crm is open; it was paused (operator: paused by hand)\n")
    assert (await story.run("resume", "crm")).stdout == "crm is open; it was open\n"


async def test_links_are_listed_set_and_forgotten(story: Story) -> None:
    [link] = await story.json("links", "list", "--name", "entry")
    assert (
        await story.run("links", "set", "entry", link["key"], "77")
    ).stdout == f"remembered (it was {link['value']})\n"
    assert [each["value"] for each in await story.json("links", "list")] == [77]
    for given, kept in (("0077", "0077"), ("abc", "abc"), ("9" * 19, "9" * 19)):
        await story.run("links", "set", "entry", link["key"], given)
        assert [each["value"] for each in await story.json("links", "list", "--key", link["key"])] == [kept]
    await story.run("links", "set", "entry", link["key"], "77", "--text")
    assert [each["value"] for each in await story.json("links", "list")] == ["77"]
    assert (await story.run("links", "forget", "entry", link["key"])).stdout == "forgotten (it was 77)\n"
    assert (await story.run("links", "forget", "entry", link["key"])).stdout == "nothing was remembered there\n"
    assert (await story.run("links", "list")).stdout == "no links\n"


async def test_an_event_is_rerun(story: Story) -> None:
    left = await story.run("events", "rerun", story.done)
    assert left.exit_code == 0
    assert left.stdout.startswith("0 started again\nleft as it is: dlv_")
    assert "is done (--force sends it once more)" in left.stdout
    forced = await story.json("events", "rerun", story.done, "--rule", "log", "--force")
    assert (forced["ok"], len(forced["replayed"])) == (True, 1)
    wrong = await story.run("events", "rerun", story.done, "--rule", "lag")
    assert (wrong.exit_code, "`log`" in wrong.stderr) == (1, True)


async def test_a_rerun_that_cannot_be_gives_1(story: Story) -> None:
    runs = (await story.json("status"))["daemon"]
    rules = story.place.folder / "rules.yaml"
    rules.write_text(rules.read_text().replace("name: log", "name: renamed"))
    if runs:
        assert (await story.daemon.reload())["ok"]
    result = await story.run("events", "rerun", story.dead)
    assert (result.exit_code, result.stdout) == (1, "0 started again\n")
    assert "not configured" in result.stderr


async def test_an_event_is_taken_in_again(story: Story) -> None:
    result = await story.run("events", "replay", story.done, "evt_nobody")
    assert (result.exit_code, result.stderr) == (1, "not taken in: there is no event `evt_nobody`\n")
    taken, _, new = result.stdout.strip().rpartition(" ")
    assert taken == f"{story.done} is taken in again as"
    assert (await story.json("events", "show", new))["repeats"] == story.done
    assert story.done in (await story.run("events", "show", new)).stdout
    assert "repeats" not in (await story.run("events", "show", story.done)).stdout
    both = await story.json("events", "replay", story.done, new)
    assert [each["repeats"] for each in both["replayed"]] == [story.done, new]
    assert (await story.json("status"))["sources"]["aisoule"]["redelivered"] == 3


async def test_the_senders_next_repeat_is_let_in(story: Story) -> None:
    result = await story.run("events", "replay", "--next", "--for", "1h", story.done)
    assert result.exit_code == 0
    assert f" UTC the next repeat of {story.done} by aisoule is taken in, once\n" in result.stdout
    unknown = await story.run("events", "replay", "--next", "evt_nobody")
    assert (unknown.exit_code, unknown.stderr) == (1, "not taken in: there is no event `evt_nobody`\n")
    let = await story.json("events", "replay", "--next", story.done)
    assert [each["source"] for each in let["waiting"]] == ["aisoule"]


async def test_a_wait_without_next_or_without_sense_is_wrong_use(story: Story) -> None:
    alone = await story.run("events", "replay", story.done, "--for", "1h")
    assert (alone.exit_code, "add --next" in alone.stderr) == (2, True)
    soon = await story.run("events", "replay", "--next", "--for", "soon", story.done)
    assert (soon.exit_code, "such as `15m`" in soon.stderr) == (2, True)


async def test_the_audit_tells_who_did_what(story: Story) -> None:
    assert (await story.run("audit")).stdout == "nobody decided anything yet\n"
    await story.run("pause", "crm", "--reason", "tea")
    await story.run("dead-letters", "discard", "--all")
    entries = await story.json("audit")
    assert [entry["action"] for entry in entries] == ["dead_letters.discard", "pause"]
    assert all(entry["by"].startswith(os_user()) for entry in entries)
    assert (entries[0]["count"], entries[1]["reason"]) == (1, "tea")
    table = (await story.run("audit")).stdout
    assert "dead_letters.discard" in table
    assert max(len(line) for line in table.splitlines()) <= 80
    assert PHONE not in table


async def test_a_list_that_is_cut_says_so_on_stderr(story: Story) -> None:
    for words in (("events", "list"), ("deliveries", "list")):
        cut = await story.run(*words, "--limit", "1")
        assert cut.stderr == "1 shown, there are more: raise --limit\n"
        assert (await story.run(*words, "--limit", "4")).stderr == ""
    assert len(await story.json("events", "list", "--limit", "1")) == 1


async def test_the_status_tells_the_whole_state(story: Story) -> None:
    shown = (await story.run("status")).stdout
    runs = (await story.json("status"))["daemon"]
    assert shown.startswith(f"daemon: {'running' if runs else 'not running'}\nconfiguration: revision ")
    assert "\nevents: 4 accepted, 4 routed" in shown
    assert "books: balanced at" in shown
    assert "destination" in shown
    status = await story.json("status")
    assert status["books"]["balanced"] is True
    crm = status["destinations"]["crm"]
    assert (crm["state"], crm["breaker"], crm["in_flight"], crm["waiting"]) == ("open", "closed", 0, 0)
    assert [(each["rule"], each["destination"], each["done"]) for each in status["accounts"]] == [
        ("log", None, 0),
        ("log", "crm", 1),
    ]


@pytest.mark.parametrize("story", ["beside a daemon"], indirect=True)
async def test_the_status_tells_of_requests_that_went_astray(story: Story) -> None:
    words = "requests to addresses that no source has: "
    assert words not in (await story.run("status")).stdout
    url = f"{story.daemon.bound.public}/hooks/nowhere"
    async with aiohttp.ClientSession() as session, session.post(url, data=b"{}") as response:
        assert response.status == 404
    assert f"{words}1, answered 404, the last one at " in (await story.run("status")).stdout


@pytest.mark.parametrize("story", ["beside a daemon"], indirect=True)
async def test_refused_credentials_give_1_and_a_pause_by_hand_0(story: Story) -> None:
    await story.run("pause", "crm")
    assert (await story.run("status")).exit_code == 0
    story.daemon.engine.outlets["crm"].gate.close(PauseReason.UNAUTHORIZED, "token_revoked")
    result = await story.run("status")
    assert result.exit_code == 1
    assert "unauthorized" in result.stdout


async def test_a_broken_file_does_not_matter_while_a_daemon_runs(story: Story) -> None:
    runs = (await story.json("status"))["daemon"]
    (story.place.folder / "rules.yaml").write_text("rules: [{name: broken}]\n")
    result = await story.run("status")
    assert result.exit_code == (0 if runs else 1)
    assert ("BR" in result.stderr) is not runs


async def test_a_replay_is_marked_in_lists(story: Story, sandbox: Sandbox) -> None:
    await story.run("dead-letters", "replay", "--all")
    if (await story.json("status"))["daemon"]:
        await settled(story.daemon, sandbox, dead=1)
    [row] = [each for each in await story.json("deliveries", "list") if each["generation"] == 1]
    assert row["replay"] is True
    shown = (await story.run("deliveries", "list")).stdout
    assert "* a replay" in shown
    assert f"{row['state']}*" in shown
    assert "replayed     1 times" in (await story.run("deliveries", "show", row["id"])).stdout


def test_a_pause_needs_a_store(place: Place) -> None:
    result = place.run("pause", "crm")
    assert result.exit_code == 1
    assert "there is no store" in result.stderr


@pytest.mark.parametrize("story", ["on the store alone"], indirect=True)
async def test_what_waits_for_a_limit_and_what_was_only_recorded_is_shown_as_such(story: Story) -> None:
    [row] = await story.json("deliveries", "list", "--state", "retrying")
    await story.run("deliveries", "retry", row["id"])
    now_ms = SystemClock().now_ms()
    store = await SqliteStore.open(story.place.folder / "var" / "bridge.db")
    [claim] = await store.claim("crm", worker="w", now_ms=now_ms, lease_ms=1_000, limit=9)
    request = {"method": "POST", "url": "/messages", "headers": {}}
    start = AttemptStart(9, "post", "crm.post", now_ms, request, "r1")
    end = AttemptEnd(9, now_ms, Outcome.SUCCEEDED, None, "shadow", "", "")
    await store.advance(claim.lease, Progress(start=start), now_ms=now_ms, lease_ms=1_000)
    await store.postpone(
        claim.lease,
        Progress(end=end),
        now_ms=now_ms,
        due_at_ms=now_ms,
        destination="crm",
        failed=False,
        queue="burst",
    )
    await store.close()
    lines = (await story.run("deliveries", "list", "--state", "pending")).stdout.splitlines()
    assert lines[0].rstrip().endswith("waits for")
    assert lines[1].rstrip().endswith("burst")
    shown = (await story.run("deliveries", "show", row["id"])).stdout
    assert "queue        burst" in shown
    assert "attempt 9, step post, revision r1: would have been sent (shadow)" in shown
