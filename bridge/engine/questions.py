"""What a person may ask, as JSON: behind the admin API and the command line alike."""

import base64
from collections.abc import Mapping
from dataclasses import asdict

from bridge.clock import Clock
from bridge.engine import orphans
from bridge.engine.books import BooksReport, BooksWatch
from bridge.engine.dead_letters import as_json, body_as_json
from bridge.engine.learned import Secrets
from bridge.engine.outlook import outlook
from bridge.engine.pauses import Pauses
from bridge.engine.present import Present
from bridge.engine.query import MAX_ROWS, Query, Row, Rows, first
from bridge.engine.refusals import Refusals
from bridge.engine.shown import attempt, delivery_summary, event_fields, event_summary, moment_or_none, source_counts
from bridge.engine.visits import Visits
from bridge.errors import UsageError
from bridge.model import Delivery, DeliveryState, rfc3339
from bridge.store.protocol import Books, DeliveryFilter, EventRow, Store


class Questions:
    """Answers questions about the store and the destinations.

    Args:
        store: the durable memory.
        present: the configuration and the destinations in use.
        clock: the time.
        books: the watch over the books; its newest check is what `status` tells.
        refusals: counts of the door's that are not in the books yet.
        runs: whether this is a running daemon, so that what the destinations say of themselves counts.
    """

    def __init__(
        self,
        store: Store,
        present: Present,
        clock: Clock,
        *,
        books: BooksWatch | None = None,
        refusals: Refusals | None = None,
        runs: bool = True,
    ) -> None:
        self._store = store
        self._present = present
        self._clock = clock
        self._books = books or BooksWatch(store, clock)
        self._pauses = Pauses(store, present.outlets, clock)
        self._refusals = refusals
        self._secrets = Secrets(store, present, clock)
        self._runs = runs

    async def status(self) -> Row:
        """The books, and how each destination stands."""
        if self._refusals is not None:
            await self._refusals.save()
        books = await self._store.books()
        lonely = await self._store.count_orphans(orphans.known(self._present))
        report = await self._books.recent()
        by_hand = await self._pauses.by_hand()
        now_ms = self._clock.now_ms()
        return {
            "daemon": self._runs,
            "configuration": self._configuration(),
            "events": {
                "accepted": books.accepted,
                "routed": books.routed,
                "unrouted": books.unrouted,
                "unmatched": books.unmatched,
            },
            "rules": {rule: _counts(counts) for rule, counts in sorted(books.rules.items())},
            "accounts": [
                {"rule": rule, "destination": destination or None, **_counts(counts)}
                for (rule, destination), counts in sorted(books.destinations.items())
            ],
            "books": _books(report),
            "oldest_open_age_s": None if books.oldest_open_ms is None else (now_ms - books.oldest_open_ms) // 1000,
            "orphans": [
                {
                    "rule": rule,
                    "destination": destination,
                    "deliveries": count,
                    "why": orphans.why_orphaned(rule, destination, self._present),
                }
                for (rule, destination), count in lonely.items()
            ],
            "sources": {
                name: self._source(name, books)
                for name in sorted({*self._present.configuration.sources, *books.sources})
            },
            "astray": self._present.visitors.astray.to_json(),
            "learning": await self._secrets.standing(),
            "destinations": {
                name: outlook(outlet, by_hand.get(name)) for name, outlet in sorted(self._present.outlets.all().items())
            },
        }

    async def events(self, query: Query) -> Rows:
        """Events, newest first."""
        limit = query.bounded()
        found = await self._store.events(limit=limit + 1, source=query.source, type_=query.type)
        rows, more = first(found, limit)
        return Rows([event_summary(row) for row in rows], more=more)

    async def event(self, event_id: str) -> Row:
        """One event with its body, its fields and its deliveries.

        Raises:
            UsageError: there is none.
        """
        row = await self.event_row(event_id)
        deliveries = await self._store.deliveries(DeliveryFilter(event=event_id, limit=MAX_ROWS))
        return {
            **event_summary(row),
            "time_ms": row.event.time_ms,
            "received_at_ms": row.event.received_at_ms,
            "headers": dict(row.event.headers),
            "query": dict(row.event.query),
            "body": body_as_json(row.event.content),
            **event_fields(self._present.configuration.scope(row.event)),
            "parent": body_as_json(row.event.parent) if row.event.parent is not None else None,
            "place": None if row.event.place is None else list(row.event.place),
            "deliveries": [self._summary(delivery) for delivery in deliveries],
        }

    async def event_content(self, event_id: str) -> Row:
        """One event's bytes as they came, for those who send it again: base64, and the headers kept of its request.

        Raises:
            UsageError: there is none.
        """
        event = (await self.event_row(event_id)).event
        return {
            "source": event.source,
            "headers": dict(event.headers),
            "content": base64.b64encode(event.content).decode(),
            "parent": base64.b64encode(event.parent).decode() if event.parent is not None else None,
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

    async def deliveries(self, query: Query) -> Rows:
        """Deliveries, newest first."""
        where = query.delivery_filter(orphans.known(self._present))
        rows, more = first(await self._store.deliveries(where), query.limit)
        return Rows([self._summary(delivery) for delivery in rows], more=more)

    async def delivery(self, delivery_id: str) -> Row:
        """One delivery with its steps and all its attempts.

        Raises:
            UsageError: there is none.
        """
        delivery = await self._delivery(delivery_id)
        attempts = await self._store.attempts(delivery_id)
        run = delivery.progress.get("run")
        return {
            **self._summary(delivery),
            "links": delivery.links,
            "steps": run.get("results", {}) if isinstance(run, Mapping) else {},
            "tries": [attempt(each) for each in attempts],
        }

    async def dead_letters(self, query: Query) -> Rows:
        """Dead letters, oldest first, as the file has them, with the delivery also as `id` like every other row."""
        limit = query.bounded()
        found = await self._store.dead_letters(query.dead_letter_filter(self._clock.now_ms(), limit=limit + 1))
        rows, more = first(found, limit)
        return Rows([{"id": letter.delivery, **as_json(letter)} for letter in rows], more=more)

    async def links(self, query: Query) -> Rows:
        """Remembered links, by name and key."""
        limit = query.bounded()
        rows, more = first(await self._store.links(name=query.name, key=query.key, limit=limit + 1), limit)
        return Rows([{"name": link.name, "key": link.key, "value": link.value} for link in rows], more=more)

    async def audit(self, query: Query) -> Rows:
        """What people decided, newest first."""
        limit = query.bounded()
        rows, more = first(await self._store.audit(limit + 1), limit)
        return Rows([{"at": rfc3339(each.at_ms), "action": each.action, **each.detail} for each in rows], more=more)

    async def secrets(self) -> Rows:
        """The sources whose senders bring their secret, each with its window and what it has learned, but no value."""
        return Rows(await self._secrets.standing())

    def _configuration(self) -> Row:
        present, refused = self._present, self._present.refused
        return {
            "path": str(present.configuration.path),
            "revision": present.configuration.revision,
            "loaded_at": moment_or_none(present.loaded_at_ms),
            "rules": len(present.configuration.rules.rules),
            "watched": present.watched,
            "refused": None
            if refused is None
            else {"at": rfc3339(refused.at_ms), "trigger": refused.trigger, "findings": list(refused.findings)},
        }

    def _source(self, name: str, books: Books) -> Row:
        """Where a source is served, if it still is, what it sent since ever, and who came since the start."""
        source = self._present.configuration.sources.get(name)
        return {
            "path": None if source is None else source.path,
            **source_counts(books.sources.get(name, {})),
            **(Visits() if source is None else self._present.visitors.of(name)).to_json(),
        }

    def _summary(self, delivery: Delivery) -> Row:
        return delivery_summary(delivery, orphans.orphaned(delivery, self._present))

    async def _delivery(self, delivery_id: str) -> Delivery:
        found = await self._store.deliveries(DeliveryFilter(ids=(delivery_id,), limit=1))
        if not found:
            raise UsageError(f"there is no delivery `{delivery_id}`")
        return found[0]


def _counts(states: Mapping[DeliveryState, int]) -> dict[str, int]:
    return {str(state): states.get(state, 0) for state in DeliveryState}


def _books(report: BooksReport) -> Row:
    return {
        "checked_at": rfc3339(report.at_ms),
        "balanced": report.balanced,
        "differences": [asdict(each) for each in report.differences],
    }
