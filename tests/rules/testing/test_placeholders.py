"""`$case.NAME` in a test with cases."""

from bridge.rules.testing.placeholders import filled, unknown_names
from tests.rules.testing.builders import lines, results, trial

CASES = """
tests:
  - name: every length
    rule: log
    cases:
      - {name: short, text: Hi, count: 2, sender: "15550100000"}
      - {text: Hello there, count: 11, sender: "15550100001"}
    event: {source: aisoule, body: {event: message.received,
            data: {message_id: m1, sender: $case.sender, type: text, body: $case.text}}}
    exchanges: [{expect: {path: /entries, json: {count: $case.count}}, answer: {json: {id: 1}}}]
    outcome: done
    links_after: {entry: {"+$case.sender": 1}}
"""


def test_a_placeholder_alone_keeps_the_type_and_inside_a_text_it_is_text() -> None:
    case = {"a": 1, "b": [True], "c": "x"}
    assert filled({"k$case.c": ["$case.a", "n$case.a/$case.b", "$case.b", "$caseful", "$case.d"]}, case) == {
        "kx": [1, "n1/[true]", [True], "$caseful", "$case.d"]
    }


def test_names_that_a_case_lacks_are_found_where_they_stand() -> None:
    assert list(unknown_names({"x": ["$case.a $case.b"], "$case.c": 1}, {"a": 1})) == [
        (("x", 0), "b"),
        (("$case.c",), "c"),
    ]


def test_each_case_is_a_test_of_its_own() -> None:
    tried = results(CASES)
    assert [result.case.label for result in tried] == ["every length [short]", "every length [case 2]"]
    assert [result.passed for result in tried] == [True, True]


def test_an_unknown_name_is_a_finding() -> None:
    found = lines(trial(CASES.replace("$case.count", "$case.cuont")))
    assert found == ["a.test.yaml:10:57: BR209 there is no `$case.cuont`; did you mean `$case.count`?"]
