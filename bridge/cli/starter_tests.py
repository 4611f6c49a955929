"""Tests for the rules of a new configuration: what they do with the samples of their sources, written down."""

import re
from collections.abc import Iterator, Mapping

import orjson

from bridge.cli.yaml_text import yaml_text
from bridge.configuration.load import LoadedConfiguration
from bridge.configuration.rule_tests import bench_of
from bridge.connectors.opened import Opened
from bridge.rules.testing.case import Case, Inbound, Turn
from bridge.rules.testing.results import CaseResult
from bridge.rules.testing.stage import Bench, carry_out

_KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEAD = """\
# yaml-language-server: $schema=../schema/tests.json
# What the rules do with sample events, written down by `crm-bridge init`. Run them with `crm-bridge test`; change what
# is expected first, then the rule. A request may say more than is expected here.
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
    tests = [] if bench is None else [test for rule in rules for test in _tests_of(bench, rule, samples)]
    return _HEAD + yaml_text({"tests": tests})


def _tests_of(bench: Bench, rule: str, samples: Mapping[str, Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """One test for each sample that the rule has anything to do with."""
    for source, bodies in samples.items():
        for name, body in bodies.items():
            event = Inbound(source, orjson.dumps(body))
            result = carry_out(Case(name, name, (), (rule,), (Turn((), event),)), bench)
            (turn,) = result.turns
            if any(ended.word != "unmatched" for ended in turn.ended):
                yield _test(rule, source, name, body, result)


def _test(rule: str, source: str, name: str, body: object, result: CaseResult) -> dict[str, object]:
    (turn,) = result.turns
    test: dict[str, object] = {
        "name": f"{rule}: {name}",
        "rule": rule,
        "event": {"source": source, "body": body},
    }
    if turn.calls:
        test["exchanges"] = [{"expect": _expected(call.request)} for call in turn.calls]
    test["outcome"] = turn.ended[0].word
    if result.links:
        test["links_after"] = {link: dict(known) for link, known in result.links.items()}
    return test


def _expected(request: Opened) -> dict[str, object]:
    """A request as `expect` says it, without the headers that the connector adds, and without our idempotency key."""
    said: dict[str, object] = {"method": request.method, "path": request.path}
    if request.query:
        said["query"] = dict(request.query)
    if request.kind is not None:
        said[request.kind] = _without_keys(request.body)
    return said


def _without_keys(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: _without_keys(item)
            for name, item in value.items()
            if not (isinstance(item, str) and _KEY.fullmatch(item))
        }
    return [_without_keys(item) for item in value] if isinstance(value, list) else value
