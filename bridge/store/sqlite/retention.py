"""Retention: what was settled long ago goes, the counters stay."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.model import DeliveryState
from bridge.store.protocol import Pruned
from bridge.store.sqlite.session import EVENTS, PRUNED, Transaction, dump, numbers

AUDIT_MS = 30 * 24 * 3_600_000
"""How long it stays known what people had the bridge do, unless the caller says otherwise."""
_FINISHED = dump([DeliveryState.DONE, DeliveryState.SKIPPED, DeliveryState.SUPERSEDED])
_DEAD = dump([DeliveryState.DEAD])


@dataclass(frozen=True, slots=True)
class Horizon:
    """The fields of `Store.prune`."""

    done_before_ms: int
    dead_before_ms: int
    seen_before_ms: int
    audit_before_ms: int | None
    now_ms: int | None = None

    @property
    def latest_ms(self) -> int:
        """The latest time that is known to have come, `now_ms` apart: none of them lies ahead of now."""
        return max(self.done_before_ms, self.dead_before_ms, self.seen_before_ms)


def prune(tx: Transaction, horizon: Horizon, limit: int) -> Pruned:
    """Remove up to `limit` old deliveries, the events they leave bare, unmatched events, and what is remembered."""
    old = tx.all("old_settled", {"before": horizon.done_before_ms, "states": _FINISHED, "limit": limit})
    old += tx.all("old_settled", {"before": horizon.dead_before_ms, "states": _DEAD, "limit": limit - len(old)})
    _remove_deliveries(tx, old)
    bare = tx.all("bare_events", numbers({row["event_seq"] for row in old}))
    bare += tx.all("old_unmatched", (horizon.done_before_ms, limit))
    _remove_events(tx, bare)
    over_ms = horizon.latest_ms if horizon.now_ms is None else horizon.now_ms
    window = {"seen": horizon.seen_before_ms, "latest": over_ms, "limit": limit}
    forgotten = tx.write("delete_identities", window)
    _lower_marks(tx, horizon.seen_before_ms, limit)
    audit_ms = horizon.latest_ms - AUDIT_MS if horizon.audit_before_ms is None else horizon.audit_before_ms
    audited = tx.write("delete_audit", (audit_ms, limit))
    replay_ids = tx.write("delete_replay_ids", {"now": over_ms, "limit": limit})
    tx.write("delete_passes", (over_ms,))
    return Pruned(len(bare), len(old), forgotten, audits=audited, replay_ids=replay_ids)


def _remove_deliveries(tx: Transaction, rows: Sequence[sqlite3.Row]) -> None:
    for row in rows:
        tx.count(row["rule"], PRUNED + row["state"], destination=row["book"])
    seqs = numbers(row["seq"] for row in rows)
    for statement in ("delete_attempts", "delete_dead_letters", "delete_deliveries"):
        tx.write(statement, seqs)


def _remove_events(tx: Transaction, rows: Sequence[sqlite3.Row]) -> None:
    for row in rows:
        tx.count(EVENTS, PRUNED + row["name"])
    seqs = numbers(row["seq"] for row in rows)
    tx.write("delete_redeliveries", seqs)
    requests = {row["request_seq"] for row in tx.all("delete_events", seqs)}
    tx.write("delete_bare_requests", numbers(requests - {None}))


def _lower_marks(tx: Transaction, before_ms: int, limit: int) -> None:
    # An open delivery will be held against marks that rose after it came; it was held against older ones then.
    [oldest] = tx.all("oldest_open_delivery")
    floor_ms = before_ms if oldest["at_ms"] is None else min(before_ms, oldest["at_ms"])
    tx.write("delete_high_water", (floor_ms, limit))
    tx.write("delete_newest", (floor_ms, limit))
