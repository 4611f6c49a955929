"""A failed test as people read it: what differs, by how much, and the line of YAML to change. Fits on a screen."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from bridge.connectors.opened import Opened, PartPath
from bridge.diagnostics import dotted, visible
from bridge.rules.testing.compare import NOTHING, Difference
from bridge.rules.testing.matchers import Matcher, matcher
from bridge.rules.testing.results import (
    Called,
    CaseResult,
    Failure,
    Mismatch,
    Missing,
    RulePath,
    Traced,
    Unanswered,
    Unexpected,
    WrongLink,
    WrongOutcome,
    WrongText,
    WrongWait,
)
from bridge.rules.testing.schema import ExpectShape
from bridge.units import format_duration

MAX_LINES = 24
"""Of one failed test, its headline included."""
MAX_VALUE = 72
"""Characters of a value; of two long texts that differ late the part around the difference is shown."""
_BEFORE = 24
"""How much of the common beginning of two texts is shown."""
_WIDEST_PATH = 32
_BEFORE_CALLS = frozenset({"refused", "duplicate", "unmatched", "skipped", "superseded"})
"""Outcomes after which nothing is sent."""
_VARIABLE = re.compile(r"\bvars\.([A-Za-z_]\w*)")
"""A value that comes from the rule's `vars` is usually to be changed there."""
_LEAST_BLOCK = 6
"""A failure of which less can be shown is only counted."""


@dataclass(frozen=True, slots=True)
class Located:
    """A place inside a rule: `file:line:col`, and what is written there, if it is one value."""

    place: str
    text: str | None = None


Locate = Callable[[str, RulePath], Located]
"""(rule, path inside it) -> where that is."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things stand: inside rules, and inside the test's file."""

    rule: Locate
    test: Callable[[PartPath], str]


def failed_lines(result: CaseResult, places: Places) -> list[str]:
    """All that a person needs about a failed test, in at most `MAX_LINES` lines."""
    lines = [f"FAIL  {places.test((*result.case.path, 'name'))}  {visible(result.case.label)}"]
    failures = list(_by_weight(result.failures))
    for number, failure in enumerate(failures):
        block = ["", *told(failure, places)]
        rest = len(failures) - number - 1
        room = MAX_LINES - len(lines) - (rest > 0)
        if room < min(len(block), _LEAST_BLOCK):
            lines.append(f"  … and {rest + 1} more (--json shows all)")
            break
        lines += block if len(block) <= room else [*block[: room - 1], "    … (--json shows all)"]
    return lines


def _by_weight(failures: Sequence[Failure]) -> Iterator[Failure]:
    """What came first caused the rest; a dead letter, or an end before any call, says why calls are missing."""
    ends = [each for each in failures if isinstance(each, WrongOutcome) and (each.death or each.got in _BEFORE_CALLS)]
    yield from ends
    yield from (each for each in failures if each not in ends)


def told(failure: Failure, places: Places) -> list[str]:
    """One failure as lines, without a blank one."""
    match failure:
        case Mismatch():
            lines = [_head(failure.call), *_mismatch(failure, places)]
        case Unexpected(call, step_path):
            lines = [f"  a call that was not expected: {_call(call.request)}"]
            lines += _located("from", places.rule(call.rule, step_path), f"{call.label}, step `{call.step}`")
        case Unanswered(call, exchange):
            lines = [f"  a look before a repeat needs an `answer` that says what is found: {_call(call.request)}"]
            lines += [f"    at    {places.test(exchange.path)}"]
        case Missing():
            lines = _missing(failure, places)
        case WrongWait():
            lines = _wait(failure, places)
        case WrongOutcome():
            lines = _outcome(failure, places)
        case WrongText():
            lines = _text(failure, places)
        case WrongLink(path, difference):
            lines = [f"  links after: {visible(dotted(tuple(difference.path)))}", *_values(difference, "")]
            lines += [f"      at        {places.test(path)}"]
        case _:
            assert_never(failure)
    return lines


def _wait(failure: WrongWait, places: Places) -> list[str]:
    got = "it did not wait" if failure.got_ms is None else format_duration(failure.got_ms)
    return [
        _head(failure.call),
        f"    waits  expected  {format_duration(failure.expected_ms)}",
        f"           got       {got}",
        f"           at        {places.test(failure.exchange.path)}",
    ]


def _text(failure: WrongText, places: Places) -> list[str]:
    return [
        f"  rule `{failure.rule}`: {failure.what}",
        f"    expected  text that contains {_shown(failure.expected)}",
        f"    got       {_shown(failure.got)}",
        f"    at        {places.test((*failure.path, failure.what))}",
    ]


def _head(call: Called) -> str:
    phase = "" if str(call.phase) == "call" else f" ({call.phase})"
    operation = call.label.removesuffix(f" ({call.phase})")
    destination, _, name = operation.partition(".")
    return f"  rule `{call.rule}` → `{destination}` · {name}{phase}, step `{call.step}`, call {call.number}"


def _mismatch(failure: Mismatch, places: Places) -> Iterator[str]:
    names = [visible(dotted(tuple(each.difference.path))) for each in failure.traced]
    width = min(max(len(name) for name in names), _WIDEST_PATH)
    for name, each in zip(names, failure.traced, strict=True):
        yield from _difference(name, width, each, failure.call.rule, places)


