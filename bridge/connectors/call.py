"""What one step wants from one operation."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """What one step wants from one operation, rendered: enough to build its requests again and again.

    `key` is the idempotency key, `since` when the step was first tried (RFC 3339 UTC).
    """

    params: Mapping[str, object]
    settings: Mapping[str, object]
    key: str
    since: str

    def scope(self) -> dict[str, object]:
        """The names that a connector's templates see."""
        return {"params": self.params, "settings": self.settings, "key": self.key, "since": self.since}
