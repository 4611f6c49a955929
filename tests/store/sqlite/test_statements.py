"""Every statement is understood by the schema, and the ones on the hot path find their rows by an index."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.sqlite import SqliteStore, statements
from bridge.store.sqlite.statements import SQL, migrations, repeated, slices

ROWS = re.compile(r"\{rows\}")
WIDTHS = {
    "known_identities": 2,
    "insert_events": 14,
    "remember_identities": 6,
    "insert_deliveries": 24,
    "last_in_lanes": 2,
    "enter_lanes": 4,
    "heads_of_lanes": 2,
    "unblock": 3,
    "end_windows": 2,
    "rejoin": 3,
    "set_links": 2,
    "link_values": 2,
    "set_advanced": 6,
    "set_waiting": 10,
    "set_settled": 7,
    "begin_attempts": 8,
    "end_attempts": 9,
    "write_links": 4,
    "high_water": 2,
    "newest": 2,
    "raise_high_water": 4,
    "raise_newest": 4,
    "write_notes": 2,
    "known_replay_ids": 2,
    "remember_replay_ids": 4,
    "note_redeliveries": 2,
    "give_passes": 3,
}
HOT = [
    "pick_free",
    "pick_queued",
    "pick_expired",
    "claim_rows_by_seq",
    "set_running",
    "set_links",
    "link_values",
    "held",
    "set_advanced",
    "set_waiting",
    "set_settled",
    "end_attempts",
    "events_by_seq",
    "requests_by_seq",
    "events_to_route",
    "mark_routed",
    "heads_of_lanes",
    "last_in_lanes",
    "leave_lanes",
    "unblock",
    "end_windows",
    "waiting_in_queues",
    "rejoin",
    "count_orphans",
    "ended_windows",
    "open_window",
    "earliest_due",
    "queues",
    "high_water",
    "newest",
    "known_identities",
    "unrouted_events",
    "old_settled",
    "delete_identities",
    "delete_high_water",
    "delete_newest",
    "delete_audit",
    "oldest_open_delivery",
    "bare_events",
    "delete_bare_requests",
    "states_of_events",
    "unexported_dead_letters",
    "list_dead_letters",
    "bring_due_back",
    "list_notes",
    "known_replay_ids",
    "delete_replay_ids",
    "repeats_of_events",
    "delete_redeliveries",
    "use_pass",
    "identity_of_event",
]
TABLES = (
    "deliveries|events|d|q|e|l|m|a|lanes|identities|attempts|requests|high_water|newest|i|r|p|replay_ids|"
    "redeliveries|passes"
)


async def query_plan(store: SqliteStore, name: str) -> list[str]:
    text = repeated(name, WIDTHS[name], 2) if ROWS.search(SQL[name]) else SQL[name]
    values: object = [None] * text.count("?") if "?" in text else defaultdict(lambda: None)
    rows = store._writer._connection.execute(f"EXPLAIN QUERY PLAN {text}", values)  # type: ignore[arg-type]
    return [row["detail"] for row in rows]


async def test_every_statement_fits_the_schema(store: SqliteStore) -> None:
    for name in SQL:
        await query_plan(store, name)


@pytest.mark.parametrize("name", HOT)
async def test_a_hot_statement_scans_no_table(store: SqliteStore, name: str) -> None:
    for detail in await query_plan(store, name):
        scans_table = re.match(rf"SCAN ({TABLES})\b", detail)
        assert scans_table is None or "USING" in detail, detail


async def test_claiming_reads_in_index_order_without_sorting(store: SqliteStore) -> None:
    [detail] = await query_plan(store, "pick_free")
    assert detail.startswith("SEARCH deliveries USING")
    assert "deliveries_claimable (destination=? AND replay=? AND queue=? AND due_at_ms<?)" in detail


async def test_a_claim_looks_into_no_queue_that_it_does_not_name(store: SqliteStore) -> None:
    details = await query_plan(store, "pick_queued")
    assert any(
        "deliveries_claimable (destination=? AND replay=? AND queue=? AND due_at_ms<?)" in one for one in details
    )
    assert not any("TEMP B-TREE" in detail for detail in details)


async def test_the_books_are_counted_in_the_order_of_one_index(store: SqliteStore) -> None:
    [detail] = await query_plan(store, "count_deliveries")
    assert detail == "SCAN deliveries USING COVERING INDEX deliveries_standing"


@given(total=st.integers(0, 5000))
def test_slices_cover_everything_once_with_few_sizes(total: int) -> None:
    parts = list(slices(total))
    assert [index for part in parts for index in range(total)[part]] == list(range(total))
    assert {part.stop - part.start for part in parts} <= {64, 32, 16, 8, 4, 2, 1}


def test_migrations_are_numbered_without_gaps() -> None:
    assert sorted(migrations()) == list(range(1, len(migrations()) + 1))


def test_two_migrations_of_one_number_are_never_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "migrations").mkdir()
    for name in ("0001_a.sql", "0001_b.sql"):
        (tmp_path / "migrations" / name).touch()
    monkeypatch.setattr(statements, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match="two migrations have the number 1"):
        migrations()
