"""Delivery: one leased delivery is carried through its rule's steps, as far as it goes now.

Before a request leaves, the store knows of it; after an answer, the store knows that too before the next request
leaves. So a crash at any instant loses no attempt, and what may have been sent is looked for or repeated
with the same key, never forgotten.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from bridge.clock import Clock
from bridge.connectors.answer import Answer
from bridge.connectors.verdict import Verdict
from bridge.engine.faults import place_of, poison
from bridge.engine.present import Present
from bridge.engine.schedule import DEFAULT_HOLD_MS, LEAST_HOLD_MS, Schedule
from bridge.errors import LeaseLost, StoreError, StoreUnavailable
from bridge.model import (
    AttemptEnd,
    AttemptStart,
    Claim,
    DeadKind,
    Death,
    DeliveryState,
    LinkWrite,
    Order,
    Outcome,
)
from bridge.outbound.credentials import TokenRefused
from bridge.outbound.gate import PauseReason
from bridge.outbound.outlet import Outlet
from bridge.rules.plan import fingerprint
from bridge.rules.run import Died, Finished, GoOn, Run, RunState, Send, Wait
from bridge.store.protocol import Progress, Store, Wake

log = structlog.get_logger(__name__)

LEASE_MS = 10 * 60_000
"""How long a lease lasts beyond the longest time that its request may take."""
STORE_WAIT_MS = 1_000
"""How long to wait before what was learnt is written again to a store that could not take it."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Delivered:
    """How far a delivery got: destinations to wake, and whether it died."""

    wake: Wake = frozenset()
    died: bool = False


