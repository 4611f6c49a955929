"""Dead letters of the step interpreter: what a person must know, in words that hold no customer's text of ours."""

import hashlib

from bridge.connectors.answer import Answer
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from bridge.model import DeadKind, Death
from bridge.rules.actions import Send
from bridge.rules.rule import Step

CREDENTIAL_HEADER = "Authorization"
"""Shown masked. A destination may use another header; that one is never part of a request, so it is not shown."""
LOOK_FIRST = "look in the CRM whether the record is there, then replay or discard"


class VariableError(RenderError):
    """A rule's `vars` could not be rendered."""


def fingerprint(*parts: object) -> str:
    """Equal for dead letters that have the same cause, so that they can be mended together."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:12]


def mapping_death(rule: str, step: str | None, error: RenderError, where: str, *, item: int | None = None) -> Death:
    """The dead letter of a value that could not be made. Names places, never values.

    Args:
        rule: its name.
        step: the step, None for what the rule itself says.
        error: what is wrong with the value.
        where: the key that it stands under.
        item: the position in the list of the step's `for_each`.
    """
    in_vars = isinstance(error, VariableError)
    inside = ".".join(str(part) for part in ("vars" if in_vars else where, *error.path))
    at = f"{_step(step, item)}, `{inside}`" if step and not in_vars else f"`{inside}`"
    return Death(
        kind=DeadKind.MAPPING,
        code="render",
        message=f"rule `{rule}`, {at}: {error}",
        mend=error.help or "correct the rule, then replay",
        step=step,
        fingerprint=fingerprint(DeadKind.MAPPING, rule, step, inside, str(error)),
        at=("vars", *error.path) if in_vars else (*_at(step), where, *error.path),
        offset=error.offset,
    )


def parameter_death(rule: str, step: str, refused: ParameterRefused, *, item: int | None = None) -> Death:
    """The dead letter of a value that the API could not take."""
    return Death(
        kind=DeadKind.MAPPING,
        code="parameter",
        message=f"rule `{rule}`, {_step(step, item)}, `with.{refused.name}`: {refused}",
        mend=refused.mend,
        step=step,
        fingerprint=fingerprint(DeadKind.MAPPING, rule, step, refused.name, str(refused)),
        at=(*_at(step), "with", *refused.name.split(".")),
    )


def _at(step: str | None) -> tuple[str, ...]:
    return () if step is None else ("steps", step)


def _step(step: str, item: int | None) -> str:
    """Counted from 0, as `index` is. Deaths of several items share their fingerprint."""
    return f"step `{step}`" if item is None else f"step `{step}` (item {item})"


def answer_death(rule: str, last: Send, verdict: Verdict, answer: Answer, kind: DeadKind | None) -> Death:
    """The dead letter for a refusal, or, with `kind`, for the end of patience."""
    dead_kind = kind or verdict.dead_kind
    said = verdict.message or verdict.code
    return Death(
        kind=dead_kind,
        code=verdict.code,
        message=f"{last.label}: {_ending(dead_kind)}{said}",
        mend=_mend(dead_kind, verdict),
        step=last.step.id,
        request=last.request.shown(CREDENTIAL_HEADER),
        response={"status": answer.status, "excerpt": answer.excerpt()},
        fingerprint=fingerprint(dead_kind, rule, last.step.id, verdict.status, verdict.code),
        at=(*_at(last.step.id), "use"),
    )


def _ending(kind: DeadKind) -> str:
    return "given up, it still fails: " if kind is DeadKind.EXPIRED else ""


def _mend(kind: DeadKind, verdict: Verdict) -> str:
    if kind is DeadKind.EXPIRED:
        return "once the API is well again, replay"
    if kind is DeadKind.UNANSWERED:
        return LOOK_FIRST
    return verdict.advice or "compare the request with the answer, correct the rule, then replay"


def lost_death(rule: str, step_id: str, label: str, message: str, request: OutboundRequest | None) -> Death:
    """The dead letter of a call whose answer was lost and that must not be repeated."""
    return Death(
        kind=DeadKind.UNANSWERED,
        code="answer_lost",
        message=f"{label}: {message}",
        mend=LOOK_FIRST,
        step=step_id,
        request=request.shown(CREDENTIAL_HEADER) if request else None,
        fingerprint=fingerprint(DeadKind.UNANSWERED, rule, step_id),
        at=(*_at(step_id), "use"),
    )


def link_death(rule: str, step: Step, error: RenderError, *, item: int | None = None) -> Death:
    """The dead letter of a call that succeeded, while the key to remember its record under could not be made."""
    death = mapping_death(rule, step.id, error, "remember", item=item)
    return Death(
        kind=death.kind,
        code=death.code,
        message=f"{death.message}; the call itself succeeded and will not be repeated",
        mend="correct the key under `remember`, reload, then replay: the steps that are left go on",
        step=death.step,
        fingerprint=death.fingerprint,
        at=death.at,
        offset=death.offset,
    )
