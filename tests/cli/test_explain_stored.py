"""What is said beside a rule about its delivery, for rows that a console gives."""

from typing import Any

import pytest

from bridge.cli.explain_document import silent
from bridge.cli.explain_stored import add_history, add_status, events_since
from bridge.errors import UsageError
from bridge.model import DeadKind
from tests.cli.conftest import Story

Row = dict[str, Any]


def rule_row(**more: Any) -> Row:
    """A rule with one request, whose values have their places."""
    origins = {"path": ["r.yaml:9:1"], "json.properties.countryy": ["r.yaml:11:11"], "json.name": ["r.yaml:12:7"]}
    limit = {"name": "burst", "now": None}
    request = {"step": "post", "operation": "crm.post", "at": "r.yaml:8:14", "origins": origins}
    row = {**silent("log", "matches", "done", at="r.yaml:2:11"), "revision": "new", "matched": True}
    return {**row, "requests": [{**request, "destination": None, "limits": [limit]}], **more}


def tried(**more: Any) -> Row:
    row = {"number": 1, "step": "post", "operation": "crm.post", "outcome": "rejected", "status": 400, "code": "bad"}
    return {**row, "message": "no", "revision": "new", **more}


def dead(message: str, *, kind: str = "rejected", excerpt: str = "", request: bool = True, **more: Any) -> Row:
    """A delivery that died, with its letter."""
    letter = {
        "at": "2026-11-02T12:41:08.000Z",
        "delivery": "dlv_1",
        "event": {"id": "evt_1", "source": "shop", "type": "order", "time": None},
        "step": "post",
        "kind": kind,
        "code": "bad",
        "message": message,
        "mend": "correct the key",
        "request": {"method": "POST", "url": "/a", "headers": {}} if request else None,
        "response": {"status": 400, "excerpt": excerpt} if request else None,
        "fingerprint": "f",
    }
    return {
        "id": "dlv_1",
        "rule": "log",
        "revision": "new",
        "state": "dead",
        "tries": [tried()],
        "letter": letter,
        **more,
    }


def told(delivery: Row, row: Row | None = None) -> Row:
    rules = [rule_row() if row is None else row]
    add_history(rules, [delivery])
    found: Row = rules[-1]["delivery"]
    return found


@pytest.mark.parametrize(
    ("message", "excerpt", "at"),
    [
        ("crm.post: property `countryy` does not exist", "", "r.yaml:11:11"),
        ("crm.post: bad request", '{"error": "name is taken"}', "r.yaml:12:7"),
        ("crm.post: bad request", "", "r.yaml:8:14"),
        ("crm.post: countryyy", "", "r.yaml:8:14"),
    ],
)
def test_the_value_that_the_answer_names_is_where_a_dead_letter_comes_from(message: str, excerpt: str, at: str) -> None:
    found = told(dead(message, excerpt=excerpt))["dead"]
    assert found["at"] == at
    assert found["what"] == f"POST /a at `crm` → 400, {message.removeprefix('crm.post: ')}"
    assert found["why"] == "outcome `rejected`: step `post`, crm.post, code `bad`"
    assert found["event"] == "evt_1 (shop order, 2026-11-02T12:41:08.000Z)"


def test_a_value_that_still_cannot_be_made_is_placed_where_it_stands_now() -> None:
    message = "rule `log`, step `post`, `with.json.a`: `body.a` is missing"
    death = {"message": message, "at": "r.yaml:14:30"}
    found = told(dead(message, kind="mapping", request=False, tries=[]), rule_row(death=death))["dead"]
    assert (found["at"], found["what"], found["why"]) == ("r.yaml:14:30", message, "kind `mapping`: step `post`")
    assert found["headline"] == "dlv_1 is dead: a value could not be made (`bad`), 0 attempts, not tried again"


def test_every_kind_of_dead_letter_has_its_words() -> None:
    headlines = {told(dead("crm.post: x", kind=str(kind)))["dead"]["headline"] for kind in DeadKind}
    assert len(headlines) == len(DeadKind)


def test_an_attempt_with_an_earlier_text_of_the_rule_is_marked() -> None:
    found = told(dead("crm.post: x", revision="old", tries=[tried(revision="old"), tried()]))
    assert (found["rule_changed"], [each["rule_changed"] for each in found["tries"]]) == (True, [True, False])


def test_a_delivery_whose_rule_is_gone_gets_a_row_of_its_own() -> None:
    rules = [rule_row()]
    add_history(rules, [dead("crm.post: x", rule="former")])
    assert (rules[0]["delivery"], rules[1]["rule"], rules[1]["fit"]) == (None, "former", "gone")
    assert rules[1].keys() == rules[0].keys()
    assert rules[1]["delivery"]["dead"]["at"] is None


def test_the_limits_stand_as_the_daemon_says_and_are_unknown_without_one() -> None:
    budget = {"name": "burst", "used": 3, "limit": 190, "keys": None, "held_until": None, "per_ms": 1}
    standing = {"state": "held", "detail": None, "held_until": "soon", "retry_at": None, "waiting": 2, "in_flight": 1}
    known, unknown = [rule_row()], [rule_row()]
    add_status(known, {"destinations": {"crm": {**standing, "budgets": [budget]}}})
    add_status(unknown, None)
    assert known[0]["requests"][0]["destination"] == standing
    assert known[0]["requests"][0]["limits"][0]["now"] == {"used": 3, "limit": 190, "keys": None, "held_until": None}
    assert unknown[0]["requests"][0]["destination"] is None


@pytest.mark.parametrize("story", ["beside a daemon"], indirect=True)
async def test_the_events_since_then_are_the_newest_and_one_that_just_went_is_left_out(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    console: Any = story.daemon.console
    all_of_them = [story.waiting, story.skipped, story.dead, story.done]
    found, more = await events_since(console, since_ms=0, limit=4)
    assert ([event.id for event in found], more) == (all_of_them, False)
    found, more = await events_since(console, since_ms=0, limit=2)
    assert ([event.id for event in found], more) == (all_of_them[:2], True)
    assert await events_since(console, since_ms=found[0].received_at_ms + 1, limit=2) == ([], False)
    event = console.event

    async def without_the_dead_one(event_id: str) -> Any:
        if event_id == story.dead:
            raise UsageError(f"there is no event `{event_id}`")
        return await event(event_id)

    monkeypatch.setattr(console, "event", without_the_dead_one)
    found, _ = await events_since(console, since_ms=0, limit=4)
    assert [event.id for event in found] == [story.waiting, story.skipped, story.done]
