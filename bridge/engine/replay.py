"""Replay: dead deliveries start again with the rules as they are now, and what that would send is shown before.

Many are replayed page by page: a page is read, started in one commit, and its cursor given back, so that neither
side ever holds more than one page of a hundred thousand.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bridge.clock import Clock
from bridge.engine.difference import Difference, difference
from bridge.engine.present import Present
from bridge.engine.query import Query, Row, WrongUse
from bridge.errors import UsageError
from bridge.model import DeadKind, DeadLetter, Delivery, DeliveryState, NewDelivery, StoredEvent
from bridge.rules.plan import plan
from bridge.rules.rule import Rule
from bridge.rules.run import Run, RunState
from bridge.store.protocol import DeliveryFilter, Store, Wake

PAGE = 500
DIFFERENCES_PAGE = 50
"""Smaller while differences are wanted: each may hold two whole requests."""
MAX_DELIVERIES = 10_000
"""More than any event has rules."""


@dataclass(slots=True)
class Page:
    """What became of one page. `next` is the cursor of the page after it, None at the end."""

    replayed: list[str] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(rule, kind) -> how many of `replayed`."""
    differences: list[Difference] = field(default_factory=list)
    total: int | None = None
    """How many are meant in all; only on the first page."""
    next: str | None = None
    wake: Wake = frozenset()

    def to_json(self, *, dry_run: bool) -> Row:
        """The answer of the API."""
        return {
            "ok": not self.refused,
            "dry_run": dry_run,
            "replayed": self.replayed,
            "refused": self.refused,
            "counts": [
                {"rule": rule, "kind": kind, "count": count} for (rule, kind), count in sorted(self.counts.items())
            ],
            "differences": [each.to_json() for each in self.differences],
            "total": self.total,
            "next": self.next,
        }


@dataclass(slots=True)
class Rerun:
    """What became of an event's deliveries. `left` are those that were neither dead nor, with force, done."""

    replayed: list[str] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    left: list[Row] = field(default_factory=list)
    wake: Wake = frozenset()

    def to_json(self, event_id: str) -> Row:
        """The answer of the API."""
        return {
            "ok": not self.refused,
            "event": event_id,
            "replayed": self.replayed,
            "refused": self.refused,
            "left": self.left,
        }


