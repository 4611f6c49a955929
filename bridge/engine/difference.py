"""What a replay would send, beside what was sent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bridge.model import DeadLetter, Delivery
from bridge.rules.deaths import CREDENTIAL_HEADER
from bridge.rules.difference import unified
from bridge.rules.run import Run
from bridge.rules.shadow import shadow


@dataclass(frozen=True, slots=True)
class Difference:
    """One dead letter and its replay. Requests are masked; None: none was, or would be, sent for that step.

    `note` says why there is no request now, or that ids in it come from sample answers. `diff` is empty when both
    requests are equal.
    """

    delivery: str
    rule: str
    kind: str
    step: str | None
    old_revision: str
    new_revision: str
    old: Mapping[str, object] | None
    new: Mapping[str, object] | None
    note: str | None
    diff: str

    def to_json(self) -> dict[str, object]:
        """For an answer of the API."""
        return asdict(self)


def difference(letter: DeadLetter, delivery: Delivery, run: Run, *, now_ms: int) -> Difference:
    """Compare the request of a dead letter with the one that `run`, which starts as a replay would, now makes.

    Args:
        letter: what died.
        delivery: its row.
        run: of the present rule; done steps are in its state, nothing in doubt.
        now_ms: the time that the request would be made at.
    """
    new, note = _request_now(run, letter.death.step, now_ms)
    old = letter.death.request
    old_revision, new_revision = delivery.revision, run.rule.revision
    return Difference(
        delivery=letter.delivery,
        rule=letter.rule,
        kind=str(letter.death.kind),
        step=letter.death.step,
        old_revision=old_revision,
        new_revision=new_revision,
        old=old,
        new=new,
        note=note,
        diff=unified(old, new, f"sent (rule {old_revision})", f"now (rule {new_revision})"),
    )


def _request_now(run: Run, step: str | None, now_ms: int) -> tuple[Mapping[str, object] | None, str | None]:
    """The request for the step that died (the first one, if it died before any), and a note about it."""
    masked = dict.fromkeys(run.rule.destinations, CREDENTIAL_HEADER)  # as dead letters show them
    found = shadow(run, credential_headers=masked, now_ms=now_ms)
    request = next((each for each in found.requests if step in {None, each.step}), None)
    if request is not None:
        return request.request, "ids of earlier steps are those of sample answers" if request.sampled else None
    if found.death is not None:
        return None, f"it would be dead again: {found.death.message}"
    return None, found.note or "the rule would end without this call"
