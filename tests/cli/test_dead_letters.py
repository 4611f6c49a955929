"""Replay from the command line: counting, differences, many pages."""

import sys
from typing import Any

import orjson
import pytest

from bridge.cli.replaying import Tally, progress, replay_pages
from bridge.engine import replay
from bridge.engine.console import Query
from bridge.errors import StoreUnavailable
from bridge.sandbox import Sandbox
from tests.cli.conftest import RULES, Story, deliver, message, settled


def mend(story: Story) -> None:
    """Give the dead letter's step another path."""
    (story.place.folder / "rules.yaml").write_text(RULES.replace("path: /messages,", "path: /v2/messages,"))


async def reload(story: Story) -> None:
    if await _runs(story):
        assert (await story.daemon.reload())["ok"]


async def _runs(story: Story) -> bool:
    return bool((await story.json("status"))["daemon"])


async def test_a_dry_run_shows_what_would_be_sent_otherwise(story: Story) -> None:
    mend(story)
    await reload(story)
    result = await story.run("dead-letters", "replay", "--all", "--dry-run")
    lines = result.stdout.split("\n")
    assert lines[:2] == ["1 would be replayed", "  1 of rule log, rejected"]
    assert '  -  "url": "/messages"' in lines
    assert '  +  "url": "/v2/messages"' in lines
    assert "crm-token" not in result.stdout


async def test_json_has_every_difference_and_the_counts(story: Story) -> None:
    dry = await story.json("dead-letters", "replay", "--kind", "rejected", "--since", "1h", "--dry-run")
    [letter] = await story.json("dead-letters", "list")
    assert (dry["ok"], dry["dry_run"], dry["replayed"]) == (True, True, [letter["delivery"]])
    assert dry["counts"] == [{"rule": "log", "kind": "rejected", "count": 1}]
    assert [each["delivery"] for each in dry["differences"]] == [letter["delivery"]]
    none = await story.json("dead-letters", "replay", "--until", "1h", "--dry-run")
    assert (none["replayed"], none["differences"]) == ([], [])
    few = await story.json("dead-letters", "replay", "--all", "--dry-run", "--limit", "0")
    assert (len(few["replayed"]), few["differences"]) == (1, [])


@pytest.mark.parametrize("story", ["beside a daemon"], indirect=True)
async def test_many_pages_are_one_replay(story: Story, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "PAGE", 2)
    monkeypatch.setattr(replay, "DIFFERENCES_PAGE", 1)
    for number in range(5, 9):
        await deliver(story.daemon, message(f"m{number}", "refuse me"))
    # all of one customer stand behind the one that is tried again in an hour
    [waiting] = await story.json("deliveries", "list", "--state", "retrying")
    assert (await story.run("deliveries", "skip", waiting["id"])).exit_code == 0
    await settled(story.daemon, sandbox, dead=5)
    dry = await story.run("dead-letters", "replay", "--all", "--dry-run", "--limit", "2")
    assert dry.stdout.startswith("5 would be replayed\n  5 of rule log, rejected\n")
    assert dry.stdout.count("dlv_") == 2
    assert "3 more differences are not shown" in dry.stderr
    done = await story.run("dead-letters", "replay", "--all")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "5 replayed\n", "")


async def test_a_choice_of_nothing_is_wrong_use(story: Story) -> None:
    for command in ("replay", "discard"):
        result = await story.run("dead-letters", command)
        assert result.exit_code == 2
        assert "--since" in result.stderr


class Pages:
    """Answers of the console, one after the other; an error is raised."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str | None, int]] = []

    async def replay(self, query: Query, *, dry_run: bool, differences: int = 0) -> dict[str, Any]:
        assert not dry_run
        self.asked.append((query.after, differences))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def page(*ids: str, after: str | None = None, total: int | None = None) -> dict[str, Any]:
    refused = [{"delivery": "dlv_bad", "message": "no \x1b[2J rule"}]
    counts = [{"rule": "log", "kind": "rejected", "count": len(ids)}]
    return {
        "replayed": list(ids),
        "refused": refused,
        "counts": counts,
        "differences": [],
        "total": total,
        "next": after,
    }


async def test_pages_are_asked_for_with_the_cursor_of_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    console: Any = Pages(page("a", "b", after="c1", total=3), page("c"))
    tally = Tally(dry_run=False, keeps_ids=True)
    with progress("replaying") as bar:
        await replay_pages(console, Query(), tally, 0, bar)
    assert [after for after, _ in console.asked] == [None, "c1"]
    told: Any = orjson.loads(orjson.dumps(tally.to_json()))
    assert (told["replayed"], len(told["refused"]), told["ok"]) == (["a", "b", "c"], 2, False)
    assert told["counts"] == [{"rule": "log", "kind": "rejected", "count": 3}]
    assert capsys.readouterr() == ("", "")


async def test_refusals_are_told_at_once_and_ids_are_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    console: Any = Pages(page("a"))
    tally = Tally(dry_run=False, keeps_ids=False)
    await replay_pages(console, Query(), tally, 0)
    tally.say()
    assert tally.to_json()["replayed"] == []
    assert capsys.readouterr() == ("1 replayed\n", "not replayed: dlv_bad: no \\u{1b}[2J rule\n")


async def test_a_replay_that_stops_says_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    console: Any = Pages(page("a", "b", after="c1", total=9), StoreUnavailable("busy"))
    tally = Tally(dry_run=False, keeps_ids=True)
    with pytest.raises(StoreUnavailable):
        await replay_pages(console, Query(), tally, 0)
    assert "2 replayed before it stopped; the same command goes on" in capsys.readouterr().err


def test_the_bar_is_for_terminals_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with progress("replaying") as bar:
        bar.show(1, 2)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress("replaying") as bar:
        bar.show(1, 2)
        bar.show(2, None)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "replaying" in shown.err
    assert "2/2" in shown.err
