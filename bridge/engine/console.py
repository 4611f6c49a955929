"""What a person may ask and decide, as JSON in and JSON out: behind the admin API and the command line alike.

The questions are in `questions`; here are the decisions. Each one that changed something leaves an audit entry: who,
what, how many, with what result. Keys of links are left out of it, because they are customers' phone numbers.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import structlog

from bridge.clock import Clock
from bridge.diagnostics import suggest
from bridge.engine.books import BooksWatch
from bridge.engine.captures import begin_capture
from bridge.engine.present import Present
from bridge.engine.query import MAX_ROWS, ORPHANED, Query, Row, Rows, WrongUse
from bridge.engine.questions import Questions
from bridge.engine.redelivery import LET_IN_FOR, Redeliveries
from bridge.engine.refusals import Refusals
from bridge.engine.replay import Replays
from bridge.errors import StoreUnavailable, UsageError
from bridge.model import LinkWrite, StoredEvent, rfc3339
from bridge.rules.rule import Rule
from bridge.store.protocol import Store, Wake

__all__ = ["ADMIN_API", "MAX_ROWS", "ORPHANED", "Console", "Query", "Rows", "WrongUse"]

log = structlog.get_logger(__name__)

ADMIN_API = "admin API"
CAPTURED_WAIT_MS = 10_000
CAPTURED_ROWS = 10
LONGEST_CAPTURE_S = 86_400


class Console(Questions):
    """Answers questions, and carries out a person's decisions.

    Args:
        store: the durable memory.
        present: the configuration in use, for replays with the rules as they are now.
        clock: the time.
        changed: told the destinations to wake after a decision.
        arrived: told the events that a person had taken in again; None: the next start finds them.
        books: the watch over the books that the daemon runs.
        refusals: what the daemon's door counted and the books do not have yet.
        by: who decides, for the audit.
        runs: whether this is a running daemon.
    """

    def __init__(
        self,
        store: Store,
        present: Present,
        clock: Clock,
        *,
        changed: Callable[[Wake], None],
        arrived: Callable[[StoredEvent], None] | None = None,
        books: BooksWatch | None = None,
        refusals: Refusals | None = None,
        by: str = ADMIN_API,
        runs: bool = True,
    ) -> None:
        super().__init__(store, present, clock, books=books, refusals=refusals, runs=runs)
        self._changed = changed
        self._replays = Replays(store, present, clock)
        self._redeliveries = Redeliveries(store, present, clock, arrived=arrived)
        self._by = by

    def acting_for(self, by: str) -> Self:
        """The same console in the hands of somebody else."""
        other = copy.copy(self)
        other._by = by  # noqa: SLF001 - a copy of ourselves
        return other

    # --- deliveries ------------------------------------------------------------------------------------------------

    async def retry(self, delivery_id: str) -> Row:
        """Make a waiting delivery due now.

        Raises:
            UsageError: it does not exist or does not wait.
        """
        self._changed(await self._store.retry(delivery_id, now_ms=self._clock.now_ms()))
        await self.record("deliveries.retry", {"delivery": delivery_id})
        return {"ok": True, "delivery": delivery_id}

    async def skip(self, delivery_id: str, reason: str) -> Row:
        """End a waiting or dead delivery as skipped.

        Raises:
            UsageError: it does not exist, runs, or is settled otherwise.
        """
        self._changed(await self._store.skip(delivery_id, now_ms=self._clock.now_ms(), reason=reason))
        await self.record("deliveries.skip", {"delivery": delivery_id, "reason": reason})
        return {"ok": True, "delivery": delivery_id}

    async def discard(self, query: Query, reason: str) -> Row:
        """End dead letters as skipped, all that are meant.

        Raises:
            UsageError: an id is not one of a dead letter.
        """
        discarded, refused, wake = await self._replays.discard(query, reason)
        self._changed(wake)
        if discarded or refused:
            counts = {"count": len(discarded), "refused": len(refused), "reason": reason}
            await self.record("dead_letters.discard", {**_meant(query), **counts})
        return {"ok": not refused, "discarded": discarded, "refused": refused}

    async def replay(self, query: Query, *, dry_run: bool, differences: int = 0) -> Row:
        """Start dead deliveries again with the rules as they are now, oldest first; one page of them.

        Args:
            query: which; `after` takes the `next` of the answer before.
            dry_run: only say what would happen.
            differences: how many differences between what was sent and what would be sent now to show, at most.

        Raises:
            UsageError: an id is not one of a dead letter.
        """
        page = await self._replays.page(query, dry_run=dry_run, differences=differences)
        self._changed(page.wake)
        if not dry_run and (page.replayed or page.refused):
            counts = {"count": len(page.replayed), "refused": len(page.refused)}
            await self.record("dead_letters.replay", {**_meant(query), **counts})
        return page.to_json(dry_run=dry_run)

    async def rerun(self, event_id: str, *, rule: str | None = None, force: bool = False) -> Row:
        """Start the dead deliveries of an event again; with `force` those that are done, too.

        Raises:
            UsageError: there is no such event, or no delivery of it by that rule.
        """
        result = await self._replays.rerun(event_id, rule=rule, force=force)
        self._changed(result.wake)
        if result.replayed or result.refused:
            counts = {"count": len(result.replayed), "refused": len(result.refused)}
            await self.record("events.rerun", {"event": event_id, "rule": rule, "force": force, **counts})
        return result.to_json(event_id)

    # --- events ----------------------------------------------------------------------------------------------------

    async def replay_events(self, event_ids: Sequence[str]) -> Row:
        """Take stored events in again, as new ones.

        Raises:
            WrongUse: there are no ids, or too many at once.
        """
        result = await self._redeliveries.take_again(event_ids)
        events = [each["repeats"] for each in result.replayed]
        await self.record("events.replay", {"events": events, "count": len(events), "refused": len(result.refused)})
        return result.to_json()

    async def let_through(self, event_ids: Sequence[str], within: str = LET_IN_FOR) -> Row:
        """Have the sender's next repeat of each event taken in, once, when it comes within a time from now.

        Raises:
            WrongUse: there are no ids, or too many at once, or that is no such time.
        """
        result = await self._redeliveries.let_through(event_ids, within)
        events = [each["event"] for each in result.waiting]
        counts = {"count": len(events), "refused": len(result.refused)}
        await self.record("events.let_through", {"events": events, "until": result.until, **counts})
        return result.to_json()

    # --- destinations ------------------------------------------------------------------------------------------

    async def pause(self, destination: str, reason: str) -> Row:
        """Send nothing to a destination until it is resumed, over restarts; says how it stood before.

        Raises:
            WrongUse: there is no such destination.
        """
        before = await self._pauses.pause(destination, reason)
        await self.record("pause", {"destination": destination, "reason": reason, "before": before.to_json()})
        return {"ok": True, "destination": destination, "before": before.to_json()}

    async def resume(self, destination: str) -> Row:
        """End a destination's pause, by hand or for refused credentials; says how it stood before.

        Raises:
            WrongUse: there is no such destination.
        """
        before = await self._pauses.resume(destination)
        self._changed(frozenset({destination}))
        await self.record("resume", {"destination": destination, "before": before.to_json()})
        return {"ok": True, "destination": destination, "before": before.to_json()}

    # --- captures ----------------------------------------------------------------------------------------------

    async def capture(self, source: str, *, seconds: int, count: int) -> Row:
        """Write down the raw requests that come to a source, or to `/hooks/NAME` for a name that none has.

        Raises:
            UsageError: it cannot be done.
        """
        if not self._runs:
            raise UsageError("no daemon is running, so nothing comes")
        if not 1 <= seconds <= LONGEST_CAPTURE_S:
            raise UsageError("a capture takes a second to a day")
        now_ms = self._clock.now_ms()
        begun = begin_capture(
            self._present.configuration,
            source,
            now_ms=now_ms,
            until_ms=now_ms + 1000 * seconds,
            count=count,
            space=self._present.captures.space,
        )
        self._present.captures.add(begun, now_ms)
        await self.record("capture", {"source": source, "seconds": seconds, "count": count})
        return {"ok": True, **begun.to_json()}

    async def captured(self, source: str, *, after: int) -> Row:
        """The requests captured after so many, proofs masked; waits some seconds for one.

        Raises:
            UsageError: nothing is captured of this source.
        """
        found = self._present.captures.of(source)
        return await found.after(after, self._clock, within_ms=CAPTURED_WAIT_MS, rows=CAPTURED_ROWS)

    async def end_capture(self, source: str) -> Row:
        """End a capture.

        Raises:
            UsageError: nothing is captured of this source.
        """
        found = self._present.captures.of(source)
        found.end("it was ended by hand")
        self._present.captures.sweep(self._clock.now_ms())
        await self.record("capture.end", {"source": source, "requests": len(found.written)})
        return {"ok": True, **found.to_json()}

    # --- secrets that senders bring ----------------------------------------------------------------------------------

    async def open_window(self, source: str, length: str) -> Row:
        """Let a source learn one secret from its sender, for a time such as `10m`.

        Raises:
            WrongUse: it is no source that learns one, or no such time.
            UsageError: it has as many as it may.
        """
        closes_at = rfc3339(await self._secrets.open_window(source, length))
        await self.record("windows.open", {"source": source, "closes_at": closes_at})
        return {"ok": True, "source": source, "closes_at": closes_at}

    async def close_window(self, source: str) -> Row:
        """Close a source's window.

        Raises:
            WrongUse: it is no source that learns a secret.
        """
        was_open = await self._secrets.close_window(source)
        await self.record("windows.close", {"source": source, "was_open": was_open})
        return {"ok": True, "source": source, "was_open": was_open}

    async def show_secret(self, source: str) -> Row:
        """The newest secret that a source has learned; each is shown once.

        Raises:
            UsageError: there is none, or it was shown.
        """
        secret = await self._secrets.show(source)
        await self.record("secrets.show", {"source": source, "number": secret.number})
        return {"ok": True, "source": source, "number": secret.number, "secret": secret.value}

    async def retire_secrets(self, source: str, numbers: Sequence[int] | None = None) -> Row:
        """Forget secrets that a source has learned: those of these numbers, or all but the newest.

        Raises:
            UsageError: it has learned none of such a number.
        """
        retired = await self._secrets.retire(source, numbers)
        if retired:
            await self.record("secrets.retire", {"source": source, "numbers": retired})
        return {"ok": True, "source": source, "retired": retired}

    # --- links -----------------------------------------------------------------------------------------------------

    async def set_link(self, name: str, key: str, value: str | int) -> Row:
        """Remember a record's id, or another one, under a key.

        Raises:
            WrongUse: no rule recalls or remembers a link of that name.
        """
        known = {link for rule in self._present.configuration.rules.rules for link in _links(rule)}
        if name not in known:
            near = suggest(name, known)
            raise WrongUse(
                "no rule recalls or remembers a link of that name" + (f"; did you mean `{near}`?" if near else "")
            )
        return await self._write_link("links.set", LinkWrite(name, key, value))

    async def forget_link(self, name: str, key: str) -> Row:
        """Forget what is remembered under a key, so that the next event looks or creates anew."""
        return await self._write_link("links.forget", LinkWrite(name, key, None))

    async def _write_link(self, action: str, link: LinkWrite) -> Row:
        found = await self._store.links(name=link.name, key=link.key, limit=1)
        before = found[0].value if found else None
        await self._store.write_links([link], now_ms=self._clock.now_ms())
        await self.record(action, {"name": link.name, "existed": before is not None})
        return {"ok": True, "before": before}

    # --- the audit -------------------------------------------------------------------------------------------------

    async def record(self, action: str, detail: Mapping[str, object]) -> None:
        """Write down that a person decided something. What was decided has happened already, whether this works or not.

        Args:
            action: what, e.g. `dead_letters.replay`.
            detail: JSON: what it was about, how many, with what result; no customer's text.
        """
        given = {name: value for name, value in detail.items() if value is not None}
        try:
            await self._store.write_audit(action, {"by": self._by, **given}, now_ms=self._clock.now_ms())
        except StoreUnavailable:
            log.error("audit.not_written", action=action, by=self._by, help="the decision itself is carried out")  # noqa: TRY400 - a traceback says no more


def _meant(query: Query) -> dict[str, object]:
    """The filters of a decision, for the audit."""
    names = ("rule", "kind", "fingerprint", "since", "until")
    meant = {name: getattr(query, name) for name in names}
    return {**meant, "ids": list(query.ids) if query.ids else None}


def _links(rule: Rule) -> set[str]:
    return {*rule.recall, *(name for step in rule.steps for name in step.remember)}
