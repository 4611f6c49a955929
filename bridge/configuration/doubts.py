"""What is right, but probably not meant: rules that never match, do it twice, exceed a limit, lack braces or hosts."""

from collections.abc import Collection, Mapping, Sequence

from bridge.configuration.across import Placed
from bridge.configuration.report import Report
from bridge.connectors.destination import Destination
from bridge.diagnostics import Place, Severity
from bridge.rules.braces import without_braces
from bridge.rules.budgets import over_budget
from bridge.rules.doubled import Candidate, Double, doubles
from bridge.rules.problem import Problem
from bridge.rules.provisions import unprovided
from bridge.rules.reachability import unreachable


def check_doubts(
    report: Report, placed: Sequence[Placed], sources: Collection[str], destinations: Mapping[str, Destination]
) -> None:
    """Warn of everything certain about the rules in use that have no mistakes.

    Args:
        report: takes the findings.
        placed: the rules that could be read.
        sources: the names of all sources that the configuration defines.
        destinations: those that are right.
    """
    limits = {name: destination.limits for name, destination in destinations.items()}
    used: list[tuple[Placed, Candidate]] = []
    for each in placed:
        if each.rule is None or not each.shape.enabled:
            continue
        never = list(unreachable(each.shape, each.rule, sources))
        doubtful = (*without_braces(each.shape), *over_budget(each.shape, each.rule, limits))
        for problem in (*never, *doubtful, *unprovided(each.shape, each.rule, destinations)):
            _warn(report, each, problem)
        if not any(problem.code == "BR410" for problem in never):
            used.append((each, Candidate(each.shape, each.rule)))
    for double in doubles([candidate for _, candidate in used]):
        first, second = used[double.first][0], used[double.second][0]
        if first.shape.name != second.shape.name:  # one name for two rules is refused already
            _warn_of_double(report, first, second, double)


def _warn(report: Report, each: Placed, problem: Problem) -> None:
    path = (*each.at, *problem.path)
    place = (
        each.document.place_of(path)
        if problem.offset is None
        else Place(each.document.name, each.document.span_inside(path, problem.offset, problem.length))
    )
    notes = problem.notes if each.shape.name in problem.message else (f"rule `{each.shape.name}`", *problem.notes)
    report.add(
        problem.code,
        problem.message,
        place,
        label=problem.label,
        notes=notes,
        helps=problem.helps,
        severity=Severity.WARNING,
    )


def _warn_of_double(report: Report, first: Placed, second: Placed, double: Double) -> None:
    use = first.shape.steps[double.step_of_first].use
    if double.whole:
        message = f"rules `{first.shape.name}` and `{second.shape.name}` say the same"
        place, related = second.place(("name",)), (first.place(("name",)), "the first one")
    else:
        message = (
            f"for every event of rule `{first.shape.name}`, rule `{second.shape.name}` makes the same call `{use}`"
        )
        place = second.place(("steps", double.step_of_second, "use"))
        related = (first.place(("steps", double.step_of_first, "use")), "made here")
    report.add(
        "BR412",
        message,
        place,
        label="every call is made twice" if double.is_upsert else "the record is written twice",
        notes=("every rule that matches an event runs, whatever their order",),
        helps=("remove one of the two, or let their `on` or `if` tell the events apart",),
        related=(related,),
        severity=Severity.WARNING,
    )
