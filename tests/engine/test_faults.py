"""A fault of ours, told without the text that it quotes."""

import pytest

from bridge.engine.faults import place_of, poison
from bridge.model import DeadKind
from tests.canaries import CUSTOMER_NAME, TEXT


def raised(text: str) -> ValueError:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int(text)
    return caught.value


def test_a_place_is_a_file_and_a_line() -> None:
    name, _, line = place_of(raised(TEXT)).partition(":")
    assert name == "test_faults.py"
    assert line.isdigit()
    assert place_of(ValueError(TEXT)) == "an unknown place"


def test_a_dead_letter_of_a_fault_quotes_nothing_and_groups_by_its_place() -> None:
    first, second = poison(raised(TEXT), "rule", step="s"), poison(raised(CUSTOMER_NAME), "rule")
    assert first.kind is DeadKind.POISON
    assert TEXT not in str(first)
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != poison(raised(TEXT), "another rule").fingerprint
