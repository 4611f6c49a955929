"""What a rule needs of the settings of its destinations and they do not have, so that the call could only die."""

from collections.abc import Iterator, Mapping

from bridge.connectors.destination import Destination
from bridge.diagnostics import suggest
from bridge.rules.claims import Named, names_of
from bridge.rules.constants import Constants, never_happens
from bridge.rules.problem import Path, Problem, did_you_mean, listed
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


def unknown_names(shape: RuleShape, rule: Rule, destinations: Mapping[str, Destination]) -> Iterator[Problem]:
    """Names that a setting such as `ticket_fields` should give and does not, where the rule says them itself.

    Args:
        shape: the rule as written.
        rule: the same, compiled.
        destinations: those that are right.
    """
    for named in names_of(shape, rule):
        destination = destinations.get(named.destination)
        given = None if destination is None else destination.settings.get(named.setting, {})
        if isinstance(given, Mapping) and not (_is_number(named.name) if named.number else named.name in given):
            yield _no_number(named, given) if named.number else _no_name(named, given)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _no_name(named: Named, given: Mapping[str, object]) -> Problem:
    missing = f"add it there: `{named.setting}: {{{named.name}: …}}`, with its number"
    return Problem(
        "BR209",
        f"`{named.setting}` of destination `{named.destination}` gives no number to `{named.name}`",
        named.spot.path,
        label="unknown name",
        notes=(f"names there: {listed(given) or 'none'}",),
        helps=did_you_mean(named.name, given) or (missing,),
        on_key=named.spot.on_key,
    )


def _no_number(named: Named, given: Mapping[str, object]) -> Problem:
    meant = named.name if named.name in given else suggest(named.name, given)
    number = f"write the number `{given[meant]}`" if meant is not None else "write the number that the API gives it"
    by_name = f", or give it by its name: `{named.names_at}: {{{meant or named.name}: …}}`" if named.names_at else ""
    return Problem(
        "BR104",
        f"`{named.name}` is a name, and here stands a number",
        named.spot.path,
        label="no number",
        helps=(number + by_name,),
    )


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
