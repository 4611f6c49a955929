"""What no test has run."""

from bridge.rules.testing.coverage import coverage
from tests.rules.testing.builders import RULES, trial

OTHERS = """
  - {name: never, on: aisoule/nothing.*, steps: [{id: a, use: erp.post, with: {path: /n}}]}
  - name: each
    on: aisoule/message.received
    steps:
      - {id: line, for_each: "{{ [1, 2] }}", if: item > 1, use: erp.post, with: {path: "/lines/{{ item }}"}}
"""


def gaps(*tests: str) -> list[tuple[str, str, str | None, str]]:
    text = "tests:\n" + "\n".join(f"  - name: t{number}\n    {test}" for number, test in enumerate(tests))
    tried = trial(text, rules=RULES + OTHERS.removeprefix("\n"))
    rules = {name: placed.rule for name, placed in tried.loaded.rules.items() if placed.rule is not None}
    found = coverage(rules, [result.seen for result in tried.results])
    return [(gap.kind, gap.rule, gap.step, gap.never) for gap in found.gaps]


def test_rules_steps_and_one_sided_conditions_are_named() -> None:
    assert gaps("event: {source: aisoule, body: MESSAGE}") == [
        ("condition", "log", None, "false"),
        ("step", "log", "look", ""),
        ("rule", "never", None, ""),
    ]


def test_what_all_tests_together_run_is_covered() -> None:
    image = "{event: message.received, data: {message_id: m1, sender: '918856879188', type: image, body: x}}"
    assert gaps(
        "event: {source: aisoule, body: MESSAGE}",
        'links: {entry: {"+918856879188": 5}}\n    event: {source: aisoule, body: MESSAGE}',
        f"event: {{source: aisoule, body: {image}}}",
    ) == [("rule", "never", None, "")]
