import re
from pathlib import Path
from typing import Any

import pytest

from tests.canaries import PHONE_E164
from tests.cli.conftest import RULES, Place, Story, message

Rules = list[dict[str, Any]]


def rules_of(place: Place, *words: str, body: bytes | None = None) -> Rules:
    """What `explain` of one event says about each rule."""
    document = place.json("explain", "aisoule", place.event(message() if body is None else body), *words)
    [event] = document["events"]
    rules: Rules = event["rules"]
    return rules


# --- which rules, and why not the others ---------------------------------------------------------------------------


def test_every_rule_is_explained_with_its_exact_requests_in_order(place: Place) -> None:
    log, receipts = rules_of(place)

    assert (log["rule"], log["matched"], log["reason"]) == ("log", True, "done")
    [request] = log["requests"]
    assert (request["step"], request["operation"]) == ("post", "crm.post")
    assert (request["method"], request["url"], request["body"]) == ("POST", "/messages", {"text": "Hello"})
    assert request["headers"]["Authorization"] == "••••"
    assert request["headers"]["Idempotency-Key"] == request["idempotency_key"]
    assert (receipts["matched"], receipts["fit"], receipts["requests"]) == (False, "on", [])
    assert receipts["reason"] == "`on` is aisoule/message.read; this event is aisoule/message.received"
    assert receipts["on"]["nearest"] == {"pattern": "aisoule/message.read", "at": "rules.yaml:17:5"}


def test_the_clause_that_said_no_is_given_with_its_values_and_its_place(place: Place) -> None:
    log, _ = rules_of(place, body=message(kind="image"))

    assert (log["matched"], log["reason"]) == (False, '`if` is false: fields.kind == "text"')
    [clause] = log["because"]
    assert (clause["text"], clause["at"], clause["verdict"]) == ('fields.kind == "text"', "rules.yaml:4:9", "no")
    assert clause["values"] == [{"name": "fields.kind", "value": "image", "missing": False}]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ('fields.kind == "text" and fields.text == "Bye"', "4:35"),
        ('\'fields.kind == "text" and fields.text == "Bye"\'', "4:36"),
        ('"fields.kind == \\"text\\" and fields.text == \\"Bye\\""', "4:38"),
        ('>\n      fields.kind == "text"\n      and fields.text == "Bye"', "6:11"),
        ('|\n      fields.kind == "text" and\n      fields.text == "Bye"', "6:7"),
        ("\"{{ fields.kind == 'text' and fields.text == 'Bye' }}\"", "4:39"),
    ],
    ids=["plain", "single quotes", "double quotes", "folded", "literal", "braces"],
)
def test_a_clause_is_placed_exactly_however_the_yaml_spells_the_condition(place: Place, written: str, at: str) -> None:
    place.write(rules=RULES.replace('fields.kind == "text"', written, 1))

    log, _ = rules_of(place)

    [clause] = log["because"]
    assert clause["at"] == f"rules.yaml:{at}"
    assert clause["text"].replace("\\", "").replace("'", '"') == 'fields.text == "Bye"'
    assert [(part["verdict"], part["reached"]) for part in log["if"]["parts"]] == [("yes", True), ("no", True)]


def test_a_variable_in_a_condition_keeps_its_name_and_the_places_after_it(place: Place) -> None:
    place.write(
        rules=RULES.replace('fields.kind == "text"', "'fields.text != \"${CRM_TOKEN}\" and fields.media_url'", 1)
    )

    text = place.run("explain", "aisoule", place.event(message())).stdout
    log, _ = rules_of(place)

    assert "crm-token" not in text
    assert [part["at"] for part in log["if"]["parts"]] == ["rules.yaml:4:10", "rules.yaml:4:44"]
    assert log["if"]["parts"][0]["text"] == 'fields.text != "${CRM_TOKEN}"'


