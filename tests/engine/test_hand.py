"""The mark of the delivery in hand, which outlives the process."""

import stat
from pathlib import Path

import pytest

from bridge.engine.hand import Hand


def test_the_mark_is_there_for_the_next_process_and_only_once(tmp_path: Path) -> None:
    first = Hand(tmp_path / "in-hand")
    with first.holding(7):
        second = Hand(tmp_path / "in-hand")  # the first one ended here
        assert second.left_by_the_last_process() == 7
        assert second.left_by_the_last_process() is None
    second.close()
    first.close()


def test_nothing_is_marked_after_the_block_whatever_happened_in_it(tmp_path: Path) -> None:
    hand = Hand(tmp_path / "in-hand")
    with pytest.raises(KeyError), hand.holding(7):
        raise KeyError
    assert hand.left_by_the_last_process() is None
    hand.close()
    hand.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Hand(tmp_path / "in-hand").close()
    assert stat.S_IMODE((tmp_path / "in-hand").stat().st_mode) == 0o600
