"""What a person reads about a failed test."""

from textwrap import dedent

import pytest

from bridge.rules.testing.render import MAX_LINES
from tests.rules.testing.builders import shown

NOBODY = "{event: message.received, data: {message_id: m1, sender: '1', type: text, body: x}}"
EVENT = "event: {source: aisoule, body: MESSAGE}"


def told(test: str, **more: object) -> str:
    return shown(f"tests:\n  - name: one\n    rule: log\n    {dedent(test).strip()}\n", **more)


def test_each_difference_has_its_path_both_values_and_the_line_of_the_rule_that_gave_it() -> None:
    text = told(f"""{EVENT}
    exchanges: [{{expect: {{method: POST, path: /entries, query: {{by: "1"}}, json: {{text: Hallo, extra: 1}}}}}}]""")
    assert text == dedent("""\
        FAIL  a.test.yaml:2  one

          rule `log` → `erp` · post, step `post`, call 1
            query.by    expected  "1"
                        got       "918856879188"
                        from      rules.yaml:17:23  {{ fields.customer }}
            json.text   expected  "Hallo"
                        got       "HELLO"
                        from      rules.yaml:18:24  {{ vars.shout }}
                        vars      rules.yaml:6:19  {{ fields.text | upper }}
            json.extra  expected  1
                        got       nothing
                        add it at rules.yaml:15:9""")


def test_a_dead_letter_is_told_with_its_place_and_mend_before_the_calls_that_never_came() -> None:
    text = told(
        """event: {source: aisoule, body: NOBODY}
    exchanges: [{expect: POSTED}]
    outcome: done""".replace("NOBODY", NOBODY)
    )
    assert text == dedent("""\
        FAIL  a.test.yaml:2  one

          rule `log`: outcome
            expected  done
            got       dead:mapping
            because   rule `log`, `key`: `fields.customer` is not a phone number
            from      rules.yaml:5:10  {{ fields.customer | person }}
            mend      numbers are international, e.g. +15550199999; for national ones give the region: `e164('IN')`
            at        a.test.yaml:6

          a call that never came: POST /entries
            at    a.test.yaml:5""")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("{source: aisoule, body: '{'}", "got       refused"),
        ("{source: aisoule, body: {event: campaign.completed, data: {id: c}}}", "got       unmatched"),
    ],
)
def test_an_event_that_nothing_comes_of_is_told_before_the_calls_that_never_came(event: str, why: str) -> None:
    lines = told(f"event: {event}\n    exchanges: [{{expect: POSTED}}]\n    outcome: done").splitlines()
    assert lines[4].strip() == why
    assert "  a call that never came: POST /entries" in lines[5:]


def test_a_refused_call_shows_the_answer() -> None:
    text = told(f"{EVENT}\n    exchanges: [{{expect: POSTED, answer: {{status: 422, json: {{message: too long}}}}}}]")
    assert "    got       dead:rejected\n" in text
    assert "    from      rules.yaml:14:14  erp.post\n" in text
    assert '    answer    {"message":"too long"}\n' in text


def test_a_call_that_was_not_expected_names_the_step() -> None:
    text = told(f"{EVENT}\n    outcome: done")
    assert '  a call that was not expected: POST /entries?by=918856879188  {"text": "HELLO"' in text
    assert "    from   rules.yaml:13:9  erp.post, step `post`" in text


def test_a_call_that_never_came_names_the_condition_that_was_false() -> None:
    text = told(f"{EVENT}\n    exchanges: [{{expect: {{method: GET, path: /entries/5}}}}, {{expect: POSTED}}]")
    assert "  a call that never came: GET /entries/5\n" in text
    assert "    step was skipped: `if` is false at rules.yaml:10:13  links.entry" in text


def test_waits_reasons_and_links_name_the_line_of_the_test() -> None:
    text = told(f"""{EVENT}
    exchanges: [{{expect: POSTED, answer: {{status: 500}}, waits: 30s}}]
    outcome: retrying
    links_after: {{entry: {{"+918856879188": 4}}}}""")
    assert "    waits  expected  30s\n           got       10s\n           at        a.test.yaml:5" in text
    assert "  links after: entry" in text
    assert "expected  4\n" in text
    assert "got       nothing\n" in text


def test_however_much_is_wrong_it_fits_on_a_screen() -> None:
    many = ", ".join(f"k{number}: {number}" for number in range(60))
    calls = ", ".join(f"{{expect: {{method: PUT, path: /n/{number}}}}}" for number in range(30))
    text = told(f"{EVENT}\n    exchanges: [{{expect: {{method: POST, path: /entries, json: {{{many}}}}}}}, {calls}]")
    assert len(text.splitlines()) <= MAX_LINES
    assert "(--json shows all)" in text
    text = told(f"{EVENT}\n    exchanges: [{{expect: POSTED}}, {calls}]")
    assert len(text.splitlines()) <= MAX_LINES
    assert "… and" in text


def test_of_long_values_the_part_around_the_difference_is_shown() -> None:
    start = "x" * 300
    body = f"{{event: message.received, data: {{message_id: m1, sender: '15550100000', type: text, body: {start}yes}}}}"
    text = told(f"""event: {{source: aisoule, body: {body}}}
    exchanges: [{{expect: {{path: /entries, json: {{text: {start.upper()}NO}}}}}}]""")
    assert all(len(line) <= 130 for line in text.splitlines())
    assert 'XXNO"' in text
    assert 'XXYES"' in text


def test_a_list_of_another_length_is_told_once() -> None:
    text = told(f"{EVENT}\n    exchanges: [{{expect: {{path: /entries, json: {{tags: [x]}}}}}}]")
    assert text.count("json.tags") == 1
    assert "note      the list has 2 items where 1 item was expected" in text


def test_what_acts_on_a_terminal_is_made_visible() -> None:
    text = told(f"""{EVENT}
    exchanges: [{{expect: {{path: /entries, json: {{text: "a\\x1b[31m"}}}}}}]""")
    assert "\x1b" not in text