def test_a_clause_that_cannot_be_evaluated_says_why(place: Place) -> None:
    place.write(rules=RULES.replace('fields.kind == "text"', "fields.kind == 'text' and body.data.seder == 'x'", 1))

    log, _ = rules_of(place)

    assert log["reason"].startswith("dead: rule `log`, `if`: `body.data.seder` is missing")
    assert log["death"]["at"] == "rules.yaml:4:35"
    [clause] = log["because"]
    assert (clause["verdict"], clause["error"]) == ("error", "`body.data.seder` is missing")
    assert clause["mend"] == "did you mean `body.data.sender`?"


def test_a_rule_out_of_use_is_named(place: Place) -> None:
    place.write(rules=RULES.replace("  - name: receipts\n", "  - name: receipts\n    enabled: false\n"))

    _, receipts = rules_of(place)

    assert (receipts["fit"], receipts["at"]) == ("disabled", "rules.yaml:17:14")


# --- requests and where their values come from ---------------------------------------------------------------------


def test_each_value_has_the_place_that_it_came_from_or_says_who_added_it(place: Place) -> None:
    log, _ = rules_of(place)
    [request] = log["requests"]

    assert request["origins"] == {"path": ["rules.yaml:14:22"], "json.text": ["rules.yaml:14:46"]}
    assert request["texts"]["rules.yaml:14:46"] == "{{ fields.text }}"
    assert request["added_by"] == {
        "method": "connector",
        "headers.Accept": "connector",
        "headers.Idempotency-Key": "idempotency key",
        "headers.Content-Type": "connector",
        "headers.Authorization": "credential",
    }


def test_the_value_of_a_variable_that_is_named_like_a_credential_is_masked(place: Place) -> None:
    place.write(
        rules=RULES.replace('json: {text: "{{ fields.text }}"}', 'json: {a: ["${CRM_TOKEN}"], b: "{{ 1 }}"}', 1)
    )

    log, _ = rules_of(place)

    assert log["requests"][0]["body"] == {"a": ["••••"], "b": 1}
    assert log["requests"][0]["origins"]["json.a[0]"] == ["rules.yaml:14:44"]


def test_a_skipped_step_says_which_clause_said_no(place: Place) -> None:
    log, _ = rules_of(place)

    [skipped] = log["skipped_steps"]
    assert (skipped["step"], skipped["item"]) == ("look", None)
    [clause] = skipped["because"]
    assert (clause["text"], clause["at"]) == ("links.entry", "rules.yaml:9:13")
    assert clause["values"] == [{"name": "links.entry", "value": None, "missing": False}]


def test_links_can_be_given_and_digits_in_quotes_are_text(place: Place) -> None:
    for written, value in (("77", 77), ('"77"', "77"), ("a=b", "b"), ("0077", "0077")):
        key = f"{PHONE_E164}={written}" if written != "a=b" else f"{PHONE_E164}=b"
        log, _ = rules_of(place, "--link", f"entry:{key}")
        assert [request["step"] for request in log["requests"]] == ["look", "post"]
        assert log["recall"] == [{"name": "entry", "key": PHONE_E164, "value": value, "at": "rules.yaml:6:21"}]


def test_what_the_call_waits_for_is_shown(place: Place) -> None:
    place.write(rules=RULES)
    limits = 'limits: {mine: {calls: 7, per: 1m, key: "{{ params.path }}"}}, retry:'
    place.config.write_text(place.config.read_text().replace("retry:", limits))

    log, _ = rules_of(place)

    assert log["waits"]["lanes"] == ["crm"]
    assert (log["waits"]["key"], log["waits"]["order"], log["waits"]["order_hold"]) == (PHONE_E164, "hold", "15m")
    [limit] = log["requests"][0]["limits"]
    assert (limit["name"], limit["calls"], limit["per"], limit["key"]) == ("mine", 7, "1m", "/messages")
    assert (limit["by_operator"], limit["now"]) == (True, None)
    assert log["requests"][0]["repeat"].startswith("safe to repeat: the API takes the key")


def test_the_time_can_be_given(place: Place) -> None:
    place.write(rules=RULES.replace("{{ fields.text }}", "{{ event.received_at }}"))

    log, _ = rules_of(place, "--at", "2026-06-02T03:00:00Z")

    assert log["requests"][0]["body"] == {"text": "2026-06-02T03:00:00.000Z"}


