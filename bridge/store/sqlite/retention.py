"""Retention: what was settled long ago goes, the counters stay."""

from collections.abc import Sequence

from bridge.store.protocol import Pruned
from bridge.store.sqlite.session import Transaction, numbers


def prune(tx: Transaction, *, done_before_ms: int, dead_before_ms: int, seen_before_ms: int, limit: int) -> Pruned:
    """Remove up to `limit` old deliveries, the events they leave bare, unmatched events, and old identities."""
    old = tx.all("old_finished", (done_before_ms, limit))
    old += tx.all("old_dead", (dead_before_ms, limit - len(old)))
    _remove_deliveries(tx, [row["seq"] for row in old])
    bare = tx.all("bare_events", numbers({row["event_seq"] for row in old}))
    bare += tx.all("old_unmatched", (done_before_ms, limit))
    _remove_events(tx, [row["seq"] for row in bare])
    # None of the three times lies ahead of now, so the latest of them proves that a window is over.
    latest = max(done_before_ms, dead_before_ms, seen_before_ms)
    forgotten = tx.write("delete_identities", {"seen": seen_before_ms, "latest": latest, "limit": limit})
    tx.write("delete_high_water", (seen_before_ms, limit))
    return Pruned(events=len(bare), deliveries=len(old), identities=forgotten)


def _remove_deliveries(tx: Transaction, seqs: Sequence[int]) -> None:
    for statement in ("delete_attempts", "delete_dead_letters", "delete_deliveries"):
        tx.write(statement, numbers(seqs))


def _remove_events(tx: Transaction, seqs: Sequence[int]) -> None:
    requests = {row["request_seq"] for row in tx.all("delete_events", numbers(seqs))}
    tx.write("delete_bare_requests", numbers(requests - {None}))
