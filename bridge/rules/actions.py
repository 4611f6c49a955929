"""What the step interpreter says: what to do next, and what it makes of an answer."""

from dataclasses import dataclass

from bridge.connectors.batching import CompiledBatch
from bridge.connectors.call import Call
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.model import Death, LinkWrite
from bridge.rules.rule import Step
from bridge.rules.state import Phase


@dataclass(frozen=True, slots=True)
class Send:
    """Please send this. `operation` may be the one of a conflict's update.

    `call` is what `request` was made of, for limits and batches; a probe or a poll has none.
    """

    step: Step
    operation: CompiledOperation
    phase: Phase
    request: OutboundRequest
    call: Call | None = None
    alone: bool = False
    """The request must leave as it is, not within a batch: its idempotency header is what makes it safe."""

    @property
    def batch(self) -> CompiledBatch | None:
        """The form in which the call may share a request with others, or None when it may not."""
        return self.operation.batch if self.call is not None and not self.alone else None

    @property
    def label(self) -> str:
        """`zendesk.tickets.comment`, with the phase when it is not the call itself."""
        name = f"{self.step.destination}.{self.operation.name}"
        return name if self.phase is Phase.CALL else f"{name} ({self.phase})"


@dataclass(frozen=True, slots=True)
class Finished:
    """All steps are done or skipped."""


@dataclass(frozen=True, slots=True)
class Died:
    """Nothing more can happen without a person. `verdict` is that of the answer that did it, if one did."""

    death: Death
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class GoOn:
    """The answer was taken in; ask `next` again. `links` are to be remembered in the same commit."""

    verdict: Verdict
    links: tuple[LinkWrite, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """The step must be tried again later."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NotYet:
    """The API still works on an accepted call: ask again in `wait_ms`. This is no failure and no attempt."""

    wait_ms: int
    verdict: None = None


Action = Send | Finished | Died
Reaction = GoOn | Wait | NotYet | Died