# --- the text form -------------------------------------------------------------------------------------------------


def test_the_text_form_reads_from_top_to_bottom(place: Place) -> None:
    text = place.run("explain", "aisoule", place.event(message())).stdout

    assert text.startswith("event message.received:m1: aisoule/message.received\n\nrule log: matches ")
    assert "  step look: skipped " in text
    assert "because links.entry is null" in text
    assert "  1. step post: crm.post " in text
    assert '       "text": "Hello"                    rules.yaml:14:46  {{ fields.text }}\n' in text
    assert "rule receipts: does not match " in text
    assert "crm-token" not in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_long_texts_are_cut_with_a_mark_unless_all_is_wanted(place: Place) -> None:
    event, words = place.event(message(text="wort " * 100)), "wort " * 100

    cut, whole = (place.run("explain", "aisoule", event, *more).stdout for more in ((), ("--full",)))

    assert words not in cut
    assert "… (+" in cut
    assert f'"text": "{words}"' in whole


def test_places_can_be_left_out(place: Place) -> None:
    text = place.run("explain", "aisoule", place.event(message()), "--no-origins").stdout

    assert '       "text": "Hello"\n' in text
    assert "{{ fields.text }}" not in text


# --- wrong use -----------------------------------------------------------------------------------------------------


def test_wrong_use_is_told(place: Place) -> None:
    event = place.event(message())
    for words, expected in (
        (("explain",), "no event is given"),
        (("explain", "aisoule"), "no event is given"),
        (("explain", "aisole", event), "there is no source `aisole`"),
        (("explain", "aisoule", str(place.folder / "none.json")), "cannot read"),
        (("explain", "aisoule", event, "--link", "ticket=7"), "a link is NAME:KEY=VALUE"),
        (("explain", "aisoule", event, "--link", "entri:+1=7"), "did you mean `entry`?"),
        (("explain", "aisoule", event, "--at", "yesterday"), "a moment is"),
        (("explain", "evt_1", "--diff", str(place.config), "--since", "24h"), "not for one"),
        (("explain", "--since", "24h"), "--since is for comparing"),
    ):
        result = place.run(*words)
        assert result.exit_code == 2, result.output
        assert expected in result.stderr


def test_a_body_that_a_sender_could_not_send_is_told_with_exit_1(place: Place) -> None:
    result = place.run("explain", "aisoule", place.event(b'{"event": "x", "event": "y"}'))

    assert result.exit_code == 1
    assert "body_unreadable" in result.stderr


def test_a_body_that_is_no_event_of_its_source_is_told_which_name_was_read(place: Place) -> None:
    result = place.run("explain", "aisoule", place.event(b'{"timestamp": 1780369298, "data": {}}'))

    assert result.exit_code == 1
    assert "(event_type_missing): `event.type` reads `body.event`" in result.stderr
    assert "crm-bridge explain" not in result.stderr  # no help is to do it again


# --- stored events -------------------------------------------------------------------------------------------------


async def _log(story: Story, id_: str) -> dict[str, Any]:
    document = await story.json("explain", id_)
    rules: Rules = document["events"][0]["rules"]
    return rules[0]


async def test_a_stored_event_is_told_with_what_became_of_it(story: Story) -> None:
    done, waiting, skipped = [(await _log(story, id_)) for id_ in (story.done, story.waiting, story.skipped)]

    assert done["delivery"]["state"] == "done"
    [tried] = done["delivery"]["tries"]
    assert (tried["step"], tried["outcome"], tried["status"]) == ("post", "succeeded", 201)
    assert tried["rule_changed"] is False
    assert (waiting["delivery"]["state"], waiting["delivery"]["tries"][-1]["status"]) == ("retrying", 500)
    assert waiting["delivery"]["due_at"] is not None
    assert (skipped["matched"], skipped["delivery"]["state"]) == (False, "skipped")


