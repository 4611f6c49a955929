"""What a rule needs of the settings of its destinations and they do not have, so that the call could only die."""

from collections.abc import Iterator, Mapping

from bridge.connectors.destination import Destination
from bridge.rules.constants import Constants, never_happens
from bridge.rules.problem import Path, Problem
from bridge.rules.rule import Mode, Rule
from bridge.rules.schema import RuleShape


def unprovided(shape: RuleShape, rule: Rule, destinations: Mapping[str, Destination]) -> Iterator[Problem]:
    """The steps that pass on files, at destinations that name no host to fetch them from.

    Args:
        shape: the rule as written.
        rule: the same, compiled.
        destinations: those that are right.
    """
    if rule.mode is not Mode.LIVE:
        return  # nothing is fetched for it
    constants = Constants(shape)
    if never_happens(constants, rule.condition):
        return
    for index, step in enumerate(rule.steps):
        destination = destinations.get(step.destination)
        if destination is None or step.operation.operation.request.fetch is None or destination.fetch.hosts:
            continue
        if not never_happens(constants, step.condition):
            yield _no_hosts(step.id, step.label, destination.name, ("steps", index, "use"))


def _no_hosts(step: str, use: str, destination: str, path: Path) -> Problem:
    return Problem(
        "BR415",
        f"step `{step}` passes on files, and destination `{destination}` names no host to fetch them from",
        path,
        label="every file is refused",
        helps=(
            f"add `fetch: {{hosts: [media.example.com]}}` to destination `{destination}`, with the files' own hosts",
        ),
        notes=(f"`{use}` asks only the hosts that the destination's `fetch` names",),
    )
