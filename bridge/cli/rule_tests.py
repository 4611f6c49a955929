"""The tests of the rules, tried: what the command prints, and the same for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.rule_tests import RuleTestsFile, bench_of, check_tests
from bridge.connectors.opened import PartPath
from bridge.rules.testing.coverage import Coverage, Gap, coverage
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


def place_in_rule(loaded: LoadedConfiguration, rule: str, path: RulePath) -> Located:
    """Where something of a rule stands; a step may be given by its id."""
    placed = loaded.rules[rule]
    if path[:1] == ("steps",) and len(path) > 1 and isinstance(path[1], str):
        ids = [step.id for step in placed.shape.steps]
        path = ("steps", ids.index(path[1]), *path[2:]) if path[1] in ids else ()
    whole = (*placed.at, *path)
    node = placed.document.nodes.get(whole)
    text = str(placed.document.value(whole)) if node is not None and node.style is not None else None
    return Located(str(placed.place(path)), text)


def places_of(file: RuleTestsFile, loaded: LoadedConfiguration) -> Places:
    """Where things of the rules and of a test file stand."""

    def in_test(path: PartPath) -> str:
        place = file.place(path)
        return f"{place.file}:{place.span.line}" if place.span is not None else place.file

    return Places(partial(place_in_rule, loaded), in_test)


def covered(tried: Sequence[Tried], loaded: LoadedConfiguration, rule: str | None = None) -> Coverage:
    """What the tests have covered of the configuration's rules, or of one of them."""
    rules = {
        name: placed.rule
        for name, placed in loaded.rules.items()
        if placed.rule is not None and placed.shape.enabled and rule in {None, name}
    }
    return coverage(rules, (result.seen for each in tried for result in each.results))


def coverage_lines(found: Coverage, loaded: LoadedConfiguration) -> list[str]:
    """The coverage for people: what is missing, each with its place, and how much there is."""
    lines = [f"  {place_in_rule(loaded, gap.rule, gap.path).place}  {_gap_text(gap)}" for gap in found.gaps]
    head = ["not covered by any test:", *lines, ""] if lines else []
    return [*head, f"coverage: {found.called} of {found.steps} steps ({found.percent:.0f}%)"]


def _gap_text(gap: Gap) -> str:
    step = f", step `{gap.step}`" if gap.step is not None else ""
    match gap.kind:
        case "rule":
            return f"rule `{gap.rule}`: no event reaches it"
        case "step":
            return f"rule `{gap.rule}`{step}: never called"
        case "condition":
            return f"rule `{gap.rule}`{step}: its `if` is never {gap.never}"


def coverage_json(found: Coverage, loaded: LoadedConfiguration) -> dict[str, object]:
    """The coverage for programs."""
    gaps = [
        {
            "kind": gap.kind,
            "rule": gap.rule,
            "step": gap.step,
            "never": gap.never or None,
            "at": place_in_rule(loaded, gap.rule, gap.path).place,
        }
        for gap in found.gaps
    ]
    return {"steps": found.steps, "called": found.called, "percent": round(found.percent, 1), "gaps": gaps}


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
