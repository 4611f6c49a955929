"""`crm-bridge reload`, and what `status` and `deliveries list` say of reloads and orphans."""

from pathlib import Path

from tests.cli.conftest import Story
from tests.cli.test_consoles import _runs


def rules_of(story: Story) -> Path:
    return story.place.folder / "rules.yaml"


def edit(story: Story, old: str, new: str) -> None:
    text = rules_of(story).read_text()
    assert old in text
    rules_of(story).write_text(text.replace(old, new))


async def test_a_reload_says_what_changed_or_that_nobody_is_there_to_do_it(story: Story) -> None:
    edit(story, "name: log", "name: renamed")
    result = await story.run("reload")
    if not _runs(story):
        assert (result.exit_code, result.stdout) == (3, "")
        assert "no daemon runs here" in result.stderr
        return
    assert result.exit_code == 0
    revision = story.daemon.configuration.revision
    assert result.stdout.startswith(f"revision {revision} is in use\n  added: renamed\n  removed: log\n")
    assert (await story.run("reload")).stdout.startswith(f"revision {revision} is in use, as before\n")
    assert (await story.json("reload"))["unchanged"] is True
    decided = await story.json("audit")
    assert decided[2]["action"] == "reload"
    assert (decided[2]["added"], decided[2]["removed"], decided[2]["revision"]) == (["renamed"], ["log"], revision)


async def test_a_refused_reload_names_each_mistake_and_so_does_status(story: Story) -> None:
    if not _runs(story):
        return  # without a daemon the commands themselves refuse such a file
    edit(story, "crm.post", "crn.post")
    result = await story.run("reload")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "rules.yaml:" in result.stderr
    assert "BR201" in result.stderr
    assert "refused: the old configuration stays in use" in result.stderr

    told = (await story.json("status", code=1))["configuration"]
    assert told["revision"] == story.daemon.configuration.revision
    assert "BR201" in told["refused"]["findings"][0]
    text = (await story.run("status")).stdout
    assert "the files were REFUSED at" in text
    assert "BR201" in text

    edit(story, "crn.post", "crm.post")
    assert (await story.run("reload")).exit_code == 0
    assert (await story.json("status"))["configuration"]["refused"] is None


async def test_deliveries_of_a_rule_that_is_gone_are_listed_and_make_status_fail(story: Story) -> None:
    edit(story, "name: log", "name: renamed")
    if _runs(story):
        assert (await story.run("reload")).exit_code == 0
    why = "rule `log` is not configured any more, or not enabled"
    [row] = await story.json("deliveries", "list", "--orphaned")
    assert (row["event"], row["orphaned"]) == (story.waiting, why)
    assert (await story.json("deliveries", "show", row["id"]))["orphaned"] == why
    told = await story.json("status", code=1)
    assert told["orphans"] == [{"rule": "log", "destination": row["destination"], "deliveries": 1, "why": why}]
    text = (await story.run("status")).stdout
    assert f"waiting: 1 of rule log for {row['destination']}" in text
    assert max(len(line) for line in text.splitlines()) <= 80

    assert (await story.run("deliveries", "skip", row["id"])).exit_code == 0
    assert await story.json("deliveries", "list", "--orphaned") == []
    assert (await story.json("status"))["orphans"] == []


async def test_a_state_that_no_orphan_has_is_wrong_use(story: Story) -> None:
    result = await story.run("deliveries", "list", "--orphaned", "--state", "done")
    assert result.exit_code == 2
    assert "no orphan" in result.stderr


async def test_every_attempt_is_shown_with_the_revision_of_its_rule(story: Story) -> None:
    [row] = await story.json("deliveries", "list", "--event", story.done)
    shown = await story.json("deliveries", "show", row["id"])
    assert [each["revision"] for each in shown["tries"]] == [row["revision"]]
    assert f"revision {row['revision']}: request" in (await story.run("deliveries", "show", row["id"])).stdout
