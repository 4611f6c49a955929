"""A shipped connector under a rule, driven by hand with scripted answers: see `tests.rules.builders.Driver`."""

from bridge.connectors.library import shipped
from bridge.rules.compile import compile_rule
from tests.rules.builders import Driver, shape

DESTINATION = "desk"


def driven(connector: str, step: str) -> Driver:
    """A delivery of a rule with this one step; `{use: desk.tickets.create, with: {…}}`."""
    rule, problems = compile_rule(shape(f"steps: [{step}]"), {DESTINATION: shipped(connector)})
    assert rule is not None, problems
    return Driver(rule)