@dataclass(frozen=True, slots=True)
class _Again:
    """One delivery that can start again."""

    delivery: Delivery
    event: StoredEvent
    rule: Rule
    plan: NewDelivery


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where a replay of many stands. `until_ms` is when it began: what dies again meanwhile is not replayed again."""

    at_ms: int
    delivery: str
    until_ms: int

    def __str__(self) -> str:
        return f"{self.at_ms}_{self.until_ms}_{self.delivery}"

    @classmethod
    def parse(cls, text: str) -> "_Cursor":
        at_ms, _, rest = text.partition("_")
        until_ms, _, delivery = rest.partition("_")
        if not (at_ms.isdecimal() and until_ms.isdecimal() and delivery and len(text) <= 128):  # noqa: PLR2004 - as ids
            raise WrongUse("`after` is not a cursor that a page gave")
        return cls(int(at_ms), delivery, int(until_ms))


class Replays:
    """Starts deliveries again.

    Args:
        store: the durable memory.
        present: the configuration in use, for the rules as they are now.
        clock: the time.
    """

    def __init__(self, store: Store, present: Present, clock: Clock) -> None:
        self._store = store
        self._present = present
        self._clock = clock

    # --- dead letters ------------------------------------------------------------------------------------------

    async def page(self, query: Query, *, dry_run: bool, differences: int = 0) -> Page:
        """One page of the dead letters that are meant, oldest first.

        One that cannot be replayed is named in `refused` and does not stop the others.

        Args:
            query: which; `after` is the cursor of the page before, `limit` does not count.
            dry_run: change nothing, only say what would happen.
            differences: how many differences to show, at most, between what was sent and what would be sent now.

        Raises:
            UsageError: an id is not one of a dead letter, or a filter makes no sense.
        """
        letters, page = await self._letters(query, DIFFERENCES_PAGE if differences else PAGE)
        deliveries = await self._deliveries([letter.delivery for letter in letters])
        chosen: list[tuple[DeadLetter, _Again]] = []
        for letter in letters:
            try:
                chosen.append((letter, self._again(letter, deliveries)))
            except UsageError as error:
                page.refused.append(_refusal(letter.delivery, error))
        started = [again.delivery.id for _, again in chosen]
        if not dry_run:
            started, refused, page.wake = await self._start([again for _, again in chosen], force=False)
            page.refused += refused
        page.replayed = started
        page.counts.update((letter.rule, str(letter.death.kind)) for letter, _ in chosen if letter.delivery in started)
        page.differences = [await self._difference(letter, again) for letter, again in chosen[:differences]]
        return page

    async def _letters(self, query: Query, size: int) -> tuple[Sequence[DeadLetter], Page]:
        cursor = _Cursor.parse(query.after) if query.after is not None else None
        where = query.dead_letter_filter(self._clock.now_ms(), limit=size + 1)
        began_ms = self._clock.now_ms() + 1
        until_ms = cursor.until_ms if cursor else min(where.until_ms or began_ms, began_ms)
        after = (cursor.at_ms, cursor.delivery) if cursor else None
        where = replace(where, until_ms=until_ms, after=after)
        letters = await self._store.dead_letters(where)
        if query.ids is not None:
            _check_all_there(query.ids, letters)
            return letters, Page(total=len(letters))
        page = Page(total=await self._store.count_dead_letters(where) if cursor is None else None)
        if len(letters) > size:
            letters = letters[:size]
            page.next = str(_Cursor(letters[-1].at_ms, letters[-1].delivery, until_ms))
        return letters, page

    async def _deliveries(self, ids: Sequence[str]) -> dict[str, Delivery]:
        if not ids:
            return {}
        found = await self._store.deliveries(DeliveryFilter(ids=ids, limit=len(ids)))
        return {delivery.id: delivery for delivery in found}

    def _again(self, letter: DeadLetter, deliveries: Mapping[str, Delivery]) -> _Again:
        delivery = deliveries.get(letter.delivery)
        if delivery is None:  # discarded or pruned between two reads
            raise UsageError("it is gone")
        if letter.death.kind is DeadKind.CORRUPT:
            raise UsageError("its stored bytes are damaged; restore a backup, or discard it")
        return self._planned(delivery, letter.event)

    async def discard(self, query: Query, reason: str) -> tuple[list[str], list[Row], Wake]:
        """End the dead letters that are meant as skipped, page by page; those that cannot be are named.

        Raises:
            UsageError: an id is not one of a dead letter.
        """
        now_ms = self._clock.now_ms()
        where = query.dead_letter_filter(now_ms, limit=PAGE)
        where = replace(where, until_ms=min(where.until_ms or now_ms + 1, now_ms + 1))
        letters = await self._store.dead_letters(where)
        _check_all_there(query.ids or (), letters)
        discarded, refusals, wake = list[str](), list[Row](), Wake()
        while letters:
            done, refused, woken = await _together(
                [(each.delivery, self._store.skip(each.delivery, now_ms=now_ms, reason=reason)) for each in letters]
            )
            discarded += done
            refusals += refused
            wake |= woken
            where = replace(where, after=(letters[-1].at_ms, letters[-1].delivery))
            letters = [] if query.ids is not None else await self._store.dead_letters(where)
        return discarded, refusals, wake

    # --- one event -----------------------------------------------------------------------------------------------

    async def rerun(self, event_id: str, *, rule: str | None, force: bool) -> Rerun:
        """Start the dead deliveries of an event again; with `force` also those that are done, from their first step.

        Raises:
            UsageError: there is no such event, or no delivery of it by that rule.
        """
        row = await self._store.event(event_id)
        if row is None:
            raise UsageError(f"there is no event `{event_id}`")
        found = await self._store.deliveries(DeliveryFilter(event=event_id, limit=MAX_DELIVERIES))
        if rule is not None:
            found = [delivery for delivery in found if delivery.rule == rule]
        if rule is not None and not found:
            names = ", ".join(f"`{name}`" for name in sorted(row.deliveries)) or "none"
            raise UsageError(f"no rule of that name has a delivery of this event; those that have: {names}")
        result, chosen = Rerun(), []
        wanted = {DeliveryState.DEAD, DeliveryState.DONE} if force else {DeliveryState.DEAD}
        for delivery in reversed(found):
            if delivery.state not in wanted:
                result.left.append({"delivery": delivery.id, "rule": delivery.rule, "state": str(delivery.state)})
                continue
            try:
                chosen.append(self._repeated(delivery, row.event))
            except UsageError as error:
                result.refused.append(_refusal(delivery.id, error))
        result.replayed, refused, result.wake = await self._start(chosen, force=force)
        result.refused += refused
        return result

    def _repeated(self, delivery: Delivery, event: StoredEvent) -> _Again:
        again = self._planned(delivery, event)
        if delivery.state is not DeliveryState.DONE:
            return again
        if again.plan.state is not DeliveryState.PENDING:
            # It was sent; ending it as skipped would say that it was not.
            raise UsageError(f"nothing would be sent now: {again.plan.reason}")
        # Its own success set the marks that only what is newer may pass; a person wants it all the same.
        return replace(again, plan=replace(again.plan, forward=None, newer=None, coalesce=None))

    # --- both ------------------------------------------------------------------------------------------------------

    def _planned(self, delivery: Delivery, event: StoredEvent) -> _Again:
        """What the present rules make of it.

        Raises:
            UsageError: it would be dead again at once.
        """
        configuration = self._present.configuration
        matching = configuration.rules.rules_for(event.source, event.type)
        rule = next((rule for rule in matching if rule.name == delivery.rule), None)
        if rule is None:
            raise UsageError(f"the rule `{delivery.rule}` is not configured, or does not match the event any more")
        planned = plan(rule, configuration.scope(event))
        if planned.death is not None:
            raise UsageError(planned.death.message)
        return _Again(delivery, event, rule, planned)

    async def _start(self, chosen: Sequence[_Again], *, force: bool) -> tuple[list[str], list[Row], Wake]:
        """Start all of them, asked for in one turn of the loop so that they share a commit, in their order."""
        now_ms = self._clock.now_ms()
        return await _together(
            [
                (
                    again.delivery.id,
                    self._store.replay(
                        again.delivery.id, again.plan, self._progress(again), now_ms=now_ms, force=force
                    ),
                )
                for again in chosen
            ]
        )

    def _progress(self, again: _Again) -> dict[str, object]:
        state = RunState() if again.delivery.state is DeliveryState.DONE else self._state_after(again)
        return {**again.delivery.progress, "run": state.to_json(), "held_ms": 0}

    def _state_after(self, again: _Again) -> RunState:
        """What the replay starts from: done steps stay done."""
        stored = again.delivery.progress.get("run")
        before = RunState.from_json(stored if isinstance(stored, dict) else {})
        run = self._run(again, before, links={}, recall={})
        step = next((step for step in again.rule.steps if step.id == before.step), None)
        return before.for_replay(again.rule, run.key(step) if step is not None else None)

    def _run(self, again: _Again, state: RunState, *, links: Mapping[str, object], recall: Mapping[str, str]) -> Run:
        return Run(
            again.rule,
            self._present.configuration.scope(again.event),
            links=links,
            recall=recall,
            state=state,
            settings=self._present.outlets.settings,
            event_id=again.event.id,
            # That of the dead one: the replay's own key is new, which would be a difference in every request.
            generation=again.delivery.generation,
        )

    async def _difference(self, letter: DeadLetter, again: _Again) -> Difference:
        links: dict[str, object] = {}
        for name, key in again.plan.recall.items():
            for link in await self._store.links(name=name, key=key, limit=1):
                links[name] = link.value
        state = self._state_after(again)
        state.leave()  # a call in doubt is looked for first; here it is shown what is sent when it is not found
        run = self._run(again, state, links=links, recall=again.plan.recall)
        return difference(letter, again.delivery, run, now_ms=self._clock.now_ms())


async def _together(decisions: Sequence[tuple[str, Awaitable[Wake]]]) -> tuple[list[str], list[Row], Wake]:
    """Carry out many decisions of the store: which deliveries they were carried out for, refusals, whom to wake.

    Raises:
        StoreError: the first that was no refusal, after all of them have ended.
    """
    results = await asyncio.gather(*(decision for _, decision in decisions), return_exceptions=True)
    done: list[str] = []
    refused: list[Row] = []
    wake: Wake = frozenset()
    for (delivery, _), result in zip(decisions, results, strict=True):
        if isinstance(result, UsageError):
            refused.append(_refusal(delivery, result))
        elif isinstance(result, BaseException):
            raise result
        else:
            done.append(delivery)
            wake |= result
    return done, refused, wake


def _refusal(delivery: str, error: UsageError) -> Row:
    return {"delivery": delivery, "message": str(error)}


def _check_all_there(ids: Sequence[str], letters: Sequence[DeadLetter]) -> None:
    missing = set(ids) - {letter.delivery for letter in letters}
    if missing:
        raise UsageError(f"not a dead letter: {', '.join(sorted(missing))}")
