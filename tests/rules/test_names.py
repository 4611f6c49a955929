"""What a rule adds to an event's names."""

from collections.abc import Iterator, Mapping

import pytest

from bridge.rules.names import Names


class Counted(Mapping[str, object]):
    """Names that note how often each was asked for."""

    def __init__(self, **values: object) -> None:
        self.values_ = values
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> object:
        self.asked.append(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def test_a_name_below_is_asked_for_once_and_only_when_it_is_read() -> None:
    below = Counted(body=1, headers=2)
    names = Names(below, {"vars": {}})

    assert (names["body"], names["body"], names["vars"]) == (1, 1, {})
    assert below.asked == ["body"]


def test_a_name_of_its_own_hides_the_one_below() -> None:
    names = Names(Counted(body=1, links="event's"), {"links": "rule's", "steps": {}})

    assert dict(names) == {"links": "rule's", "steps": {}, "body": 1}
    assert len(names) == 3


def test_a_name_that_nobody_has_is_missing() -> None:
    names = Names(Counted(body=1), {})

    with pytest.raises(KeyError):
        names["boby"]
    assert "boby" not in names
    assert names.get("boby") is None