class Deliverer:
    """Carries out claims. Safe to use for many at once."""

    def __init__(self, store: Store, present: Present, clock: Clock) -> None:
        self._store = store
        self._present = present
        self._clock = clock
        self.stopping = False
        """Once true, a delivery goes no further than the end of the request that is under way."""

    async def deliver(self, claim: Claim) -> Delivered:
        """Run a claim's steps until the delivery ends or has to wait; everything learnt is in the store then.

        Raises:
            StoreError: it could not be written; the lease ends by itself.
        """
        carrying = _Carrying(self, self._store, self._present, self._clock, claim)
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
    """One delivery in hand: the interpreter, and what is learnt but not yet written."""

    def __init__(self, owner: Deliverer, store: Store, present: Present, clock: Clock, claim: Claim) -> None:
        self._owner = owner
        self._store = store
        self._clock = clock
        self._claim = claim
        self._delivery = claim.delivery
        self._configuration = present.configuration
        self._outlets = present.outlets
        self._state = RunState()
        self._tries = _number(claim.delivery.progress.get("tries"))
        self._held_ms = _number(claim.delivery.progress.get("held_ms"))
        self._end: AttemptEnd | None = None
        self._links: list[LinkWrite] = []
        self._refreshed = False

    async def carry(self) -> Delivered:
        """Go on from what the store knows, as far as it goes now."""
        run_state = self._delivery.progress.get("run")
        self._state = RunState.from_json(run_state if isinstance(run_state, dict) else {})
        forward, mark = self._delivery.forward, self._claim.high_water
        if forward is not None and mark is not None and forward.rank <= mark:
            return await self._settle(DeliveryState.SUPERSEDED, reason="a later status is recorded already")
        rule = self._configuration.rules.by_name(self._delivery.rule)
        if rule is None:
            return await self._die(_config_death(f"the rule `{self._delivery.rule}` is not configured any more"))
        run = Run(
            rule,
            self._configuration.scope(self._claim.event),
            links=self._delivery.links or {},
            recall=self._delivery.recall,
            state=self._state,
            settings={name: outlet.destination.settings for name, outlet in self._outlets.all().items()},
            event_id=self._delivery.event_id,
            generation=self._delivery.generation,
        )
        while True:
            action = run.next(self._clock.now_ms())
            match action:
                case Finished():
                    return await self._settle(DeliveryState.DONE)
                case Died(death):
                    return await self._die(death)
                case Send():
                    ended = await self._step(run, action)
                    if ended is not None:
                        return ended

    async def _step(self, run: Run, send: Send) -> Delivered | None:
        """Send one request and take in its answer; None to go on with the next."""
        outlet = self._outlets.get(send.step.destination)
        if outlet is None:
            return await self._die(_config_death(f"the destination `{send.step.destination}` is not configured"))
        with outlet.in_use():
            return await self._step_at(outlet, run, send)

    async def _step_at(self, outlet: Outlet, run: Run, send: Send) -> Delivered | None:
        if self._owner.stopping:
            return await self._postpone(outlet, due_at_ms=self._clock.now_ms(), failed=False)
        if not outlet.gate.is_open:
            due = outlet.gate.held_until_ms or self._clock.now_ms()
            return await self._postpone(outlet, due_at_ms=due, failed=False)
        try:
            credentials = await outlet.credentials.headers()
        except TokenRefused as refused:
            return await self._token_refused(outlet, refused)
        version = outlet.credentials.version
        await self._begin(run, send, outlet)
        answer = await outlet.client.send(send.request, credentials)
        reaction = run.take(answer, self._clock.now_ms())
        if reaction.verdict is not None:
            self._finish_attempt(send, answer, reaction.verdict)
        match reaction:
            case GoOn(_, links):
                self._links += links
                return None
            case Died(death):
                return await self._die(death)
            case Wait(waiting):
                return await self._wait(run, send, outlet, answer, waiting, version)

    async def _begin(self, run: Run, send: Send, outlet: Outlet) -> None:
        self._tries += 1
        run.sending()
        start = AttemptStart(
            number=self._tries,
            step=send.step.id,
            operation=send.label,
            started_at_ms=self._clock.now_ms(),
            request=send.request.shown(outlet.destination.credential_header),
            revision=run.rule.revision,
        )
        progress, lease_ms = self._progress(start), LEASE_MS + outlet.destination.timeout_ms
        await self._written(
            lambda: self._store.advance(self._claim.lease, progress, now_ms=self._clock.now_ms(), lease_ms=lease_ms)
        )

    async def _written(self, write: Callable[[], Awaitable[Result]]) -> Result:
        """Write what was learnt, and again until the store can take it: an answer must not be forgotten.

        It ends when somebody else has the lease (`LeaseLost`), when the store fails, or when we are stopped.
        """
        never = asyncio.Event()
        while True:
            try:
                return await write()
            except StoreUnavailable:
                log.warning("delivery.not_recorded_yet", id=self._delivery.id, help="the store cannot write; it waits")
                await self._clock.wait(never, self._clock.now_ms() + STORE_WAIT_MS)

    def _progress(self, start: AttemptStart | None = None) -> Progress:
        """Everything learnt since the last write; it is in the store when the write returns."""
        progress = Progress(
            state={"run": self._state.to_json(), "tries": self._tries, "held_ms": self._held_ms},
            end=self._end,
            start=start,
            links=tuple(self._links),
        )
        self._end, self._links = None, []
        return progress

    def _finish_attempt(self, send: Send, answer: Answer, verdict: Verdict) -> None:
        self._end = AttemptEnd(
            number=self._tries,
            ended_at_ms=self._clock.now_ms(),
            outcome=verdict.outcome,
            status=answer.status,
            code=verdict.code,
            message=verdict.message,
            excerpt=answer.excerpt(),
        )
        log.info(
            "delivery.attempted",
            id=self._delivery.id,
            event_id=self._delivery.event_id,
            rule=self._delivery.rule,
            step=send.step.id,
            operation=send.label,
            attempt=self._tries,
            outcome=str(verdict.outcome),
            status=answer.status,
            code=verdict.code,
        )

    # --- waiting -----------------------------------------------------------------------------------------------

    async def _wait(
        self, run: Run, send: Send, outlet: Outlet, answer: Answer, verdict: Verdict, version: int
    ) -> Delivered | None:
        now_ms = self._clock.now_ms()
        match verdict.outcome:
            case Outcome.UNAUTHORIZED:
                return await self._unauthorized(outlet, verdict, version)
            case Outcome.RATE_LIMITED:
                asked_ms = DEFAULT_HOLD_MS if verdict.retry_after_ms is None else verdict.retry_after_ms
                wait_ms = max(asked_ms, verdict.wait_ms or 0, LEAST_HOLD_MS)
                outlet.gate.hold(now_ms + wait_ms)
                log.warning("destination.held", destination=outlet.destination.name, ms=wait_ms, code=verdict.code)
                return await self._postpone(outlet, due_at_ms=now_ms + wait_ms, failed=False)
            case _:
                return await self._failed(run, send, outlet, answer, verdict)

    async def _failed(self, run: Run, send: Send, outlet: Outlet, answer: Answer, verdict: Verdict) -> Delivered | None:
        now_ms = self._clock.now_ms()
        failures = self._delivery.attempts + 1
        first_ms = self._delivery.first_failed_at_ms or now_ms
        schedule = Schedule(outlet.destination.schedule_ms, outlet.destination.horizon_ms)
        if schedule.is_over(since_first_ms=now_ms - first_ms):
            if verdict.outcome in send.step.catch:
                run.catch(send.step, verdict)
                return None
            return await self._die(run.death(send, verdict, answer, DeadKind.EXPIRED))
        if verdict.retry_after_ms is not None:
            outlet.gate.hold(now_ms + verdict.retry_after_ms)
        own_ms = schedule.wait_ms(failures, since_first_ms=now_ms - first_ms)
        wait_ms = max(own_ms, verdict.wait_ms or 0, verdict.retry_after_ms or 0)
        step_aside = self._steps_aside(own_ms)
        return await self._postpone(outlet, due_at_ms=now_ms + wait_ms, failed=True, step_aside=step_aside)

    def _steps_aside(self, wait_ms: int) -> bool:
        """Whether the wait that now begins would hold the lanes longer than `order_hold`.

        Only waits after our own failures add up: a limit, a pause or the API's `Retry-After` holds everybody anyway.
        """
        self._held_ms += wait_ms
        delivery = self._delivery
        return delivery.order is Order.HOLD and not delivery.stepped_aside and self._held_ms > delivery.order_hold_ms

    async def _unauthorized(self, outlet: Outlet, verdict: Verdict, version: int) -> Delivered | None:
        if outlet.credentials.can_refresh and not self._refreshed:
            self._refreshed = True
            try:
                await outlet.credentials.refresh(version)
            except TokenRefused as refused:
                return await self._token_refused(outlet, refused)
            return None
        return await self._pause(outlet, verdict.code)

    async def _token_refused(self, outlet: Outlet, refused: TokenRefused) -> Delivered:
        if refused.outcome is Outcome.UNAUTHORIZED:
            return await self._pause(outlet, refused.code)
        now_ms = self._clock.now_ms()
        schedule = Schedule(outlet.destination.schedule_ms, outlet.destination.horizon_ms)
        wait_ms = max(schedule.wait_ms(refused.failures), refused.retry_after_ms or 0)
        log.warning("destination.no_token", destination=outlet.destination.name, ms=wait_ms, code=refused.code)
        outlet.gate.hold(now_ms + wait_ms)
        return await self._postpone(outlet, due_at_ms=now_ms + wait_ms, failed=False)

    async def _pause(self, outlet: Outlet, code: str) -> Delivered:
        if outlet.gate.pause is None:
            log.error(
                "destination.paused",
                destination=outlet.destination.name,
                code=code,
                help="the API refuses our credentials; its deliveries wait. Correct them, then reload (SIGHUP)",
            )
        outlet.gate.close(PauseReason.UNAUTHORIZED, code)
        return await self._postpone(outlet, due_at_ms=self._clock.now_ms(), failed=False)

    async def _postpone(self, outlet: Outlet, *, due_at_ms: int, failed: bool, step_aside: bool = False) -> Delivered:
        progress, name = self._progress(), outlet.destination.name
        wake = await self._written(
            lambda: self._store.postpone(
                self._claim.lease,
                progress,
                now_ms=self._clock.now_ms(),
                due_at_ms=due_at_ms,
                destination=name,
                failed=failed,
                step_aside=step_aside,
            )
        )
        return Delivered(wake | {name})

    async def release(self) -> None:
        """Give the lease back in the middle, when we have to stop: this is no crash, and what was begun is known."""
        now_ms, lease, name = self._clock.now_ms(), self._claim.lease, self._destination()
        try:
            await self._store.postpone(
                lease, Progress(), now_ms=now_ms, due_at_ms=now_ms, destination=name, failed=False
            )
        except StoreError as error:
            log.warning("delivery.not_released", id=self._delivery.id, problem=type(error).__name__)

    def _destination(self) -> str:
        """Where the step in hand goes."""
        rule = self._configuration.rules.by_name(self._delivery.rule)
        steps = rule.steps if rule is not None else ()
        return next((step.destination for step in steps if step.id == self._state.step), self._delivery.destination)

    # --- ends ------------------------------------------------------------------------------------------------

    async def _settle(self, state: DeliveryState, *, reason: str | None = None) -> Delivered:
        progress = self._progress()
        wake = await self._written(
            lambda: self._store.settle(self._claim.lease, state, progress, now_ms=self._clock.now_ms(), reason=reason)
        )
        log.info("delivery.settled", id=self._delivery.id, rule=self._delivery.rule, state=str(state))
        return Delivered(wake)

    async def _die(self, death: Death, progress: Progress | None = None) -> Delivered:
        learnt = progress or self._progress()
        wake = await self._written(
            lambda: self._store.settle(
                self._claim.lease, DeliveryState.DEAD, learnt, now_ms=self._clock.now_ms(), death=death
            )
        )
        log.warning(
            "delivery.dead",
            id=self._delivery.id,
            event_id=self._delivery.event_id,
            rule=self._delivery.rule,
            step=death.step,
            kind=str(death.kind),
            code=death.code,
            fingerprint=death.fingerprint,
        )
        return Delivered(wake, died=True)

    async def give_up(self, error: Exception) -> Delivered:
        """End a delivery that makes our own code fail.

        The run's state may be what cannot be written, so the store keeps the one it has.
        """
        death = poison(error, self._delivery.rule, step=self._state.step)
        return await self._die(death, Progress(links=tuple(self._links)))


def _config_death(message: str) -> Death:
    return Death(
        kind=DeadKind.CONFIG,
        code="config",
        message=message,
        mend="add it to the configuration again and reload, then replay; or discard",
        fingerprint=fingerprint(DeadKind.CONFIG, message),
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
