"""Tests for the rules of a new configuration: what they do with the samples of their sources, written down."""

from collections.abc import Iterator, Mapping

import orjson

from bridge.cli.recording import MOST_ITEMS
from bridge.configuration.load import LoadedConfiguration
from bridge.configuration.rule_tests import bench_of
from bridge.rules.rendering import idempotency_key
from bridge.rules.rule import Rule
from bridge.rules.testing.case import Case, Inbound, Turn
from bridge.rules.testing.results import CaseResult
from bridge.rules.testing.stage import Bench, carry_out, event_id
from bridge.rules.testing.writing import entry_text, exchange_of, outcome_of

_HEAD = """\
# yaml-language-server: $schema=../schema/tests.json
# What the rules do with sample events, written down by `crm-bridge init`. Run them with `crm-bridge test`; change what
# is expected first, then the rule. A request may say more than is expected here.
tests:
"""


def recorded_tests(loaded: LoadedConfiguration, file: str, samples: Mapping[str, Mapping[str, object]]) -> str:
    """The text of the tests for the rules of one file.

    Args:
        loaded: the configuration, without mistakes.
        file: the rules' file, as findings call it.
        samples: source -> name -> body.
    """
    bench = bench_of(loaded)
    rules = [name for name, placed in loaded.rules.items() if placed.document.name == file]
    tests = [] if bench is None else [test for rule in rules for test in _tests_of(bench, bench.rules[rule], samples)]
    return _HEAD + "\n\n".join(map(entry_text, tests)) + "\n"


def _tests_of(bench: Bench, rule: Rule, samples: Mapping[str, Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """One test for each sample that the rule has anything to do with."""
    for source, bodies in samples.items():
        for name, body in bodies.items():
            event = Inbound(source, orjson.dumps(body))
            result = carry_out(Case(name, name, (), (rule.name,), (Turn((), event),)), bench)
            (turn,) = result.turns
            if any(ended.word != "unmatched" for ended in turn.ended):
                yield _test(rule, source, name, body, result)


def _test(rule: Rule, source: str, name: str, body: object, result: CaseResult) -> dict[str, object]:
    (turn,) = result.turns
    test: dict[str, object] = {
        "name": f"{rule.name}: {name}",
        "rule": rule.name,
        "event": {"source": source, "body": body},
    }
    if turn.calls:
        keys = _keys(rule)
        test["exchanges"] = [_without(keys, exchange_of(call)) for call in turn.calls]
    test["outcome"] = outcome_of(turn.ended)
    if result.links:
        test["links_after"] = {link: dict(known) for link, known in result.links.items()}
    return test


def _keys(rule: Rule) -> frozenset[str]:
    """The idempotency keys of the test's calls: they change when a rule or step is renamed, and that is no mistake."""
    return frozenset(
        idempotency_key(event_id(1), rule.name, step.id, 0, index)
        for step in rule.steps
        for index in range(MOST_ITEMS if step.each is not None else 1)
    )


def _without(keys: frozenset[str], value: object) -> object:
    if isinstance(value, dict):
        return {name: _without(keys, item) for name, item in value.items() if not _is_one(keys, item)}
    return [_without(keys, item) for item in value] if isinstance(value, list) else value


def _is_one(keys: frozenset[str], value: object) -> bool:
    return isinstance(value, str) and value in keys
