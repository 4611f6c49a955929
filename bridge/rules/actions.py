"""What the step interpreter says: what to do next, and what it makes of an answer."""

from dataclasses import dataclass

from bridge.connectors.operation import CompiledOperation
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.model import Death, LinkWrite
from bridge.rules.rule import Step
from bridge.rules.state import Phase


@dataclass(frozen=True, slots=True)
class Send:
    """Please send this. `operation` may be the one of a conflict's update."""

    step: Step
    operation: CompiledOperation
    phase: Phase
    request: OutboundRequest

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


Action = Send | Finished | Died
Reaction = GoOn | Wait | Died