def _difference(name: str, width: int, each: Traced, rule: str, places: Places) -> Iterator[str]:
    indent = " " * (width + 4)
    values = _values(each.difference, name.ljust(width))
    if len(name) > width:
        yield f"    {name}"
        values = _values(each.difference, " " * width)
    yield from values
    label = "add it at" if each.difference.got is NOTHING and each.origins[0][-1:] == ("with",) else "from     "
    for origin in each.origins[:2]:
        located = places.rule(rule, origin)
        text = f"  {_one_line(located.text)}" if located.text is not None else ""
        yield f"{indent}  {label} {located.place}{text}"
        for name_of_variable in dict.fromkeys(_VARIABLE.findall(located.text or "")):
            variable = places.rule(rule, ("vars", name_of_variable))
            text = f"  {_one_line(variable.text)}" if variable.text is not None else ""
            yield f"{indent}  vars      {variable.place}{text}"


def _values(difference: Difference, name: str) -> list[str]:
    expected, got = _pair(difference.expected, difference.got)
    lines = [f"    {name}  expected  {expected}", f"    {' ' * len(name)}  got       {got}"]
    if difference.note:
        lines.append(f"    {' ' * len(name)}  note      {difference.note}")
    return lines


def _missing(failure: Missing, places: Places) -> list[str]:
    lines = [
        f"  a call that never came: {_expected_call(failure.exchange.expect)}",
        f"    at    {places.test(failure.exchange.path)}",
    ]
    for rule, path in failure.skipped[:3]:
        located = places.rule(rule, path)
        what = "step was skipped" if path[0] == "steps" else "rule was skipped"
        lines.append(f"    {what}: `if` is false at {located.place}  {_one_line(located.text or '')}")
    return lines


def _outcome(failure: WrongOutcome, places: Places) -> list[str]:
    rule = f"rule `{failure.rule}`: " if failure.rule else ""
    lines = [
        f"  {rule}outcome",
        f"    expected  {failure.expected}",
        f"    got       {failure.got}",
    ]
    death = failure.death
    reason = death.message if death is not None else failure.reason
    if reason:
        lines.append(f"    because   {_one_line(reason, 2 * MAX_VALUE)}")
    if death is not None and failure.rule:
        if death.at:
            lines += _located("from   ", places.rule(failure.rule, death.at))
        lines.append(f"    mend      {_one_line(death.mend, 2 * MAX_VALUE)}")
        if death.response is not None and death.response.get("excerpt"):
            lines.append(f"    answer    {_one_line(str(death.response['excerpt']))}")
    lines.append(f"    at        {places.test((*failure.path, 'outcome'))}")
    return lines


def _located(label: str, located: Located, otherwise: str = "") -> list[str]:
    text = _one_line(located.text) if located.text is not None else otherwise
    return [f"    {label}   {located.place}" + (f"  {text}" if text else "")]


# --- values ----------------------------------------------------------------------------------------------------


def _call(request: Opened) -> str:
    query = "&".join(f"{name}={_plain(value)}" for name, value in request.query.items())
    body = f"  {_shown(request.body)}" if request.kind is not None else ""
    return f"{request.method} {request.path}{'?' + query if query else ''}{body}"


def _expected_call(expect: ExpectShape) -> str:
    line = f"{expect.method or 'any method'} {expect.path or 'any path'}"
    body = next(iter(expect.bodies.values()), None)
    return f"{line}  {_shown(body)}" if body is not None else line


def _pair(expected: object, got: object) -> tuple[str, str]:
    """Both values; of long texts the part where they begin to differ."""
    left, right = _json(expected), _json(got)
    if max(len(left), len(right)) <= MAX_VALUE:
        return left, right
    common = next((at for at, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), 0)
    start = max(0, common - _BEFORE)
    return _cut(left, start), _cut(right, start)


def _cut(text: str, start: int = 0) -> str:
    before = "…" if start else ""
    return before + (text[start:] if len(text) - start <= MAX_VALUE else f"{text[start : start + MAX_VALUE]}…")


def _shown(value: object) -> str:
    return _cut(_json(value))


def _json(value: object) -> str:
    if value is NOTHING:
        return "nothing"
    asked = value if isinstance(value, Matcher) else matcher(value)
    if asked is not None and asked.name != "$is":
        return visible(str(asked))
    return visible(json.dumps(value, ensure_ascii=False, default=str))


def _plain(value: object) -> str:
    return value if isinstance(value, str) else _json(value)


def _one_line(text: str | None, most: int = MAX_VALUE) -> str:
    line = " ".join((text or "").split())
    return visible(line if len(line) <= most else f"{line[:most]}…")


def failure_json(failure: Failure, places: Places) -> Mapping[str, object]:
    """One failure for programs: its kind, and everything that `told` says, uncut where it matters."""
    told_lines = told(failure, places)
    shown: dict[str, object] = {"kind": _kind(failure), "text": "\n".join(told_lines)}
    if isinstance(failure, Mismatch):
        shown["at"] = places.test(failure.exchange.path)
        shown["rule"], shown["step"] = failure.call.rule, failure.call.step
        shown["differences"] = [_difference_json(each, failure.call.rule, places) for each in failure.traced]
    elif isinstance(failure, WrongOutcome):
        shown |= {"rule": failure.rule, "expected": failure.expected, "got": failure.got, "reason": failure.reason}
    return shown


def _difference_json(each: Traced, rule: str, places: Places) -> Mapping[str, object]:
    difference = each.difference
    return {
        "path": dotted(tuple(difference.path)),
        "expected": _json(difference.expected),
        "got": _json(difference.got),
        "note": difference.note,
        "from": [places.rule(rule, origin).place for origin in each.origins],
    }


def _kind(failure: Failure) -> str:
    names = {
        Mismatch: "mismatch",
        Unexpected: "unexpected",
        Unanswered: "unanswered",
        Missing: "missing",
        WrongWait: "wait",
        WrongOutcome: "outcome",
        WrongText: "text",
        WrongLink: "link",
    }
    return names[type(failure)]
