"""By what else a person is known: further addresses and numbers beside the main ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.zendesk.moments import moment
from bridge.sandbox.zendesk.refusals import invalid_record
from bridge.sandbox.zendesk.users import User

TYPES = (
    "email",
    "twitter",
    "facebook",
    "google",
    "phone_number",
    "agent_forwarding",
    "any_channel",
    "foreign",
    "sdk",
    "messaging",
)
_FIRST_ID = 770_001


@dataclass(slots=True)
class Identity:
    """One of them."""

    id: int
    user_id: int
    type: str
    value: str
    verified: bool
    primary: bool
    created_at_ms: int

    def shown(self, root: str) -> dict[str, Any]:
        """As the API gives it."""
        return {
            "id": self.id,
            "url": f"{root}/api/v2/users/{self.user_id}/identities/{self.id}.json",
            "user_id": self.user_id,
            "type": self.type,
            "value": self.value,
            "verified": self.verified,
            "primary": self.primary,
            "created_at": moment(self.created_at_ms),
            "updated_at": moment(self.created_at_ms),
        }


class Identities:
    """All identities; an address that a user has is one by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ids = count(_FIRST_ID)
        self._all: list[Identity] = []

    def of(self, user: User) -> Iterator[Identity]:
        """Those of one user."""
        if user.email and not self._has(user.id, "email", user.email):
            self._keep(user.id, "email", user.email, verified=True, primary=True)
        return (identity for identity in self._all if identity.user_id == user.id)

    def add(self, user: User, wanted: Mapping[str, Any]) -> Identity:
        """One more.

        Raises:
            Refused: 422 for its kind or value, or because somebody has it.
        """
        kind, value = wanted.get("type"), wanted.get("value")
        if kind not in TYPES:
            raise invalid_record("type", "Type: is invalid", "InvalidValue")
        if not isinstance(value, str) or not value.strip():
            raise invalid_record("value", "Value: cannot be blank", "BlankValue")
        if any(identity.type == kind and identity.value.casefold() == value.casefold() for identity in self._all):
            raise invalid_record("value", f"Value: {kind} is already being used by another user", "DuplicateValue")
        is_first = not any(identity.type == kind for identity in self.of(user))
        primary = is_first or wanted.get("primary") is True
        for identity in self.of(user) if primary else ():
            identity.primary = identity.primary and identity.type != kind
        return self._keep(user.id, kind, value, verified=wanted.get("verified") is True, primary=primary)

    def _has(self, user_id: int, kind: str, value: str) -> bool:
        return any((each.user_id, each.type, each.value) == (user_id, kind, value) for each in self._all)

    def _keep(self, user_id: int, kind: str, value: str, *, verified: bool, primary: bool) -> Identity:
        identity = Identity(next(self._ids), user_id, kind, value, verified, primary, self._clock.now_ms())
        self._all.append(identity)
        return identity
