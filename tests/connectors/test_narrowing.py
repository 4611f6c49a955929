"""One request with all items was refused; what follows must settle each of them, in few requests."""

from collections.abc import Collection, Iterable
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.narrowing import Narrowing


def narrowed(size: int, bad: Collection[int]) -> tuple[int, set[int], set[int]]:
    """How many requests a vendor hears who refuses whatever holds a bad item; who passed, who was refused alone."""
    narrowing, requests = Narrowing(range(size)), 0
    passed: set[int] = set()
    refused: set[int] = set()
    while sent := narrowing.next():
        requests += 1
        assert len(set(sent)) == len(sent)
        assert not set(sent) & (passed | refused), "an item that is settled is not sent again"
        if not set(sent) & set(bad):
            passed |= set(sent)
            narrowing.passed()
            continue
        if len(sent) == 1:
            refused |= set(sent)
        narrowing.refused()
    return requests, passed, refused


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 16, 33, 64, 99, 100])
def test_one_bad_item_is_found_in_few_requests_wherever_it_stands(size: int) -> None:
    for bad in range(size):
        requests, passed, refused = narrowed(size, {bad})
        assert (passed, refused) == (set(range(size)) - {bad}, {bad})
        assert requests <= ceil(log2(size)) + 2


def test_a_refusal_that_nobody_is_to_blame_for_ends_too() -> None:
    requests, passed, refused = narrowed(100, ())
    assert (len(passed), len(refused)) == (100, 0)
    assert requests <= 8


@pytest.mark.parametrize("size", [1, 2, 3, 10, 50, 100])
def test_a_batch_of_nothing_but_bad_items_takes_no_more_than_two_requests_each(size: int) -> None:
    requests, passed, refused = narrowed(size, range(size))
    assert (passed, refused) == (set(), set(range(size)))
    assert requests <= 2 * size


@pytest.mark.parametrize(("some", "requests"), [(range(0, 100, 50), 34), (range(7, 100, 20), 60), ((11, 12, 13), 44)])
def test_several_bad_items_cost_little_more_than_each_alone(some: Iterable[int], requests: int) -> None:
    assert narrowed(100, set(some))[0] <= requests


@given(st.integers(1, 120).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1)))))
def test_every_item_is_settled_by_a_pass_or_by_a_refusal_of_its_own(case: tuple[int, set[int]]) -> None:
    size, bad = case
    requests, passed, refused = narrowed(size, bad)
    assert (passed, refused) == (set(range(size)) - bad, bad)
    assert requests <= 3 * size + 8


@given(st.integers(1, 60), st.lists(st.booleans(), max_size=400))
def test_a_vendor_who_answers_as_he_pleases_is_heard_out(size: int, moods: list[bool]) -> None:
    narrowing, settled = Narrowing(range(size)), 0
    answers = iter(moods)
    for _ in range(20 * size + 20):
        sent = narrowing.next()
        if not sent:
            break
        if next(answers, False):
            settled += len(sent)
            narrowing.passed()
        else:
            settled += len(sent) == 1
            narrowing.refused()
    assert narrowing.next() == ()
    assert settled == size
