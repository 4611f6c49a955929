"""How paths are spelled, and which names are suggested."""

import pytest

from bridge.expressions.paths import nearest, spelled


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (("a", "b", 0), "a.b.0"),
        (("a", -1), "a.-1"),
        (("a", "b-c", "d"), "a['b-c'].d"),
        (("a", None, "d"), "a[…].d"),
        (("a", ""), "a['']"),
    ],
)
def test_a_path_is_spelled_as_its_author_would(steps: tuple[str | int | None, ...], text: str) -> None:
    assert spelled(steps) == text


def test_only_names_of_fields_are_suggested() -> None:
    assert nearest("sendr", ["sender", "other"]) == "sender"
    assert nearest("sender1", ["sender2"]) is None
    assert nearest("x" * 41, ["x" * 42]) is None
    assert nearest("zzz", ["sender"]) is None
