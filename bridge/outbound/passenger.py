"""What waits for its turn at a destination, and what it may hear instead of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.connectors.call import Call
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.request import OutboundRequest

LONGEST_STAY_MS: Final = 4 * 60_000
"""Nobody waits longer for a place, and no departure begins its last request later.

A lease lasts ten minutes, and one has to cover a departure and the wait for the next step's.
"""


@dataclass(frozen=True, slots=True)
class Passenger:
    """One request of one delivery.

    `request` is its single form. `call` is what a batch is built from and what keyed limits read; a poll has none.
    `batchable` says that it may share a request with others (its operation has a batch form, and it is switched on).
    """

    operation: CompiledOperation
    call: Call | None
    request: OutboundRequest
    delivery: str
    replay: bool = False
    batchable: bool = False
    timeout_ms: int | None = None
    """How long its answer may take; None: as the destination says."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The API took the call to do it later; `handle` is JSON that says where to ask."""

    handle: Mapping[str, object]


class NotNow(Exception):  # noqa: N818 - reads as what is said
    """Nothing may leave for so long that waiting in memory makes no sense. It is not an attempt.

    `until_ms` is when to ask again, None when something has to happen first (a pause has to end, a place has to get
    free). `queue` is the limit in whose queue the delivery should wait, so that it keeps nobody else from the waiting
    room; "" for none. `reason` is a word for logs.
    """

    def __init__(self, until_ms: int | None, queue: str, reason: str) -> None:
        super().__init__(reason)
        self.until_ms = until_ms
        self.queue = queue
        self.reason = reason

    def again(self) -> "NotNow":
        """The same for somebody else who waited."""
        return NotNow(self.until_ms, self.queue, self.reason)
