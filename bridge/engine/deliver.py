"""Delivery: one leased delivery is carried through its rule's steps, as far as it goes now.

Before a request leaves, the store knows of it; after an answer, the store knows that too before the next request
leaves. So a crash at any instant loses no attempt, and what may have been sent is looked for or repeated
with the same key, never forgotten. Waiting for a limit, an open breaker or a pause is no attempt.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bridge.clock import Clock
from bridge.connectors.answer import Answer
from bridge.connectors.verdict import Verdict
from bridge.engine import orphans
from bridge.engine.faults import place_of, poison
from bridge.engine.hand import Hand
from bridge.engine.present import Present
from bridge.engine.record import Record
from bridge.engine.waits import Patience, is_outage, steps_aside, token_wait_ms
from bridge.errors import LeaseLost, StoreError
from bridge.model import AttemptEnd, AttemptStart, Claim, DeadKind, Death, DeliveryState, Outcome
from bridge.outbound.breaker import BreakerState
from bridge.outbound.budgets import EVERYTHING
from bridge.outbound.credentials import TokenRefused
from bridge.outbound.flight import Place
from bridge.outbound.gate import PauseReason
from bridge.outbound.outlet import Outlet
from bridge.outbound.passenger import Accepted, NotNow, Passenger
from bridge.rules.rule import Mode, Rule
from bridge.rules.run import Died, Finished, GoOn, NotYet, Run, Send, Wait
from bridge.rules.shadow import shadow
from bridge.store.protocol import Store, Wake

log = structlog.get_logger(__name__)

AT_ONCE = 3
"""Turns of the loop in which who may leave at once has got a place."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """How far a delivery got: destinations to wake, and whether it died."""

    wake: Wake = frozenset()
    died: bool = False


class Deliverer:
    """Carries out claims. Safe to use for many at once.

    Args:
        store: the durable memory.
        present: the configuration and outlets in use.
        clock: the time.
        hand: marks the delivery that our own code works on.
        spent: told whenever a request was made, because that changes what a restart must know.
    """

    def __init__(self, store: Store, present: Present, clock: Clock, *, hand: Hand, spent: Callable[[], None]) -> None:
        self.store = store
        self.present = present
        self.clock = clock
        self.hand = hand
        self.spent = spent
        self.stopping = False
        """Once true, a delivery goes no further than the end of the request that is under way."""

    async def deliver(self, claim: Claim) -> Delivered:
        """Run a claim's steps until the delivery ends or has to wait; everything learnt is in the store then.

        Raises:
            StoreError: it could not be written; the lease ends by itself.
        """
        carrying = _Carrying(self, claim)
        try:
            return await self._carry(carrying, claim)
        except LeaseLost:
            log.warning("delivery.lease_lost", id=claim.delivery.id)
            return Delivered()
        except asyncio.CancelledError:
            await carrying.release()
            raise

    @staticmethod
    async def _carry(carrying: "_Carrying", claim: Claim) -> Delivered:
        try:
            return await carrying.carry()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours over one event must not stand in the way of others
            log.error(  # noqa: TRY400 - a traceback may quote customer text
                "delivery.fault",
                id=claim.delivery.id,
                rule=claim.delivery.rule,
                problem=type(error).__name__,
                place=place_of(error),
            )
            return await carrying.give_up(error)


class _Carrying:
    """One delivery in hand: the interpreter, the outlets, the record."""

    def __init__(self, owner: Deliverer, claim: Claim) -> None:
        self._owner = owner
        self._clock = owner.clock
        self._claim = claim
        self._delivery = claim.delivery
        self._configuration = owner.present.configuration
        self._outlets = owner.present.outlets
        self._record = Record(owner.store, owner.clock, claim)
        self._in_hand = owner.hand.holding(claim.delivery.seq)
        self._refreshed = False

    async def carry(self) -> Delivered:
        """Go on from what the store knows, as far as it goes now."""
        with self._in_hand:
            self._record.read()
        behind = self._behind()
        if behind is not None:
            return Delivered(await self._record.settle(DeliveryState.SUPERSEDED, reason=behind))
        rule = self._configuration.rules.by_name(self._delivery.rule)
        if rule is None:
            return await self._orphan(orphans.queue_of_rule(self._delivery.rule), self._delivery.destination)
        self._record.adopted()
        with self._in_hand:
            run = self._run(rule)
        if rule.mode is Mode.SHADOW and run.state.is_fresh:  # what was begun in earnest is finished in earnest
            return await self._rehearse(run)
        while True:
            with self._in_hand:
                action = run.next(self._clock.now_ms())
            match action:
                case Finished():
                    return Delivered(await self._record.settle(DeliveryState.DONE))
                case Died(death):
                    return await self._die(death)
                case Send():
                    ended = await self._step(run, action)
                    if ended is not None:
                        return ended

    def _behind(self) -> str | None:
        """Why the delivery must not be applied any more, if so: something further or newer was."""
        forward, mark = self._delivery.forward, self._claim.high_water
        # a person who replays what is done wants it again, also where nothing has gone further since
        is_level = 1 if self._delivery.replay else 0
        if forward is not None and mark is not None and forward.rank + is_level <= mark:
            return "a later status is recorded already"
        newer, newest_ms = self._delivery.newer, self._claim.newest_ms
        if newer is not None and newest_ms is not None and newer.time_ms < newest_ms:
            return "a newer event about the same record was applied already"
        return None

    def _run(self, rule: Rule) -> Run:
        return Run(
            rule,
            self._configuration.scope(self._claim.event),
            links=self._delivery.links or {},
            recall=self._delivery.recall,
            state=self._record.state,
            settings=self._outlets.settings,
            event_id=self._delivery.event_id,
            generation=self._delivery.generation,
        )

    # --- one request -------------------------------------------------------------------------------------------

    async def _step(self, run: Run, send: Send) -> Delivered | None:
        """Send one request and take in its answer; None to go on with the next."""
        outlet = self._outlets.get(send.step.destination)
        if outlet is None:
            return await self._orphan(orphans.queue_of_destination(send.step.destination), send.step.destination)
        if self._owner.stopping or outlet.destination.name != self._delivery.destination:
            # whoever claims for that destination takes it up: here it would take the place of those who go nowhere else
            return await self._postpone(outlet)
        with outlet.in_use():
            return await self._step_at(outlet, run, send)

    async def _step_at(self, outlet: Outlet, run: Run, send: Send) -> Delivered | None:
        try:
            if outlet.held_until_ms is None:
                await outlet.credentials.headers()  # without any there is nothing to wait for in the departures
            place = await self._board(outlet, self._passenger(outlet, send))
        except NotNow as wait:
            return await self._not_now(outlet, wait)
        except TokenRefused as refused:
            return await self._token_refused(outlet, refused)
        with place:
            return await self._travel(outlet, run, send, place)

    async def _board(self, outlet: Outlet, passenger: Passenger) -> Place:
        """Get a place; what the step before has learnt is written first if that takes a while."""
        if not self._record.has_news:
            return await outlet.departures.join(passenger)
        boarding = asyncio.create_task(outlet.departures.join(passenger))
        try:
            for _ in range(AT_ONCE):
                await asyncio.sleep(0)
            if not boarding.done():
                await self._record.save()
            return await boarding
        except BaseException:
            boarding.add_done_callback(_give_back)
            boarding.cancel()
            raise

    async def _travel(self, outlet: Outlet, run: Run, send: Send, place: Place) -> Delivered | None:
        await self._begin(run, send, outlet, batched=place.batched)
        self._owner.spent()
        try:
            reply = await place.go()
            self._owner.spent()  # the answer may have told of limits, or begun an outage
        except (NotNow, TokenRefused) as why:
            run.stayed()
            self._learn(Outcome.RETRY_LATER, None, "not_sent", "nothing was sent, or surely nothing was done")
            if isinstance(why, TokenRefused):
                return await self._token_refused(outlet, why)
            return await self._not_now(outlet, why)
        if isinstance(reply, Accepted):
            self._learn(Outcome.SUCCEEDED, None, "accepted", "the API has taken the call on and works on it")
            return await self._ask_again(outlet, run.accepted(reply.handle))
        return await self._take(outlet, run, send, place, reply)

    async def _take(self, outlet: Outlet, run: Run, send: Send, place: Place, reply: Answer) -> Delivered | None:
        with self._in_hand:
            reaction = run.take(reply, self._clock.now_ms())
        match reaction:
            case NotYet():
                self._learn(Outcome.RETRY_LATER, reply, "not_done_yet", "the API still works on the call")
                return await self._ask_again(outlet, reaction)
            case GoOn(verdict, links):
                self._judged(verdict, reply)
                self._record.remember(links)
                return None
            case Died(death, verdict):
                if verdict is not None:
                    self._judged(verdict, reply)
                return await self._die(death)
            case Wait(verdict):
                self._judged(verdict, reply)
                return await self._wait(run, send, outlet, place, reply, verdict)

    def _passenger(self, outlet: Outlet, send: Send) -> Passenger:
        return Passenger(
            operation=send.operation,
            call=send.call,
            request=send.request,
            delivery=self._delivery.id,
            replay=self._delivery.replay,
            batchable=send.batch is not None and outlet.destination.batch_on(send.operation.name),
            timeout_ms=send.step.timeout_ms,
        )

    async def _begin(self, run: Run, send: Send, outlet: Outlet, *, batched: bool) -> None:
        self._record.tries += 1
        run.sending(batched=batched)
        start = AttemptStart(
            number=self._record.tries,
            step=send.step.id,
            operation=send.label,
            started_at_ms=self._clock.now_ms(),
            request=send.request.shown(outlet.destination.credential_header),
            revision=run.rule.revision,
        )
        await self._record.begin(start, timeout_ms=send.step.timeout_ms or outlet.destination.timeout_ms)

    async def _ask_again(self, outlet: Outlet, later: NotYet) -> Delivered:
        """The API will do it later: the handle to ask by is in the store before anybody asks."""
        return await self._postpone(outlet, due_at_ms=self._clock.now_ms() + later.wait_ms)

    def _judged(self, verdict: Verdict, answer: Answer) -> None:
        self._learn(verdict.outcome, answer, verdict.code, verdict.message)

    def _learn(self, outcome: Outcome, answer: Answer | None, code: str, message: str) -> None:
        end = AttemptEnd(
            number=self._record.tries,
            ended_at_ms=self._clock.now_ms(),
            outcome=outcome,
            status=answer.status if answer is not None else None,
            code=code,
            message=message,
            excerpt=answer.excerpt() if answer is not None else "",
        )
        self._record.learn(end)

    # --- waiting -----------------------------------------------------------------------------------------------

    async def _wait(
        self, run: Run, send: Send, outlet: Outlet, place: Place, answer: Answer, verdict: Verdict
    ) -> Delivered | None:
        held_until_ms = place.report(verdict, answer)
        if held_until_ms is not None:
            held_ms = held_until_ms - self._clock.now_ms()
            log.warning("destination.held", destination=outlet.destination.name, ms=held_ms, code=verdict.code)
        match verdict.outcome:
            case Outcome.UNAUTHORIZED:
                return await self._unauthorized(outlet, verdict, place.version)
            case Outcome.RATE_LIMITED:
                return await self._postpone(outlet, due_at_ms=held_until_ms)
            case _:
                return await self._failed(run, send, outlet, answer, verdict)

    async def _failed(self, run: Run, send: Send, outlet: Outlet, answer: Answer, verdict: Verdict) -> Delivered | None:
        now_ms = self._clock.now_ms()
        patience = Patience.of(
            self._delivery, run.rule, outlet.destination, now_ms=now_ms, orphaned_ms=self._record.orphaned_ms
        )
        if not patience.is_over and is_outage(verdict) and outlet.breaker.state is not BreakerState.CLOSED:
            # the API is down for everybody: to wait until it is back is no attempt of this delivery
            return await self._postpone(outlet, due_at_ms=outlet.breaker.retry_at_ms)
        if patience.is_over:
            if verdict.outcome in send.step.catch:
                run.catch(send.step, verdict)
                return None
            return await self._die(run.death(send, verdict, answer, DeadKind.EXPIRED))
        own_ms = patience.wait_ms()
        wait_ms = max(own_ms, verdict.wait_ms or 0, verdict.retry_after_ms or 0)
        # only waits after its own failures add up: a limit, a pause or the API's `Retry-After` holds everybody anyway
        self._record.held_ms += own_ms
        aside = steps_aside(self._delivery, self._record.held_ms)
        return await self._postpone(outlet, due_at_ms=now_ms + wait_ms, failed=True, step_aside=aside)

    async def _unauthorized(self, outlet: Outlet, verdict: Verdict, version: int) -> Delivered | None:
        if outlet.credentials.can_refresh and not self._refreshed:
            self._refreshed = True
            try:
                await outlet.credentials.refresh(version)
            except TokenRefused as refused:
                return await self._token_refused(outlet, refused)
            return None
        return await self._pause(outlet, verdict.code)

    async def _not_now(self, outlet: Outlet, wait: NotNow) -> Delivered:
        """Wait in the store. In a queue it is due at once: the limit that opens the queue says when it is claimed."""
        return await self._postpone(outlet, due_at_ms=None if wait.queue else wait.until_ms, queue=wait.queue)

    async def _token_refused(self, outlet: Outlet, refused: TokenRefused) -> Delivered:
        if refused.outcome is Outcome.UNAUTHORIZED:
            return await self._pause(outlet, refused.code)
        wait_ms = token_wait_ms(outlet.destination, refused)
        log.warning("destination.no_token", destination=outlet.destination.name, ms=wait_ms, code=refused.code)
        until_ms = self._clock.now_ms() + wait_ms
        outlet.budgets.hold(*EVERYTHING, until_ms)
        return await self._postpone(outlet, due_at_ms=until_ms)

    async def _pause(self, outlet: Outlet, code: str) -> Delivered:
        if outlet.gate.pause is None:
            log.error(
                "destination.paused",
                destination=outlet.destination.name,
                code=code,
                help="the API refuses our credentials; its deliveries wait. Correct them, then reload (SIGHUP)",
            )
        outlet.gate.close(PauseReason.UNAUTHORIZED, code)
        return await self._postpone(outlet)

    async def _postpone(
        self,
        outlet: Outlet,
        *,
        due_at_ms: int | None = None,
        failed: bool = False,
        step_aside: bool = False,
        queue: str = "",
    ) -> Delivered:
        """Give the lease back; without a time it is due again as soon as the destination takes anything."""
        due_ms = max(self._clock.now_ms(), due_at_ms or 0)
        wake = await self._record.postpone(
            outlet.destination.name, due_at_ms=due_ms, failed=failed, step_aside=step_aside, queue=queue
        )
        return Delivered(wake)

    async def _orphan(self, queue: str, destination: str) -> Delivered:
        """Wait, out of the way, until what is missing is configured again: this is no attempt and no failure."""
        self._record.orphaned()
        log.info("delivery.orphaned", id=self._delivery.id, rule=self._delivery.rule, destination=destination)
        now_ms = self._clock.now_ms()
        wake = await self._record.postpone(destination, due_at_ms=now_ms, step_aside=True, queue=queue)
        present = self._owner.present
        if present.configuration is self._configuration:
            return Delivered(wake)
        # a reload came in between: it may have brought back what was missing before we stood in that queue
        _, again = await orphans.rejoin(self._owner.store, present, self._clock)
        return Delivered(wake | again)

    async def release(self) -> None:
        """Give the lease back in the middle of it."""
        await self._record.release(self._destination())

    def _destination(self) -> str:
        """Where the step in hand goes."""
        rule = self._configuration.rules.by_name(self._delivery.rule)
        steps = rule.steps if rule is not None else ()
        step_id = self._record.state.step
        return next((step.destination for step in steps if step.id == step_id), self._delivery.destination)

    # --- ends ------------------------------------------------------------------------------------------------

    async def _rehearse(self, run: Run) -> Delivered:
        """`mode: shadow`: everything is rendered and recorded as it would be sent, and nothing is."""
        headers = {name: outlet.destination.credential_header for name, outlet in self._outlets.all().items()}
        with self._in_hand:
            shown = shadow(run, credential_headers=headers, now_ms=self._clock.now_ms())
        for each in shown.requests:
            self._record.tries += 1
            now_ms = self._clock.now_ms()
            start = AttemptStart(self._record.tries, each.step, each.label, now_ms, each.request, run.rule.revision)
            await self._record.begin(start)
            self._learn(Outcome.SUCCEEDED, None, "shadow", "rendered only: nothing was sent")
        if shown.death is not None:
            return await self._die(shown.death)
        return Delivered(await self._record.settle(DeliveryState.DONE, reason="shadow: nothing was sent"))

    async def _die(self, death: Death) -> Delivered:
        return Delivered(await self._record.die(death), died=True)

    async def give_up(self, error: Exception) -> Delivered:
        """End a delivery that makes our own code fail.

        The run's state may be what cannot be written, so the store keeps the one it has.
        """
        death = poison(error, self._delivery.rule, step=self._record.state.step)
        return Delivered(await self._record.die(death, keep_state=True), died=True)


def _give_back(boarding: "asyncio.Task[Place]") -> None:
    """A place that came too late must not be waited for by those who travel with it."""
    if not boarding.cancelled() and boarding.exception() is None:
        boarding.result().leave()
