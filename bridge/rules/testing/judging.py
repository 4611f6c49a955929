"""What is wrong in the end: outcomes, links, requests that never came, and where a value comes from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bridge.connectors.opened import PartPath
from bridge.model import DeliveryState
from bridge.rules.origins import Origins
from bridge.rules.rule import Rule
from bridge.rules.testing.case import Case, Exchange, Turn
from bridge.rules.testing.compare import NOTHING, Difference, differences
from bridge.rules.testing.ledger import Entry
from bridge.rules.testing.results import (
    Ended,
    Failure,
    Missing,
    RulePath,
    Traced,
    WrongLink,
    WrongOutcome,
    WrongText,
)
from bridge.rules.testing.schema import ExpectShape

_BRACES: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def traced(found: Sequence[Difference], places: Origins, step: RulePath) -> tuple[Traced, ...]:
    """Each difference with the places of the rule that its value comes from; else the step that should give it."""
    return tuple(Traced(each, _origins(each.path, places) or (_nearest(each, step),)) for each in found)


def _origins(path: PartPath, places: Origins) -> tuple[RulePath, ...]:
    """The origins of a part, or of everything inside it when it is a list or an object."""
    if path in places:
        return places[path]
    inside = [origin for part, origins in places.items() if part[: len(path)] == path for origin in origins]
    return tuple(dict.fromkeys(inside))


def _nearest(difference: Difference, step: RulePath) -> RulePath:
    """What is missing is added to the step's `with`; what the connector made by itself hangs on what is called."""
    return (*step, "with") if difference.got is NOTHING else (*step, "use")


def missing_calls(left: Sequence[Exchange], entries: Sequence[Entry], rules: Mapping[str, Rule]) -> list[Failure]:
    """The requests that never came, each with the conditions that skipped what might have sent it."""
    if not left:
        return []
    skipped = tuple(dict.fromkeys(_skipped(entries, rules)))
    return [
        Missing(exchange, tuple(each for each in skipped if _might_send(rules[each[0]], each[1], exchange.expect)))
        for exchange in left
    ]


def _might_send(rule: Rule, condition: RulePath, expect: ExpectShape) -> bool:
    """Whether what the condition skipped, a step or the whole rule, has a request of this method and path."""
    steps = rule.steps if condition == ("if",) else [rule.steps[int(condition[1])]]
    requests = [step.operation.operation.request for step in steps]
    return any(
        (expect.method is None or expect.method.upper() == request.method)
        and (expect.path is None or not request.path or _path_regex(request.path).fullmatch(expect.path))
        for request in requests
    )


def _path_regex(template: str) -> re.Pattern[str]:
    """What an operation's path matches below any base URL, whatever its parameters and settings are."""
    return re.compile(".*" + ".+".join(re.escape(literal) for literal in _BRACES.split(template)), re.DOTALL)


def _skipped(entries: Sequence[Entry], rules: Mapping[str, Rule]) -> Iterator[tuple[str, RulePath]]:
    for entry in entries:
        rule = rules[entry.plan.rule]
        if entry.state is DeliveryState.SKIPPED:
            yield rule.name, ("if",)
        for index, step in enumerate(rule.steps):
            if step.condition is not None and entry.run.results.get(step.id, {}).get("skipped"):
                yield rule.name, ("steps", index, "if")


def word_of(entry: Entry) -> str:
    """How a test calls what became of a delivery."""
    if entry.state is DeliveryState.DEAD and entry.death is not None:
        return f"dead:{entry.death.kind}"
    if not entry.is_open:
        return str(entry.state)
    if entry.paused is not None:
        return "paused"
    return "retrying" if entry.begun else "waiting"


def wrong_ends(
    turn: Turn, entries: Sequence[Entry], note: str, rules: Mapping[str, Rule]
) -> tuple[list[Ended], list[Failure]]:
    """What became of a turn's event with each rule, and what of that was not expected.

    Args:
        turn: the turn.
        entries: the deliveries of its event.
        note: `refused: …` or `duplicate: …` when there are none because of that.
        rules: the rules that run.
    """
    if turn.event is None:
        return [], []
    if not entries:
        word, _, why = (note or f"unmatched: {_no_rule(rules)}").partition(": ")
        return [Ended("", word, why)], list(_wrong_nothing(turn, word, why))
    ended = [Ended(entry.plan.rule, word_of(entry), _reason(entry), entry.death) for entry in entries]
    return ended, list(_wrong_outcomes(turn, ended))


def _wrong_nothing(turn: Turn, word: str, why: str) -> Iterator[Failure]:
    """There is no delivery; without an expected outcome that is only wrong when the event was not even taken."""
    expectations = turn.outcomes or ({"": "done"} if word == "refused" else {})
    for rule, expected in expectations.items():
        if expected != word:
            yield WrongOutcome(turn.path, rule or None, expected, word, why)


def _wrong_outcomes(turn: Turn, ended: Sequence[Ended]) -> Iterator[Failure]:
    for each in ended:
        expected = turn.outcomes.get(each.rule, turn.outcomes.get(""))
        if expected is None and not turn.outcomes and each.death is not None:
            expected = "done"  # whoever says nothing does not expect a dead letter
        if expected is not None and not _is(expected, each.word):
            yield WrongOutcome(turn.path, each.rule, expected, each.word, each.reason, each.death)
        else:
            yield from _wrong_texts(turn, each)
    known = {each.rule for each in ended}
    for rule, expected in turn.outcomes.items():
        if rule and rule not in known and expected != "unmatched":
            yield WrongOutcome(turn.path, rule, expected, "unmatched", "its `on` does not cover this event")


def _no_rule(rules: Mapping[str, Rule]) -> str:
    if len(rules) == 1:
        [rule] = rules.values()
        return f"`on` of rule `{rule.name}` is {', '.join(rule.patterns)}"
    return "no rule's `on` covers this event"


def _is(expected: str, word: str) -> bool:
    return word == expected or (expected == "dead" and word.startswith("dead:"))


def _reason(entry: Entry) -> str:
    return entry.reason or (entry.death.message if entry.death is not None else "")


def _wrong_texts(turn: Turn, ended: Ended) -> Iterator[Failure]:
    mend = ended.death.mend if ended.death is not None else ""
    for what, expected, got in (("reason", turn.reason, ended.reason), ("mend", turn.mend, mend)):
        if expected is not None and expected not in got:
            yield WrongText(turn.path, ended.rule, what, expected, got)


def wrong_links(case: Case, links: Mapping[str, Mapping[str, object]]) -> Iterator[Failure]:
    """The links that are not as expected; null stands for one that is not remembered."""
    for name, expected in case.links_after.items():
        for key, value in expected.items():
            got = links.get(name, {}).get(key, NOTHING)
            if value is None and got is NOTHING:
                continue
            for difference in differences(value, got, (name, key)):
                yield WrongLink((*case.path, "links_after", name, key), difference)
