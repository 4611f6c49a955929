"""What a failed attempt means for its delivery: how long it waits, whether that counts, when patience ends."""

from dataclasses import dataclass

from bridge.connectors.destination import Destination
from bridge.connectors.verdict import Verdict
from bridge.engine.schedule import Schedule
from bridge.model import Delivery, Order, Outcome
from bridge.outbound.credentials import TokenRefused
from bridge.rules.rule import Rule

SERVER_ERROR = 500
REQUEST_TIMEOUT = 408


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one delivery keeps trying: the rule's own `retry`, else that of the destination."""

    schedule: Schedule
    failures: int
    """How often it has failed, this time included."""
    since_first_ms: int
    """How long ago it failed for the first time; while it was an orphan does not count."""

    @classmethod
    def of(
        cls, delivery: Delivery, rule: Rule, destination: Destination, *, now_ms: int, orphaned_ms: int = 0
    ) -> "Patience":
        """The patience with a delivery that has failed just now."""
        waits = rule.schedule_ms or destination.schedule_ms
        horizon = destination.horizon_ms if rule.horizon_ms is None else rule.horizon_ms
        first_ms = delivery.first_failed_at_ms or now_ms
        return cls(Schedule(waits, horizon), delivery.attempts + 1, max(0, now_ms - first_ms - orphaned_ms))

    @property
    def is_over(self) -> bool:
        """Whether the horizon has passed."""
        return self.schedule.is_over(since_first_ms=self.since_first_ms)

    def wait_ms(self) -> int:
        """How long to wait before the next try."""
        return self.schedule.wait_ms(self.failures, since_first_ms=self.since_first_ms)


def is_outage(verdict: Verdict) -> bool:
    """Whether the verdict speaks of the API as a whole: it cannot be reached, or it fails."""
    if verdict.outcome is not Outcome.RETRY_LATER:
        return False
    return verdict.status is None or verdict.status >= SERVER_ERROR or verdict.status == REQUEST_TIMEOUT


def steps_aside(delivery: Delivery, held_ms: int) -> bool:
    """Whether a head that has held its lanes for `held_ms` of its own waits must let the others pass."""
    return delivery.order is Order.HOLD and not delivery.stepped_aside and held_ms > delivery.order_hold_ms


def token_wait_ms(destination: Destination, refused: TokenRefused) -> int:
    """How long to wait before the token endpoint is asked again."""
    schedule = Schedule(destination.schedule_ms, destination.horizon_ms)
    return max(schedule.wait_ms(refused.failures), refused.retry_after_ms or 0)
