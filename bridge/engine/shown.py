"""Events, deliveries and attempts as JSON for people: the one form that the API and the commands give."""

from collections.abc import Mapping

from bridge.engine.orphans import is_of_orphans
from bridge.model import Attempt, Delivery, rfc3339
from bridge.sources.extract import Fields
from bridge.sources.strict_json import Unreadable
from bridge.store.protocol import REFUSED, EventRow


def event_summary(row: EventRow) -> dict[str, object]:
    """An event in a list."""
    event = row.event
    return {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "raw_type": event.raw_type,
        "event_id": event.event_id,
        "time": moment_or_none(event.time_ms),
        "received_at": rfc3339(event.received_at_ms),
        "routed": row.routed,
        "rules": {rule: str(state) for rule, state in row.deliveries.items()},
        "repeats": row.repeats,
    }


def event_fields(scope: Mapping[str, object]) -> dict[str, object]:
    """`fields` of an event as rules read them, and why the others are not to be had.

    Args:
        scope: what the event gives to rules.
    """
    try:
        fields = scope["fields"]
    except Unreadable:  # the body is damaged, and is shown as bytes
        fields = {}
    failed = fields.broken if isinstance(fields, Fields) else {}
    shown = dict(fields) if isinstance(fields, Mapping) else {}
    return {"fields": shown, "failed_fields": {name: error.message for name, error in failed.items()}}


def source_counts(counts: Mapping[str, int]) -> dict[str, object]:
    """The counters of a source: `redelivered` are among the accepted, `differing` among the duplicates."""
    refused = {name.removeprefix(REFUSED): count for name, count in sorted(counts.items()) if name.startswith(REFUSED)}
    names = ("accepted", "redelivered", "duplicates", "differing")
    return {**{name: counts.get(name, 0) for name in names}, "refused": refused}


def delivery_summary(delivery: Delivery, orphaned: str | None) -> dict[str, object]:
    """A delivery in a list. `queue` is the budget that it waits for, if it waits for one.

    Args:
        delivery: the row.
        orphaned: why it is an orphan, see `orphans.orphaned`.
    """
    run = delivery.progress.get("run")
    return {
        "id": delivery.id,
        "event": delivery.event_id,
        "rule": delivery.rule,
        "revision": delivery.revision,
        "state": str(delivery.state),
        "key": delivery.key,
        "destination": delivery.destination,
        "step": run.get("step") if isinstance(run, Mapping) else None,
        "attempts": delivery.attempts,
        "generation": delivery.generation,
        "replay": delivery.replay,
        "queue": (delivery.queue or None) if delivery.state.is_open and not is_of_orphans(delivery.queue) else None,
        "orphaned": orphaned,
        "stepped_aside": delivery.stepped_aside,
        "due_at": rfc3339(delivery.due_at_ms) if delivery.state.is_open else None,
        "reason": delivery.reason,
        "created_at": rfc3339(delivery.created_at_ms),
        "settled_at": moment_or_none(delivery.settled_at_ms),
    }


def attempt(tried: Attempt) -> dict[str, object]:
    """One try of one step."""
    return {
        "number": tried.number,
        "step": tried.step,
        "operation": tried.operation,
        "started_at": rfc3339(tried.started_at_ms),
        "ended_at": moment_or_none(tried.ended_at_ms),
        "outcome": str(tried.outcome) if tried.outcome else "in flight",
        "status": tried.status,
        "code": tried.code,
        "message": tried.message,
        "request": tried.request,
        "answer": tried.excerpt,
        "revision": tried.revision,
    }


def moment_or_none(milliseconds: int | None) -> str | None:
    """RFC 3339, or nothing for nothing."""
    return None if milliseconds is None else rfc3339(milliseconds)
