"""What one step wants from one operation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.model import rfc3339

CLOCK_GRACE_MS: Final = 60_000
"""How far an API's clock may be behind ours: it would date what our first try made before that try."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one step wants from one operation, rendered: enough to build its requests again and again.

    `key` is the idempotency key, `since` the time from which on a record may be of an earlier try (`since_first_try`).
    """

    params: Mapping[str, object]
    settings: Mapping[str, object]
    key: str
    since: str

    def scope(self) -> dict[str, object]:
        """The names that a connector's templates see."""
        return {"params": self.params, "settings": self.settings, "key": self.key, "since": self.since}


def since_first_try(first_tried_ms: int) -> str:
    """From when on what the API dates may be ours (RFC 3339 UTC): since the first try, with room for its clock.

    The one place in which that room is given, so that a look before a repeat only compares with it.
    """
    return rfc3339(max(0, first_tried_ms - CLOCK_GRACE_MS))
