"""One delivery in virtual time: the real step interpreter, answered by a script. See `bridge.engine.deliver`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.connectors.answer import Answer
from bridge.connectors.destination import Destination
from bridge.connectors.verdict import Verdict
from bridge.model import DeadKind, DeliveryState, Order, Outcome
from bridge.rules.rule import Rule
from bridge.rules.run import Died, Finished, GoOn, NotYet, Run, Send, Wait
from bridge.rules.testing.ledger import Entry, Ledger
from bridge.rules.testing.patience import failure_wait_ms, is_over, limit_wait_ms, own_wait_ms

LATER_STATUS = "a later status is recorded already"
NEWER_EVENT = "a newer event about the same record was applied already"


class Script(Protocol):
    """Who answers the requests of a test."""

    def answer(self, rule: Rule, send: Send) -> Answer | None:
        """The answer to one request; None when the test cannot go on from here."""
        ...

    def waits(self, wait_ms: int) -> None:
        """The delivery waits after the answer given last."""
        ...


@dataclass(slots=True)
class Carrier:
    """Carries deliveries out, as far as they go at a time.

    Args:
        ledger: what is decided about deliveries.
        destinations: by name.
        script: gives the answers.
    """

    ledger: Ledger
    destinations: Mapping[str, Destination]
    script: Script
    paused: set[str] = field(default_factory=set)
    _refreshed: set[str] = field(default_factory=set)

    def carry(self, entry: Entry, rule: Rule, now_ms: int) -> None:
        """Go on with a delivery until it ends or waits."""
        behind = self._behind(entry)
        if behind is not None:
            self.ledger.settle(entry, DeliveryState.SUPERSEDED, reason=behind)
            return
        entry.begun = True
        run = self._run(entry, rule)
        while True:
            action = run.next(now_ms)
            match action:
                case Finished():
                    self.ledger.settle(entry, DeliveryState.DONE)
                    return
                case Died(death):
                    self.ledger.settle(entry, DeliveryState.DEAD, death=death)
                    return
                case Send():
                    if not self._step(entry, run, action, now_ms):
                        return

    def _behind(self, entry: Entry) -> str | None:
        plan = entry.plan
        furthest, newest = self.ledger.high_water(plan), self.ledger.newest_ms(plan)
        if plan.forward is not None and furthest is not None and plan.forward.rank <= furthest:
            return LATER_STATUS
        if plan.newer is not None and newest is not None and plan.newer.time_ms < newest:
            return NEWER_EVENT
        return None

    def _run(self, entry: Entry, rule: Rule) -> Run:
        return Run(
            rule,
            entry.scope,
            links=entry.links or {},
            recall=entry.plan.recall,
            state=entry.run,
            settings={name: destination.settings for name, destination in self.destinations.items()},
            event_id=entry.event_id,
        )

    def _step(self, entry: Entry, run: Run, send: Send, now_ms: int) -> bool:
        """Make one request; whether the delivery goes on."""
        name = send.step.destination
        if name in self.paused:
            entry.paused = name
            return False
        answer = self.script.answer(run.rule, send)
        if answer is None:
            entry.paused = name  # nothing is known of what would come next
            return False
        run.sending()
        reaction = run.take(answer, now_ms)
        match reaction:
            case GoOn(_, links):
                for link in links:
                    self.ledger.remember(link.name, link.key, link.value)
                return True
            case Died(death):
                self.ledger.settle(entry, DeliveryState.DEAD, death=death)
            case Wait(verdict):
                return self._wait(entry, run, send, answer, verdict, now_ms)
            case NotYet():
                raise AssertionError("only a call that left in a batch is asked about again")
        return False

    def _wait(self, entry: Entry, run: Run, send: Send, answer: Answer, verdict: Verdict, now_ms: int) -> bool:
        destination = self.destinations[send.step.destination]
        match verdict.outcome:
            case Outcome.UNAUTHORIZED:
                return self._unauthorized(entry, destination)
            case Outcome.RATE_LIMITED:
                self._postpone(entry, now_ms, limit_wait_ms(verdict), failed=False)
                return False
        since_ms = now_ms - (now_ms if entry.first_failed_ms is None else entry.first_failed_ms)
        if is_over(run.rule, destination, since_first_ms=since_ms):
            return self._expired(entry, run, send, answer, verdict)
        entry.first_failed_ms = now_ms - since_ms
        entry.failures += 1
        own_ms = own_wait_ms(run.rule, destination, failures=entry.failures, since_first_ms=since_ms)
        entry.held_ms += own_ms
        self._postpone(entry, now_ms, failure_wait_ms(own_ms, verdict), failed=True)
        return False

    def _postpone(self, entry: Entry, now_ms: int, wait_ms: int, *, failed: bool) -> None:
        plan = entry.plan
        aside = plan.order is Order.HOLD and not entry.stepped_aside and entry.held_ms > plan.order_hold_ms
        self.ledger.postpone(entry, now_ms + wait_ms, failed=failed, aside=aside and failed)
        self.script.waits(wait_ms)

    def _expired(self, entry: Entry, run: Run, send: Send, answer: Answer, verdict: Verdict) -> bool:
        if verdict.outcome in send.step.catch:
            run.catch(send.step, verdict)
            return True
        self.ledger.settle(entry, DeliveryState.DEAD, death=run.death(send, verdict, answer, DeadKind.EXPIRED))
        return False

    def _unauthorized(self, entry: Entry, destination: Destination) -> bool:
        """A token that can be had anew is asked for once, unseen; then the destination pauses."""
        if destination.auth.mode == "oauth" and destination.name not in self._refreshed:
            self._refreshed.add(destination.name)
            return True
        self.paused.add(destination.name)
        entry.paused = destination.name
        return False
