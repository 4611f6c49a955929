"""What a rule's templates look up: known fields, recalled links, steps that have run, defined variables."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bridge.expressions import Template
from bridge.rules.problem import Path, Problem, did_you_mean, listed
from bridge.rules.schema import RuleShape
from bridge.sources.vocabulary import INSTEAD
from bridge.sources.wire import header_in_capitals

STEP_PARTS = frozenset({"id", "status", "body", "error", "skipped"})
ITEMS = "items"
"""Only a step with `for_each` has these."""
EVENT_PARTS = frozenset({"id", "type", "raw_type", "source", "time", "received_at"})
MESSAGING_FIELDS = frozenset(
    {
        "customer",
        "business",
        "name",
        "email",
        "direction",
        "message_id",
        "kind",
        "text",
        "media_url",
        "status",
        "error",
    }
)
"""The vocabulary of messaging sources. Not every sender has all of it, and one rule serves them all (design.md 5)."""
_SIGN_OF_MESSAGING = frozenset({"customer", "message_id"})
_PART = 2
"""In `steps.<id>.<part>` the part stands third."""

Read = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A template where it stands. `step` is the position of its step, None for the rule's own.

    `afterwards` is true for `remember`, which may read the result of its own step.
    """

    path: Path
    template: Template
    step: int | None = None
    afterwards: bool = False


def check_reads(
    shape: RuleShape,
    templates: Sequence[Placed],
    fields: Collection[str] | None = None,
    parents: Collection[str] | None = None,
) -> Iterator[Problem]:
    """Every look-up that can only fail, where it stands.

    Args:
        shape: the rule.
        templates: all its templates.
        fields: the names under `fields` that its events may have; None when that is not known.
        parents: the same of those under `parents`.
    """
    known = {"event": EVENT_PARTS, "fields": fields, "parents": parents}
    for placed in templates:
        for read in sorted(placed.template.reads):
            if len(read) > 1:
                yield from _check_event(placed, read, known.get(read[0]))
                yield from _check_header(placed, read)
                yield from _check(shape, placed, read)


_NONE_DECLARED = {
    "fields": "their source declares no `fields`; use `body`",
    "parents": "their source's `split` enters no element on the way to its items; use `parent`",
}


def _check_event(placed: Placed, read: Read, known: Collection[str] | None) -> Iterator[Problem]:
    if known is None or read[1] in known or _is_optional(placed, read, known):
        return
    message = f"events of this rule have no `{read[0]}.{read[1]}`"
    listed_names = f"they have {listed(known)}" if known else _NONE_DECLARED[read[0]]
    helps = _usual_name(read, known) or did_you_mean(read[1], known, f"{read[0]}.") or (listed_names,)
    yield _problem(placed, "BR122", message, read[:2], helps)


def _usual_name(read: Read, known: Collection[str]) -> tuple[str, ...]:
    """The one name that presets have for a thing that may well be called otherwise, if these events have it."""
    usual = INSTEAD.get(read[1]) if read[0] == "fields" else None
    return (f"did you mean `fields.{usual}`?",) if usual in known else ()


def _check_header(placed: Placed, read: Read) -> Iterator[Problem]:
    wrong = header_in_capitals(read)
    if wrong is not None:
        message, mend = wrong
        yield _problem(placed, "BR122", message, read[:2], (mend,))


def _is_optional(placed: Placed, read: Read, known: Collection[str]) -> bool:
    """Whether it is a word of messaging sources that this one lacks, where the template says what stands instead."""
    is_messaging = read[0] == "fields" and known and _SIGN_OF_MESSAGING.issubset(known)
    return bool(is_messaging) and read[1] in MESSAGING_FIELDS and read not in placed.template.needs


def _check(shape: RuleShape, placed: Placed, read: Read) -> Iterator[Problem]:
    match read[0]:
        case "vars" if read[1] not in shape.vars:
            helps = did_you_mean(read[1], shape.vars, "vars.") or (f"add `{read[1]}` under the rule's `vars`",)
            yield _problem(placed, "BR122", f"`vars.{read[1]}` is not defined by this rule", read[:2], helps)
        case "links" if read[1] not in shape.recall:
            helps = did_you_mean(read[1], shape.recall, "links.") or (f"add `{read[1]}` under the rule's `recall`",)
            yield _problem(placed, "BR122", f"`links.{read[1]}` is not recalled by this rule", read[:2], helps)
        case "steps":
            yield from _check_step(shape, placed, read)


def _check_step(shape: RuleShape, placed: Placed, read: Read) -> Iterator[Problem]:
    ids = [step.id for step in shape.steps]
    name, here = read[1], placed.step if placed.step is not None else 0
    before = ids[: here + 1] if placed.afterwards else ids[:here]
    if name not in ids:
        helps = did_you_mean(name, ids, "steps.") or (f"steps of this rule: {listed(ids)}",)
        yield _problem(placed, "BR205", f"there is no step `{name}`", read[:2], helps)
    elif name in before:
        yield from _check_part(placed, read, has_items=shape.steps[ids.index(name)].for_each is not None)
    elif name == ids[here]:
        message = f"step `{name}` has no result yet while it is being called"
        yield _problem(placed, "BR205", message, read[:2], ("only its `remember` can read it",))
    else:
        yield _problem(placed, "BR205", f"step `{name}` runs later", read[:2], ("move that step before this one",))


def _check_part(placed: Placed, read: Read, *, has_items: bool) -> Iterator[Problem]:
    parts = STEP_PARTS | {ITEMS} if has_items else STEP_PARTS
    if len(read) <= _PART or read[_PART] in parts:
        return
    prefix = f"steps.{read[1]}."
    helps = did_you_mean(read[_PART], parts, prefix) or (f"a step has {listed(parts)}",)
    if read[_PART] == ITEMS:
        helps = ("only a step with `for_each` has `items`",)
    yield _problem(placed, "BR122", f"a step has no `{read[_PART]}`", read[: _PART + 1], helps)


def _problem(placed: Placed, code: str, message: str, read: Read, helps: tuple[str, ...]) -> Problem:
    dotted = ".".join(read)
    found = re.search(rf"(?<![\w.]){re.escape(dotted)}(?!\w)", placed.template.source)
    offset = found.start() if found else None  # `links['user']` is not found, and the whole scalar is shown
    return Problem(code, message, placed.path, helps=helps, offset=offset, length=len(dotted))
