"""What is wrong with the matchers of a test."""

import pytest

from bridge.rules.testing.matchers import check_matchers, matcher


@pytest.mark.parametrize(
    ("value", "path", "message", "help_"),
    [
        ({"a": [{"$anny": "text"}]}, ("a", 0, "$anny"), "there is no matcher `$anny`", "did you mean `$any`?"),
        ({"$any": "txt"}, ("$any",), "`$any` does not know this kind of value", "did you mean `text`?"),
        ({"$absent": False}, ("$absent",), "`$absent` has nothing but `true`", "write `{$absent: true}`"),
        ({"$regex": 1}, ("$regex",), "`$regex` needs a text", "put it in quotes"),
        ({"$contains": []}, ("$contains",), "`$contains` needs a text", "put it in quotes"),
        ({"$regex": "(?=a)"}, ("$regex",), "this pattern cannot be read", "the syntax is RE2's"),
    ],
)
def test_a_matcher_that_cannot_be_used_is_told(
    value: object, path: tuple[object, ...], message: str, help_: str
) -> None:
    [problem] = check_matchers(value)
    assert (problem.path, problem.message) == (path, message)
    assert problem.help.startswith(help_)


def test_data_is_no_matcher() -> None:
    assert list(check_matchers({"a": {"$any": "text", "b": 1}, "$x": 1, "c": {"$is": {"$whatever": 1}}})) == []
    assert matcher({"$other": 1}) is None
    assert str(matcher({"$any": "value"})) == "any value"
    assert str(matcher({"$absent": True})) == "nothing"
