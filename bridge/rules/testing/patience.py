"""How long a delivery waits after an answer in virtual time: the longest that the engine would.

The engine draws each wait of a schedule from its second half (`bridge.engine.schedule`); a test takes its end, so that
it says the same every time. A differential test holds the two against each other.
"""

from bridge.connectors.destination import Destination
from bridge.connectors.verdict import Verdict
from bridge.rules.rule import Rule

DEFAULT_HOLD_MS = 10_000
LEAST_HOLD_MS = 1_000
LONGEST_HOLD_MS = 24 * 3_600_000


def is_over(rule: Rule, destination: Destination, *, since_first_ms: int) -> bool:
    """Whether the horizon has passed, `since_first_ms` after the first failure."""
    return since_first_ms >= _horizon_ms(rule, destination)


def own_wait_ms(rule: Rule, destination: Destination, *, failures: int, since_first_ms: int) -> int:
    """The wait after the `failures`-th failure by the schedule alone; it does not reach beyond the horizon."""
    waits = rule.schedule_ms or destination.schedule_ms
    wait = waits[min(failures, len(waits)) - 1]
    return min(wait, max(0, _horizon_ms(rule, destination) - since_first_ms))


def failure_wait_ms(own_ms: int, verdict: Verdict) -> int:
    """The wait after a failure, with what the API asks for."""
    return max(own_ms, verdict.wait_ms or 0, verdict.retry_after_ms or 0)


def limit_wait_ms(verdict: Verdict) -> int:
    """The wait after a refusal because of too many calls: what the API asks for, else the usual."""
    asked = [wait for wait in (verdict.retry_after_ms, verdict.wait_ms) if wait is not None]
    return min(max(max(asked, default=DEFAULT_HOLD_MS), LEAST_HOLD_MS), LONGEST_HOLD_MS)


def _horizon_ms(rule: Rule, destination: Destination) -> int:
    return destination.horizon_ms if rule.horizon_ms is None else rule.horizon_ms
