"""Small values that survive a restart, and what people had the bridge do."""

import asyncio

from bridge.model import AuditEntry
from bridge.store.protocol import Store
from tests.store.conftest import OpenStore
from tests.store.examples import DAY, NOW


async def test_notes_survive_and_are_found_by_their_beginning(open_store: OpenStore) -> None:
    store = await open_store()
    await store.write_notes({"budget/hubspot": {"left": 2**60}, "budget/zendesk": [1.5, None], "pause/erp": "by hand"})
    await store.close()
    store = await open_store()
    assert await store.notes("budget/") == {"budget/hubspot": {"left": 2**60}, "budget/zendesk": [1.5, None]}
    assert await store.notes("budget/h") == {"budget/hubspot": {"left": 2**60}}
    assert set(await store.notes()) == {"budget/hubspot", "budget/zendesk", "pause/erp"}


async def test_a_note_is_replaced_and_removed(store: Store) -> None:
    await store.write_notes({"a": 1, "b": 2})
    await store.write_notes({"a": None, "b": 3, "never there": None})
    assert await store.notes() == {"b": 3}


async def test_of_many_at_once_the_last_word_counts(store: Store) -> None:
    words = [store.write_notes({"a": number, f"n{number}": number}) for number in range(20)]
    await asyncio.gather(*words, store.write_notes({"n0": None}))
    notes = await store.notes()
    assert notes["a"] == 19
    assert len(notes) == 20


async def test_the_audit_lists_what_was_done_newest_first(store: Store) -> None:
    await store.write_audit("replay", {"count": 3}, now_ms=NOW)
    await store.write_audit("pause", {"destination": "hubspot"}, now_ms=NOW + 1)
    assert await store.audit() == [
        AuditEntry(NOW + 1, "pause", {"destination": "hubspot"}),
        AuditEntry(NOW, "replay", {"count": 3}),
    ]
    assert len(await store.audit(1)) == 1


async def test_audit_entries_go_after_thirty_days_and_notes_never(store: Store) -> None:
    await store.write_notes({"a": 1})
    await store.write_audit("old", {}, now_ms=NOW)
    await store.write_audit("young", {}, now_ms=NOW + 1)

    async def prune(now_ms: int, audit_before_ms: int | None = None) -> int:
        pruned = await store.prune(
            done_before_ms=now_ms, dead_before_ms=0, seen_before_ms=0, limit=9, audit_before_ms=audit_before_ms
        )
        return pruned.audits

    assert await prune(NOW + 30 * DAY) == 0
    assert await prune(NOW + 30 * DAY + 1) == 1
    assert [entry.action for entry in await store.audit()] == ["young"]
    assert await prune(0, audit_before_ms=NOW + 2) == 1
    assert await store.notes() == {"a": 1}
