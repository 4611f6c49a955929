"""What an answer means: the closed outcome and what a person or the retry schedule needs besides."""

from dataclasses import dataclass

from bridge.model import DeadKind, Outcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one attempt.

    `code` is short and safe to log. `message` is the vendor's own text: kept for people, never logged.
    `may_have_applied` says that a repeat could double the effect, so that it must be made safe first.
    `retry_after_ms` is what the vendor asked for, `wait_ms` the least that the connector's table asks for.
    """

    outcome: Outcome
    status: int | None
    code: str
    message: str
    id: object = None
    body: object = None
    may_have_applied: bool = False
    retry_after_ms: int | None = None
    wait_ms: int | None = None
    dead_kind: DeadKind = DeadKind.REJECTED
    """The kind of dead letter if nothing catches this outcome and it is final."""
    advice: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the step is done."""
        return self.outcome is Outcome.SUCCEEDED