async def test_a_delivery_is_explained_with_the_links_that_it_started_with(story: Story) -> None:
    done = await _log(story, story.done)

    assert [request["step"] for request in done["requests"]] == ["post"]
    assert done["recall"][0]["value"] is None


async def test_only_the_rule_of_a_delivery_is_told(story: Story) -> None:
    delivery = (await _log(story, story.dead))["delivery"]

    document = await story.json("explain", delivery["id"])

    [event] = document["events"]
    assert event["event"]["id"] == story.dead
    assert [row["rule"] for row in event["rules"]] == ["log"]
    assert event["rules"][0]["delivery"]["id"] == delivery["id"]


async def test_a_dead_delivery_is_told_with_what_why_from_and_mend(story: Story) -> None:
    dead = (await _log(story, story.dead))["delivery"]
    text = (await story.run("explain", story.dead)).stdout

    assert (
        dead["dead"]["headline"]
        == f"{dead['id']} is dead: the API rejected it (`http_400`), 2 attempts, not tried again"
    )
    assert dead["dead"]["what"].startswith("POST /messages at `crm` → 400, ")
    for line in (
        f"  {dead['id']} is dead: the API rejected it",
        "    what   POST /messages at `crm` → 400, ",
        "    why    outcome `rejected`: step `post`, crm.post, code `",
        f"    from   {story.dead} (aisoule message.received,\n           2026-06-02T03:01:38.000Z)\n",
        f"           rules.yaml:13:14, revision {dead['revision']}",
        "    mend   ",
        f"           then: crm-bridge dead-letters replay {dead['id']}",
    ):
        assert line in text
    assert "crm-token" not in text


async def test_a_rule_that_was_changed_since_an_attempt_is_told(story: Story) -> None:
    story.place.write(
        story.place.config.read_text().split('base_url: "')[1].split('"')[0], RULES.replace("json: {", "json: {n: 1, ")
    )

    dead = (await _log(story, story.dead))["delivery"]
    text = (await story.run("explain", story.dead)).stdout

    assert dead["rule_changed"]
    assert [tried["rule_changed"] for tried in dead["tries"]] == [True] * len(dead["tries"])
    assert "the rule has changed since" in " ".join(text.split())
    assert "  rule changed since\n" in text


async def test_how_the_limits_stand_is_told_when_a_daemon_runs(story: Story) -> None:
    request = (await _log(story, story.waiting))["requests"][-1]

    status = await story.json("status")
    if status["daemon"]:
        assert request["destination"]["state"] == status["destinations"]["crm"]["state"]
        assert "destination now: " in (await story.run("explain", story.waiting)).stdout
    else:
        assert request["destination"] is None


# --- the document --------------------------------------------------------------------------------------------------


