"""Every statement is understood by the schema, and the ones on the hot path find their rows by an index."""

import re
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite.statements import SQL, repeated, slices

ROWS = re.compile(r"\{rows\}")
WIDTHS = {"known_identities": 2, "insert_events": 13, "remember_identities": 6}
HOT = [
    "pick_claimable",
    "pick_expired",
    "deliveries_by_seq",
    "events_by_seq",
    "held",
    "head_of_lane",
    "last_in_lane",
    "lanes_of",
    "ended_windows",
    "open_window",
    "earliest_due",
    "known_identities",
    "unrouted_events",
    "old_finished",
    "old_dead",
    "delete_identities",
    "delete_high_water",
    "oldest_open_delivery",
    "bare_events",
    "delete_bare_requests",
    "states_of_events",
    "unexported_dead_letters",
]


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
        scans_table = re.match(
            r"SCAN (deliveries|events|d|e|l|lanes|identities|attempts|requests|high_water|i)\b", detail
        )
        assert scans_table is None or "USING" in detail, detail


async def test_claiming_reads_in_index_order_without_sorting(store: SqliteStore) -> None:
    [detail] = await query_plan(store, "pick_claimable")
    assert detail.startswith("SEARCH deliveries USING")
    assert "deliveries_claimable (destination=? AND due_at_ms<?)" in detail


@given(total=st.integers(0, 5000))
def test_slices_cover_everything_once_with_few_sizes(total: int) -> None:
    parts = list(slices(total))
    assert [index for part in parts for index in range(total)[part]] == list(range(total))
    assert {part.stop - part.start for part in parts} <= {64, 32, 16, 8, 4, 2, 1}
