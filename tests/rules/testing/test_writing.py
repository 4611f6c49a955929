"""Values as YAML text read back as the same values."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.opened import Opened
from bridge.diagnostics import parse_yaml
from bridge.rules.testing.results import Ended
from bridge.rules.testing.writing import answer_of, block, flow, outcome_of, request_of

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def read(text: str) -> object:
    loaded = parse_yaml(text, "a.yaml")
    assert loaded.document is not None, (text, [finding.message for finding in loaded.findings])
    assert isinstance(loaded.document.data, dict)
    return loaded.document.data["key"]


@given(JSON)
def test_what_is_written_reads_back_as_the_same_value(value: object) -> None:
    assert read(f"key: {flow(value)}\n") == value
    assert read(f"key:{block(value, 0)}\n") == value


def test_plain_words_need_no_quotes_and_words_of_yaml_do() -> None:
    assert flow(["dead:mapping", "true", "/a/b", "1", "null", "a b", "+1"]) == (
        '[dead:mapping, "true", /a/b, "1", "null", "a b", "+1"]'
    )


def test_requests_answers_and_outcomes_as_tests_say_them() -> None:
    assert request_of(Opened("GET", "/a", {"b": "1"}, {"Accept": "x"}, None, None)) == {
        "method": "GET",
        "path": "/a",
        "query": {"b": "1"},
    }
    assert answer_of(Answer(200, {"retry-after": "1", "content-type": "application/json"}, b'{"id":1}')) == {
        "status": 200,
        "headers": {"retry-after": "1"},
        "json": {"id": 1},
    }
    assert answer_of(Answer(502, {}, b"oops")) == {"status": 502, "text": "oops"}
    assert answer_of(Answer(None, trouble=Trouble.CONNECT)) == "refused"
    assert answer_of(Answer(None, trouble=Trouble.NO_ANSWER)) == "lost"
    assert outcome_of([Ended("a", "done"), Ended("b", "done")]) == "done"
    assert outcome_of([Ended("a", "done"), Ended("b", "skipped")]) == {"a": "done", "b": "skipped"}