def described(page: str, heading: str) -> set[str]:
    """The keys in the first column of the table below a heading of docs/explain.md."""
    section = page.split(f"### {heading}\n", 1)[1].split("\n##", 1)[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {key for each in cells for key in re.findall(r"`(\w+)`", each)}


async def test_every_key_of_the_document_is_described_and_no_other(story: Story, repository: Path) -> None:
    page = (repository / "docs/explain.md").read_text()
    log, shown = await _log(story, story.dead), await story.json("deliveries", "list")
    delivery = await story.json("deliveries", "show", shown[0]["id"])
    changed = other(story.place, RULES.replace("json: {", "json: {n: 1, "))
    comparison = await story.json("explain", story.dead, "--diff", changed, code=1)

    assert described(page, "A rule") == set(log)
    assert described(page, "A clause") == set(log["if"])
    assert set(log["if"]) - {"joint", "parts"} == set((await _log(story, story.skipped))["because"][0])
    assert described(page, "A request") == set(log["requests"][1])
    assert described(page, "A delivery") - {"tries"} == set(log["delivery"]) - set(delivery)
    assert described(page, "A comparison") == set(comparison["events"][0]["changes"][0])
    inside = [*log["waits"], *log["recall"][0], *log["delivery"]["dead"], *comparison, *comparison["counts"][0]]
    assert [key for key in inside if f"`{key}`" not in page] == []


# --- another configuration -----------------------------------------------------------------------------------------


def other(place: Place, rules: str) -> str:
    """A second configuration beside the first; its path."""
    (place.folder / "other-rules.yaml").write_text(rules)
    path = place.folder / "other.yaml"
    path.write_text(place.config.read_text().replace("rules: rules.yaml", "rules: other-rules.yaml"))
    return str(path)


def test_an_equal_configuration_changes_nothing_and_exits_0(place: Place) -> None:
    result = place.run("explain", "aisoule", place.event(message()), "--diff", other(place, RULES))

    assert (result.exit_code, result.stdout) == (0, "nothing would change (1 event compared)\n")


def test_what_another_configuration_would_do_otherwise_is_told_field_by_field(place: Place) -> None:
    changed = RULES.replace(
        '{text: "{{ fields.text }}"}', '{text: "{{ fields.text | upper }}", kind: "{{ fields.kind }}"}'
    )
    words = ("explain", "aisoule", place.event(message()), "--diff", other(place, changed))

    document = place.json(*words, code=1)
    text = place.run(*words).stdout

    [change] = document["events"][0]["changes"]
    assert (change["rule"], change["kind"], change["before"], change["after"]) == (
        "log",
        "changed",
        "matches",
        "matches",
    )
    assert change["requests"] == [
        {
            "step": "post",
            "operation": "crm.post",
            "kind": "changed",
            "parts": [
                {"part": "json.text", "kind": "changed", "old": "Hello", "new": "HELLO"},
                {"part": "json.kind", "kind": "added", "old": None, "new": "text"},
            ],
        }
    ]
    assert '    ~ json.text: "Hello" → "HELLO"\n    + json.kind: "text"\n' in text
    assert "1 of 1 event would be treated otherwise\n  1 by rule log: changed\n" in text


def test_rules_that_come_go_and_match_no_more_are_told(place: Place) -> None:
    renamed = RULES.replace("name: log", "name: journal")
    unwanted = RULES.replace('fields.kind == "text"', 'fields.kind == "image"')
    added = RULES.replace("aisoule/message.read\n", "aisoule/message.*\n")

    def changes(rules: str) -> list[tuple[str, str, str, str]]:
        document = place.json("explain", "aisoule", place.event(message()), "--diff", other(place, rules), code=1)
        found = document["events"][0]["changes"]
        return [(each["rule"], each["kind"], each["before"], each["after"]) for each in found]

    none = "there is no such rule"
    assert changes(renamed) == [("log", "removed", "matches", none), ("journal", "added", none, "matches")]
    assert changes(unwanted) == [("log", "changed", "matches", "does not match: its `if` is false")]
    assert changes(added) == [("receipts", "changed", "does not match: its `on` covers other events", "matches")]


def test_a_configuration_with_mistakes_is_not_compared(place: Place) -> None:
    wrong = other(place, RULES.replace("crm.post", "crm.poost"))

    result = place.run("explain", "aisoule", place.event(message()), "--diff", wrong)

    assert result.exit_code == 1
    assert "other-rules.yaml:13:18" in result.stderr


async def test_many_stored_events_are_compared_and_counted(story: Story) -> None:
    changed = other(story.place, RULES.replace('fields.kind == "text"', 'fields.text != "fail me"'))

    document = await story.json("explain", "--diff", changed, "--since", "1h", code=1)
    newest = await story.json("explain", "--diff", changed, "--since", "1h", "--limit", "1", code=1)
    none = await story.json("explain", "--diff", changed, "--since", "2999-01-01T00:00:00Z")

    assert (document["compared"], document["differing"]) == (4, 2)
    assert document["counts"] == [{"rule": "log", "kind": "changed", "count": 2}]
    assert {each["event"]["id"] for each in document["events"]} == {story.waiting, story.skipped}
    assert (newest["compared"], newest["events"][0]["event"]["id"]) == (1, story.waiting)
    assert (none["compared"], none["differing"]) == (0, 0)
