"""How the document of `explain` looks, for rows made by hand."""

from io import StringIO
from typing import Any

from rich.console import Console

from bridge.cli.explain_document import silent
from bridge.cli.explain_text import Page

Row = dict[str, Any]


def shown(row: Row, *, full: bool = False, terminal: bool = False, width: int = 80) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, no_color=not terminal, highlight=False)
    Page(console, full=full, origins=True).rule(row)
    return out.getvalue()


def clause(text: str, verdict: str, *parts: Row, joint: str | None = None, **more: Any) -> Row:
    row = {"text": text, "at": "r.yaml:4:9", "verdict": verdict, "reached": True, "values": []}
    return {**row, "error": None, "mend": None, "joint": joint, "parts": list(parts), **more}


def looked(name: str, value: object) -> list[Row]:
    return [{"name": name, "value": value, "missing": False}]


def rule_row(**more: Any) -> Row:
    return {**silent("log", "matches", "done", at="r.yaml:2:11"), "matched": True, **more}


def request(**more: Any) -> Row:
    row = {"step": "post", "at": "r.yaml:8:14", "operation": "crm.post", "idempotency_key": "k", "sampled": False}
    row |= {
        "repeat": "safe",
        "limits": [],
        "together": 1,
        "destination": None,
        "added_by": {},
        "texts": {},
        "origins": {},
    }
    return {**row, "method": "PUT", "url": "/a/1/b/2", "headers": {}, **more}


def test_an_or_shows_all_its_sides_and_a_not_the_side_that_is_true() -> None:
    sides = [clause("a", "no", values=looked("a", 0)), clause("b", "no", values=looked("b", None))]
    either = clause("a or b", "no", *sides, joint="or")
    text = shown(rule_row(**{"fit": "if", "matched": False, "if": either}))
    assert "  if  no    a or b " in text
    assert "because a is 0\n" in text
    assert "because b is null\n" in text
    true = clause("c", "yes", values=looked("c", [1]))
    text = shown(rule_row(**{"fit": "if", "matched": False, "if": clause("not c", "no", true, joint="not")}))
    assert "because c is [1]\n" in text


def test_what_cannot_be_evaluated_says_why_and_the_mend() -> None:
    broken = clause("a.b", "error", error="`a.b` is missing", mend="add a default")
    text = shown(rule_row(**{"if": broken}))
    assert "  if  error a.b " in text
    assert "because `a.b` is missing\n" in text
    assert "mend: add a default\n" in text


def test_values_of_one_line_have_their_places_below_each_other() -> None:
    origins = {"path": ["r.yaml:9:20", "r.yaml:10:20"]}
    text = shown(rule_row(requests=[request(origins=origins, texts={"r.yaml:9:20": "{{ links.a }}"})]))
    assert "PUT /a/1/b/2" in text
    first, second = (line for line in text.splitlines() if ":20" in line)
    assert first.index("r.yaml:9:20") == second.index("r.yaml:10:20")
    assert first.endswith("r.yaml:9:20  {{ links.a }}")


def test_a_file_that_becomes_the_body_is_told_with_where_its_address_comes_from() -> None:
    row = request(fetch="https://media.example.com/a.jpg?••••", origins={"fetch": ["r.yaml:9:20"]})
    [line] = [line for line in shown(rule_row(requests=[row]), width=120).splitlines() if "file" in line]
    assert line.strip().startswith("the file at https://media.example.com/a.jpg?••••  ")
    assert line.endswith("r.yaml:9:20")


def test_no_line_is_wider_than_the_page_unless_the_request_is() -> None:
    places = {"json.name": ["config/a-file-with-a-rather-long-name.yaml:102:30"]}
    texts = {places["json.name"][0]: "{{ fields.name | default('x') }}"}
    row = rule_row(requests=[request(body={"name": "ada"}, origins=places, texts=texts, repeat="word " * 60)])
    assert max(map(len, shown(row).splitlines())) <= 92  # the place itself reaches over
    assert max(len(line) for line in shown(row).splitlines() if "config/" not in line) <= 80


def test_colours_are_only_for_terminals() -> None:
    row = rule_row(**{"fit": "if", "matched": False, "if": clause("note == 1", "no")})
    assert "\x1b[1;31mno\x1b[0m" in shown(row, terminal=True)
    assert "\x1b" not in shown(row)


def test_nothing_in_an_event_acts_on_the_terminal() -> None:
    values = looked("a", "\x1b[2J")
    row = rule_row(**{"fit": "if", "matched": False, "if": clause("a", "no", values=values), "requests": []})
    assert "\x1b" not in shown(row)
    assert "\x1b" not in shown(rule_row(requests=[request(headers={"X-A": "\x1b[2J"}, body="\x1b[2J")]))


def test_windows_marks_and_lanes_are_told_in_words() -> None:
    waits: Row = {"key": "k", "at": "r.yaml:5:10", "lanes": ["crm", "erp"], "order": "strict", "order_hold": "15m"}
    waits |= {"shadow": True, "coalesce": {"by": "k", "within": "10s"}}
    waits |= {"only_forward": {"by": "m", "rank": 2, "of": 4}, "only_newer": {"by": "k", "time": "then"}}
    text = " ".join(shown(rule_row(waits=waits)).split())
    for words in (
        'lane crm and erp, key "k"',
        "order strict",
        "nothing is sent",
        "coalesce 10s with the same 'k'",
        "only_forward 'm': place 2 of 4",
        "only_newer 'k': dropped if something newer than then is done",
    ):
        assert words in text
    alone = {**waits, "lanes": [], "coalesce": None, "only_forward": None, "only_newer": None, "shadow": False}
    assert "no lane" in shown(rule_row(waits=alone))


def test_how_a_limit_and_a_destination_stand_is_told() -> None:
    now = {"used": 3, "limit": 5, "keys": 2, "held_until": "soon"}
    limit = {"name": "one", "calls": 1, "per": "1s", "key": "77", "by_operator": False, "now": now}
    standing = {"state": "held", "detail": None, "held_until": "soon", "retry_at": None, "waiting": 2}
    text = " ".join(shown(rule_row(requests=[request(limits=[limit], destination=standing, together=100)])).split())
    assert 'limit one: 1 call in 1s for "77"; the fullest has 3 of 5 used, held until soon' in text
    assert "destination now: held, until soon, 2 waiting" in text
    assert "up to 99 others" in text


def test_skipped_steps_and_empty_lists_are_told() -> None:
    steps: list[Row] = [
        {"step": "a", "item": None, "at": "r.yaml:9:1", "if": None},
        {"step": "b", "item": 3, "at": "r.yaml:9:1", "if": clause("item", "no", values=looked("item", 0))},
    ]
    text = shown(rule_row(skipped_steps=steps))
    assert "its `for_each` gives an empty list" in text
    assert "step b, item 3: skipped" in text
