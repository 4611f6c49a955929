"""What a person may ask and decide, as JSON in and JSON out: behind the admin API and the command line alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.clock import Clock
from bridge.engine.dead_letters import as_json, body_as_json
from bridge.engine.present import Present
from bridge.errors import UsageError
from bridge.model import (
    Attempt,
    DeadKind,
    DeadLetter,
    Delivery,
    DeliveryState,
    NewDelivery,
    StoredEvent,
    rfc3339,
)
from bridge.rules.plan import plan
from bridge.rules.run import Run, RunState
from bridge.store.protocol import DeadLetterFilter, DeliveryFilter, EventRow, Store, Wake

MAX_ROWS = 1_000
REPLAY_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Query:
    """The filters of a list as they come from a command or a URL. None means any; `limit` is at most 1,000."""

    ids: tuple[str, ...] | None = None
    source: str | None = None
    type: str | None = None
    event: str | None = None
    state: str | None = None
    rule: str | None = None
    destination: str | None = None
    kind: str | None = None
    fingerprint: str | None = None
    name: str | None = None
    key: str | None = None
    limit: int = 50

    def bounded(self) -> int:
        """The limit within its bounds.

        Raises:
            UsageError: it is not a number of rows.
        """
        if not 1 <= self.limit <= MAX_ROWS:
            raise UsageError(f"`limit` must be between 1 and {MAX_ROWS}")
        return self.limit


class Console:
    """Answers questions about the store and carries out a person's decisions.

    Args:
        store: the durable memory.
        present: the configuration in use, for replays with the rules as they are now.
        clock: the time.
        changed: told the destinations to wake after a decision.
    """

    def __init__(self, store: Store, present: Present, clock: Clock, *, changed: Callable[[Wake], None]) -> None:
        self._store = store
        self._present = present
        self._clock = clock
        self._changed = changed

    # --- questions -----------------------------------------------------------------------------------------------

    async def status(self) -> dict[str, object]:
        """The books, and which destinations are held back."""
        books = await self._store.books()
        now_ms = self._clock.now_ms()
        return {
            "events": {
                "accepted": books.accepted,
                "routed": books.routed,
                "unrouted": books.unrouted,
                "unmatched": books.unmatched,
            },
            "rules": {
                rule: {str(state): counts.get(state, 0) for state in DeliveryState}
                for rule, counts in sorted(books.rules.items())
            },
            "oldest_open_age_s": None if books.oldest_open_ms is None else (now_ms - books.oldest_open_ms) // 1000,
            "destinations": {
                name: {
                    "held_until": rfc3339(held) if (held := outlet.gate.held_until_ms) else None,
                    "paused": outlet.gate.pause.reason if outlet.gate.pause else None,
                    "detail": outlet.gate.pause.detail if outlet.gate.pause else None,
                }
                for name, outlet in sorted(self._present.outlets.all().items())
            },
        }

    async def events(self, query: Query) -> list[dict[str, object]]:
        """Events, newest first."""
        rows = await self._store.events(limit=query.bounded(), source=query.source, type_=query.type)
        return [_event_summary(row) for row in rows]

    async def event(self, event_id: str) -> dict[str, object]:
        """One event with its body and deliveries.

        Raises:
            UsageError: there is none.
        """
        row = await self.event_row(event_id)
        deliveries = await self._store.deliveries(DeliveryFilter(event=event_id, limit=MAX_ROWS))
        return {
            **_event_summary(row),
            "time_ms": row.event.time_ms,
            "received_at_ms": row.event.received_at_ms,
            "headers": dict(row.event.headers),
            "query": dict(row.event.query),
            "body": body_as_json(row.event.content),
            "parent": body_as_json(row.event.parent) if row.event.parent is not None else None,
            "deliveries": [_delivery_summary(delivery) for delivery in deliveries],
        }

    async def event_row(self, event_id: str) -> EventRow:
        """One event.

        Raises:
            UsageError: there is none.
        """
        row = await self._store.event(event_id)
        if row is None:
            raise UsageError(f"there is no event `{event_id}`")
        return row

    async def deliveries(self, query: Query) -> list[dict[str, object]]:
        """Deliveries, newest first."""
        states = (_state(query.state),) if query.state else None
        where = DeliveryFilter(
            ids=query.ids,
            event=query.event,
            states=states,
            rule=query.rule,
            destination=query.destination,
            limit=query.bounded(),
        )
        return [_delivery_summary(delivery) for delivery in await self._store.deliveries(where)]

    async def delivery(self, delivery_id: str) -> dict[str, object]:
        """One delivery with its steps and all its attempts.

        Raises:
            UsageError: there is none.
        """
        delivery = await self._delivery(delivery_id)
        attempts = await self._store.attempts(delivery_id)
        run = delivery.progress.get("run")
        return {
            **_delivery_summary(delivery),
            "links": delivery.links,
            "steps": run.get("results", {}) if isinstance(run, Mapping) else {},
            "tries": [_attempt(attempt) for attempt in attempts],
        }

    async def dead_letters(self, query: Query) -> list[dict[str, object]]:
        """Dead letters, oldest first, whole."""
        letters = await self._store.dead_letters(_dead_letter_filter(query, query.bounded()))
        return [as_json(letter) for letter in letters]

    async def links(self, query: Query) -> list[dict[str, object]]:
        """Remembered links, by name and key."""
        found = await self._store.links(name=query.name, key=query.key, limit=query.bounded())
        return [{"name": link.name, "key": link.key, "value": link.value} for link in found]

    # --- decisions -------------------------------------------------------------------------------------------------

    async def retry(self, delivery_id: str) -> dict[str, object]:
        """Make a waiting delivery due now.

        Raises:
            UsageError: it does not exist or does not wait.
        """
        self._changed(await self._store.retry(delivery_id, now_ms=self._clock.now_ms()))
        return {"ok": True, "delivery": delivery_id}

    async def skip(self, delivery_id: str, reason: str) -> dict[str, object]:
        """End a waiting or dead delivery as skipped.

        Raises:
            UsageError: it does not exist, runs, or is settled otherwise.
        """
        self._changed(await self._store.skip(delivery_id, now_ms=self._clock.now_ms(), reason=reason))
        return {"ok": True, "delivery": delivery_id}

    async def discard(self, query: Query, reason: str) -> dict[str, object]:
        """End dead letters as skipped.

        Raises:
            UsageError: an id is not one of a dead letter, or one was replayed in this moment.
        """
        letters = await self._chosen(query)
        for letter in letters:
            await self.skip(letter.delivery, reason)
        return {"ok": True, "discarded": [letter.delivery for letter in letters]}

    async def replay(self, query: Query, *, dry_run: bool) -> dict[str, object]:
        """Start dead deliveries again with the rules as they are now, oldest first.

        One that cannot be replayed is named in `refused` and does not stop the others.

        Raises:
            UsageError: an id is not one of a dead letter.
        """
        letters = await self._chosen(query)
        replayed: list[str] = []
        refused: list[dict[str, object]] = []
        for letter in letters:
            try:
                planned = self._plan_again(letter)
                if not dry_run:
                    await self._replay_one(letter, planned)
            except UsageError as error:
                refused.append({"delivery": letter.delivery, "message": str(error)})
            else:
                replayed.append(letter.delivery)
        return {"ok": not refused, "dry_run": dry_run, "replayed": replayed, "refused": refused}

    async def _replay_one(self, letter: DeadLetter, planned: NewDelivery) -> None:
        delivery = await self._delivery(letter.delivery)
        state = self._state_after(delivery, letter.event)
        progress = {**delivery.progress, "run": state.to_json(), "held_ms": 0}
        self._changed(await self._store.replay(letter.delivery, planned, progress, now_ms=self._clock.now_ms()))

    def _state_after(self, delivery: Delivery, event: StoredEvent) -> RunState:
        """What the replay starts from: done steps stay done."""
        stored = delivery.progress.get("run")
        before = RunState.from_json(stored if isinstance(stored, dict) else {})
        rule = self._present.configuration.rules.by_name(delivery.rule)
        if rule is None:
            return RunState()
        run = Run(
            rule,
            self._present.configuration.scope(event),
            links={},
            recall={},
            state=before,
            settings={},
            event_id=event.id,
            generation=delivery.generation,
        )
        step = next((step for step in rule.steps if step.id == before.step), None)
        return before.for_replay(rule, run.key(step) if step is not None else None)

    def _plan_again(self, letter: DeadLetter) -> NewDelivery:
        """What the present rules make of it.

        Raises:
            UsageError: it would be dead again at once.
        """
        configuration = self._present.configuration
        matching = configuration.rules.rules_for(letter.event.source, letter.event.type)
        rule = next((rule for rule in matching if rule.name == letter.rule), None)
        if rule is None:
            raise UsageError(f"the rule `{letter.rule}` is not configured, or does not match the event any more")
        planned = plan(rule, configuration.scope(letter.event))
        if planned.death is not None:
            raise UsageError(planned.death.message)
        return planned

    async def _chosen(self, query: Query) -> list[DeadLetter]:
        letters = await self._store.dead_letters(_dead_letter_filter(query, REPLAY_ROWS))
        missing = set(query.ids or ()) - {letter.delivery for letter in letters}
        if missing:
            raise UsageError(f"not a dead letter: {', '.join(sorted(missing))}")
        return letters

    async def _delivery(self, delivery_id: str) -> Delivery:
        found = await self._store.deliveries(DeliveryFilter(ids=(delivery_id,), limit=1))
        if not found:
            raise UsageError(f"there is no delivery `{delivery_id}`")
        return found[0]


def _dead_letter_filter(query: Query, limit: int) -> DeadLetterFilter:
    return DeadLetterFilter(
        ids=query.ids, rule=query.rule, kind=_kind(query.kind), fingerprint=query.fingerprint, limit=limit
    )


def _state(text: str) -> DeliveryState:
    try:
        return DeliveryState(text)
    except ValueError as error:
        raise UsageError(f"there is no such state; states are {', '.join(DeliveryState)}") from error


def _kind(text: str | None) -> DeadKind | None:
    if text is None:
        return None
    try:
        return DeadKind(text)
    except ValueError as error:
        raise UsageError(f"there is no such kind; kinds are {', '.join(DeadKind)}") from error


def _event_summary(row: EventRow) -> dict[str, object]:
    event = row.event
    return {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "raw_type": event.raw_type,
        "event_id": event.event_id,
        "time": rfc3339(event.time_ms) if event.time_ms is not None else None,
        "received_at": rfc3339(event.received_at_ms),
        "routed": row.routed,
        "rules": {rule: str(state) for rule, state in row.deliveries.items()},
    }


def _delivery_summary(delivery: Delivery) -> dict[str, object]:
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
        "stepped_aside": delivery.stepped_aside,
        "due_at": rfc3339(delivery.due_at_ms) if delivery.state.is_open else None,
        "reason": delivery.reason,
        "created_at": rfc3339(delivery.created_at_ms),
        "settled_at": rfc3339(delivery.settled_at_ms) if delivery.settled_at_ms is not None else None,
    }


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "number": attempt.number,
        "step": attempt.step,
        "operation": attempt.operation,
        "started_at": rfc3339(attempt.started_at_ms),
        "ended_at": rfc3339(attempt.ended_at_ms) if attempt.ended_at_ms is not None else None,
        "outcome": str(attempt.outcome) if attempt.outcome else "in flight",
        "status": attempt.status,
        "code": attempt.code,
        "message": attempt.message,
        "request": attempt.request,
        "answer": attempt.excerpt,
        "revision": attempt.revision,
    }
