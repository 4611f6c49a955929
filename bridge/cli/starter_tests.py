"""Tests for the rules of a new configuration: what they do with the samples of their sources, written down."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.cli.recording import MOST_ITEMS
from bridge.cli.starter_sources import Example
from bridge.configuration.load import LoadedConfiguration
from bridge.configuration.rule_tests import bench_of
from bridge.connectors.wire import as_text
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


Examples = Mapping[str, Mapping[str, Example]]
"""Source -> name -> what it sends."""


def recorded_tests(loaded: LoadedConfiguration, file: Path, examples: Examples) -> str:
    """The text of the tests for the rules of one file.

    Args:
        loaded: the configuration, without mistakes.
        file: the rules' file, from which the configuration was read.
        examples: what the sources send.
    """
    bench = bench_of(loaded)
    rules = [name for name, placed in loaded.rules.items() if _is_same(placed.document.path, file)]
    tests = [] if bench is None else [test for rule in rules for test in _tests_of(bench, bench.rules[rule], examples)]
    return _HEAD + "\n\n".join(map(entry_text, tests)) + "\n"


def _is_same(path: Path | None, file: Path) -> bool:
    return path is not None and path.resolve() == file.resolve()


def _tests_of(bench: Bench, rule: Rule, examples: Examples) -> Iterator[dict[str, object]]:
    """One test for each example that the rule has anything to do with.

    A batch of which several things became is left out: a test says one word of a rule and an event.
    """
    for source, named in examples.items():
        for name, example in named.items():
            event = Inbound(source, as_text(example.body).encode(), tuple(example.headers.items()))
            result = carry_out(Case(name, name, (), (rule.name,), (Turn((), event),)), bench)
            (turn,) = result.turns
            words = {ended.word for ended in turn.ended}
            if len(words) == 1 and "unmatched" not in words:
                yield _test(rule, source, name, example, result)


def _test(rule: Rule, source: str, name: str, example: Example, result: CaseResult) -> dict[str, object]:
    (turn,) = result.turns
    headers = {"headers": dict(example.headers)} if example.headers else {}
    test: dict[str, object] = {
        "name": f"{rule.name}: {name}",
        "rule": rule.name,
        "event": {"source": source, "body": example.body, **headers},
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
