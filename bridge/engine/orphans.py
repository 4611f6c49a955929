"""Orphans: deliveries whose rule or destination is not configured any more.

Nothing is lost by an edit: an orphan stays open. It steps out of its lanes, so that other rules' deliveries of the same
customer go on, and waits in a queue that nobody claims from, named after what is missing. When that is back (a reload,
or the next start) the orphans of it enter their lanes at the end, in the order in which they were accepted.
"""

from bridge.clock import Clock
from bridge.engine.present import Present
from bridge.model import Delivery
from bridge.store.protocol import Known, Store, Wake

_RULE = "orphaned/rule/"
_DESTINATION = "orphaned/destination/"
AT_ONCE = 2_000
"""How many stand in line again in one transaction, so that none holds up acceptance for long; routing waits for all."""


def queue_of_rule(name: str) -> str:
    """Where the orphans of a rule wait."""
    return _RULE + name


def queue_of_destination(name: str) -> str:
    """Where the orphans of a destination wait."""
    return _DESTINATION + name


def is_of_orphans(queue: str) -> bool:
    """Whether a queue is one of these, and not that of a limit."""
    return queue.startswith((_RULE, _DESTINATION))


def known(present: Present) -> Known:
    """What is configured now."""
    rules = [rule.name for rule in present.configuration.rules.rules]
    return Known(rules, list(present.outlets.all()))


def why_orphaned(rule: str, destination: str, present: Present) -> str | None:
    """What a delivery of that rule at that destination lacks, for a person; None when it lacks nothing."""
    if present.configuration.rules.by_name(rule) is None:
        return f"rule `{rule}` is not configured any more, or not enabled"
    if present.outlets.get(destination) is None:
        return f"destination `{destination}` is not configured any more"
    return None


def orphaned(delivery: Delivery, present: Present) -> str | None:
    """Why an open delivery is an orphan; None when it is none."""
    return why_orphaned(delivery.rule, delivery.destination, present) if delivery.state.is_open else None


async def rejoin(store: Store, present: Present, clock: Clock) -> tuple[int, Wake]:
    """Let the orphans of all that is configured now stand in line again; returns how many, and whom to wake."""
    found = known(present)
    queues = [*map(queue_of_rule, found.rules), *map(queue_of_destination, found.destinations)]
    count, wake = 0, frozenset[str]()
    while True:
        again = await store.rejoin(queues, now_ms=clock.now_ms(), limit=AT_ONCE)
        count, wake = count + again.count, wake | again.wake
        if again.count < AT_ONCE:
            return count, wake
