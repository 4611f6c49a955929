"""Asking an API how far it is with a call that it has accepted, such as one of a Zendesk job."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.verdict import Verdict
from bridge.model import Outcome
from bridge.rules.actions import NotYet, Wait

FIRST_POLL_MS = 1_000
LONGEST_POLL_MS = 15_000
MAX_POLLS = 240
"""About an hour; a call that is not done by then is in doubt."""
_WAITS = frozenset({Outcome.RETRY_LATER, Outcome.RATE_LIMITED, Outcome.UNAUTHORIZED, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Told:
    """The API is done: this is what it would have answered to the call itself."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The API will not say what became of the call: it may have worked or not."""

    verdict: Verdict


def listen(
    operation: CompiledOperation,
    call: Call,
    handle: Mapping[str, object],
    answer: Answer,
    *,
    polls: int,
    now_ms: int,
) -> NotYet | Wait | Told | Forgotten:
    """What the answer to a poll says.

    Args:
        operation: what was called.
        call: the accepted call.
        handle: what the poll was made of.
        answer: the answer to the poll.
        polls: how many polls before this one found it not done.
        now_ms: the time.
    """
    if operation.batch is None:
        raise TypeError("only an operation that answers with a handle is polled")
    verdict = operation.classify_poll(call, answer, now_ms=now_ms)
    if verdict.outcome in _WAITS:
        return Wait(verdict)
    if not verdict.succeeded:
        return _forgotten(verdict, "the API does not know the accepted call any more")
    told = operation.batch.read_poll(call, handle, answer)
    if told is not None:
        return Told(told)
    if polls >= MAX_POLLS:
        return _forgotten(verdict, "the API has accepted the call and does not finish it")
    return NotYet(min(LONGEST_POLL_MS, FIRST_POLL_MS << min(polls, 10)))


def _forgotten(verdict: Verdict, message: str) -> Forgotten:
    return Forgotten(Verdict(Outcome.UNKNOWN, verdict.status, "poll_forgotten", message, may_have_applied=True))
