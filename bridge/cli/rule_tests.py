"""The tests of the rules, tried: what the command prints, and the same for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.rule_tests import RuleTestsFile, bench_of, check_tests
from bridge.connectors.opened import PartPath
from bridge.rules.testing.render import Located, Places, failure_json
from bridge.rules.testing.results import CaseResult, RulePath
from bridge.rules.testing.stage import Bench, carry_out


@dataclass(slots=True)
class Configurations:
    """The configuration for each environment that test files ask for, each loaded once."""

    path: Path
    environ: Mapping[str, str]
    _loaded: dict[tuple[tuple[str, str], ...], tuple[LoadedConfiguration, Bench | None]] = field(default_factory=dict)

    def of(self, more: Mapping[str, str]) -> tuple[LoadedConfiguration, Bench | None]:
        """The configuration with these variables besides, and what tests need of it."""
        key = tuple(sorted(more.items()))
        if key not in self._loaded:
            loaded = load_configuration(self.path, {**self.environ, **more})
            self._loaded[key] = loaded, bench_of(loaded)
        return self._loaded[key]


@dataclass(slots=True)
class Tried:
    """What came of one file."""

    file: RuleTestsFile
    loaded: LoadedConfiguration
    results: list[CaseResult] = field(default_factory=list)


def try_file(file: RuleTestsFile, configurations: Configurations, rule: str | None = None) -> Tried:
    """Carry out the tests of a file; none when it or the configuration has mistakes.

    Args:
        file: the file, as it was read.
        configurations: where its configuration comes from.
        rule: only the tests that name this rule.
    """
    loaded, bench = configurations.of(file.environment)
    check_tests(file, loaded)
    tried = Tried(file, loaded)
    if bench is not None and file.is_usable:
        cases = [case for case in file.cases if rule is None or rule in (case.rules or ())]
        tried.results = [carry_out(case, bench) for case in cases]
    return tried


def places_of(file: RuleTestsFile, loaded: LoadedConfiguration) -> Places:
    """Where things of the rules and of a test file stand."""

    def in_rule(rule: str, path: RulePath) -> Located:
        placed = loaded.rules[rule]
        if path[:1] == ("steps",) and len(path) > 1 and isinstance(path[1], str):
            ids = [step.id for step in placed.shape.steps]
            path = ("steps", ids.index(path[1]), *path[2:]) if path[1] in ids else ()
        whole = (*placed.at, *path)
        node = placed.document.nodes.get(whole)
        text = str(placed.document.value(whole)) if node is not None and node.style is not None else None
        return Located(str(placed.place(path)), text)

    def in_test(path: PartPath) -> str:
        place = file.place(path)
        return f"{place.file}:{place.span.line}" if place.span is not None else place.file

    return Places(in_rule, in_test)


def report_json(tried: Sequence[Tried]) -> dict[str, object]:
    """Everything, as one object."""
    tests = [_case_json(result, places_of(each.file, each.loaded)) for each in tried for result in each.results]
    failed = sum(not test["passed"] for test in tests)
    return {"passed": len(tests) - failed, "failed": failed, "tests": tests}


def _case_json(result: CaseResult, places: Places) -> dict[str, object]:
    return {
        "name": result.case.label,
        "at": places.test((*result.case.path, "name")),
        "rules": list(result.case.rules) if result.case.rules is not None else None,
        "passed": result.passed,
        "failures": [failure_json(failure, places) for failure in result.failures],
    }
