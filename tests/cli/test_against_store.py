"""`check --against-store`, beside a daemon and on the store alone; the story's four events are told in conftest."""

import orjson
import pytest

from tests.canaries import PHONE
from tests.cli.conftest import RULES, Place, Story

TYPOS = """\
rules:
  - name: typed
    on: aisoule/message.received
    key: "{{ fields.customer | person }}"
    steps:
      - id: post
        use: crm.post
        with:
          path: /messages
          json:
            wrong: "{{ body.data.bdy }}"
            moved: "{{ body.message_id }}"
            alien: "{{ body.nowhere }}"
            guarded: "{{ body.data.sendr | default('') }}"
            absent: "{{ body.data.media | default(omit) }}"
            right: "{{ body.data.body }}"
            either: "{{ body.data.body if fields.kind == 'text' else body.data.caption }}"
            field: "{{ fields.text }}"
      - id: image
        if: fields.kind == "image"
        use: crm.post
        with: {path: /images, json: {url: "{{ body.data.sendr }}"}}
      - id: video
        if: fields.kind == "video"
        use: crm.post
        with: {path: /videos, json: {url: "{{ body.data.film }}"}}
"""


alone = pytest.mark.parametrize("story", ["on the store alone"], indirect=True)


async def concise(story: Story, *words: str, code: int = 0) -> list[str]:
    result = await story.run("check", "--against-store", "--format", "concise", *words)
    assert result.exit_code == code, result.output
    return result.stdout.splitlines()


async def test_each_rule_is_counted_against_the_stored_events(story: Story) -> None:
    lines = await concise(story)

    assert "checked against 4 events stored since" in lines[-4]
    assert lines[-3].split() == ["rule", "events", "of", "its", "on", "matches", "of", "them", "dead"]
    assert [line.split() for line in lines[-2:]] == [["log", "4", "3", "0"], ["receipts", "0", "0", "0"]]


@alone
async def test_a_rule_that_matched_nothing_is_a_warning_that_says_why(story: Story) -> None:
    never = RULES.replace('if: fields.kind == "text"', 'if: fields.kind == "audio"')
    (story.place.folder / "rules.yaml").write_text(never)
    result = await story.run("check", "--against-store")

    assert result.exit_code == 0
    assert result.stdout.count("warning[BR421]") == 2
    assert "= note: its `on` covers 4 of them, and its `if` was false for each" in result.stdout
    assert "= note: its `on` covers none of them" in result.stdout
    assert "= help: `crm-bridge explain evt_…` shows for an event which clause says no" in result.stdout


@alone
async def test_paths_that_no_event_has_are_told_with_what_was_probably_meant(story: Story) -> None:
    (story.place.folder / "rules.yaml").write_text(TYPOS)
    lines = [line for line in await concise(story) if " BR42" in line]

    near = "a path with a similar name occurs in all of them"
    expected = [
        ("11:24", "body.data.bdy", f"{near}: `body.data.body`"),
        ("12:24", "body.message_id", f"{near}: `body.data.message_id`"),
        ("13:24", "body.nowhere", "add `| default(…)` if it may be absent"),
        ("14:26", "body.data.sendr", f"{near}: `body.data.sender`"),
        ("22:47", "body.data.sendr", f"{near}: `body.data.sender`"),
    ]
    assert [line.partition("rules.yaml:")[2] for line in lines] == [
        f"{place}: BR420 warning no stored `aisoule/message.received` event has `{path}`; {help_}"
        for place, path, help_ in expected
    ]


@alone
async def test_the_full_form_marks_the_path_and_says_what_was_checked(story: Story) -> None:
    (story.place.folder / "rules.yaml").write_text(TYPOS)
    shown = (await story.run("check", "--against-store")).stdout

    assert "   |                        ^^^^^^^^^^^^^ a delivery that reads it is dead\n" in shown
    assert "^^^^^^^^^^^^^^^ is never there: the template goes on without it\n" in shown
    assert "= note: rule `typed`\n   = note: checked against 4 events stored since 20" in shown
    assert "checked against 1 event stored since 20" in shown


@alone
async def test_no_text_and_no_number_of_a_customer_is_shown(story: Story) -> None:
    (story.place.folder / "rules.yaml").write_text(TYPOS)
    for form in ("full", "concise", "json", "github"):
        result = await story.run("check", "--against-store", "--format", form)
        assert PHONE.lstrip("+") not in result.output
        assert "refuse me" not in result.output


async def test_the_json_form_holds_findings_and_counts(story: Story) -> None:
    result = await story.run("check", "--against-store", "--format", "json", "--limit", "2")
    found = orjson.loads(result.stdout)

    assert [finding["code"] for finding in found["findings"]] == ["BR421"]
    [compared] = found["against_store"]
    assert (compared["events"], compared["more"]) == (2, True)
    assert compared["rules"][0] == {"rule": "log", "covered": 2, "matched": 1, "dead": 0}
    assert compared["config"] == str(story.place.config)


@alone
async def test_older_events_are_left_out(story: Story) -> None:
    lines = await concise(story, "--since", "2100-01-01T00:00:00Z")

    assert lines[-2:] == ["checked against 0 events stored since 2100-01-01", "  nothing is stored since then"]
    assert not [line for line in lines if "BR421" in line]
    assert "older ones were left out" in (await concise(story, "--limit", "1"))[-1]


@alone
async def test_a_rule_whose_key_cannot_be_made_is_counted_as_dead(story: Story) -> None:
    broken = RULES.replace("fields.customer | person", "body.data.body | person")
    (story.place.folder / "rules.yaml").write_text(broken)

    assert (await concise(story))[-2].split() == ["log", "4", "3", "3"]


@alone
async def test_a_moment_that_is_none_is_wrong_use(story: Story) -> None:
    result = await story.run("check", "--against-store", "--since", "yesterday")

    assert result.exit_code == 2
    assert "a moment is a duration before now (`2h`)" in result.stderr


@alone
async def test_a_configuration_with_mistakes_is_not_compared(story: Story) -> None:
    (story.place.folder / "rules.yaml").write_text(RULES.replace("use: crm.get", "use: crn.get"))
    result = await story.run("check", "--against-store")

    assert result.exit_code == 1
    assert "checked against" not in result.output
    assert "the store was not asked: correct the errors first" in result.stderr


@pytest.mark.parametrize("form", ["full", "json"])
def test_without_a_store_it_says_so(place: Place, form: str) -> None:
    result = place.run("check", "--against-store", "--format", form)

    assert result.exit_code == 1
    assert "there is no store at" in result.stderr
