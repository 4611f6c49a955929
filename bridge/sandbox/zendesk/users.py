"""The people of a Zendesk account. A person is known by external id (whatever its case) or e-mail, never by phone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.zendesk.moments import moment
from bridge.sandbox.zendesk.refusals import invalid_attribute, invalid_record, not_found

AGENT_ID = 360_000_000_001
ROLES = ("end-user", "agent", "admin")
_WRITABLE = ("external_id", "phone", "notes", "details", "locale", "time_zone", "alias", "organization_id")


@dataclass(slots=True)
class User:
    """One person."""

    id: int
    name: str
    created_at_ms: int
    updated_at_ms: int
    email: str | None = None
    role: str = "end-user"
    tags: list[str] = field(default_factory=list)
    user_fields: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def external_id(self) -> str | None:
        """The sender's own name for the person."""
        return self.values.get("external_id")

    @property
    def is_agent(self) -> bool:
        """Whether Zendesk treats what they write as an agent's."""
        return self.role != "end-user"

    def shown(self, root: str) -> dict[str, Any]:
        """The person as the users API gives them."""
        return {
            "id": self.id,
            "url": f"{root}/api/v2/users/{self.id}.json",
            "name": self.name,
            "email": self.email,
            "created_at": moment(self.created_at_ms),
            "updated_at": moment(self.updated_at_ms),
            **{name: self.values.get(name) for name in _WRITABLE},
            "shared_phone_number": None,
            "role": self.role,
            "verified": True,
            "active": True,
            "suspended": False,
            "tags": self.tags,
            "user_fields": self.user_fields,
        }


class Users:
    """All people; the first one is the agent that every API call acts as."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ids = count(AGENT_ID)
        self._users: dict[int, User] = {}
        self._by_external_id: dict[str, int] = {}
        self._by_email: dict[str, int] = {}
        agent = self._save(None, {"name": "Sandbox Agent", "email": "agent@example.com", "role": "admin"})
        self.agent = agent

    def __iter__(self) -> Iterator[User]:
        return iter(tuple(self._users.values()))

    def find(self, user_id: object) -> User | None:
        """The person with an id, None for any other value."""
        return self._users.get(user_id) if isinstance(user_id, int) else None

    def get(self, user_id: int) -> User:
        """As :meth:`find`.

        Raises:
            Refused: 404.
        """
        user = self.find(user_id)
        if user is None:
            raise not_found()
        return user

    def by_external_id(self, external_id: object) -> User | None:
        """The person with an external id; case does not count."""
        return self._users.get(self._by_external_id.get(str(external_id).casefold(), 0))

    def by_email(self, email: object) -> User | None:
        """The person with an e-mail address; case does not count."""
        return self._users.get(self._by_email.get(str(email).casefold(), 0))

    def upsert(self, wanted: Mapping[str, Any]) -> tuple[User, bool]:
        """Create a person or change the one with this external id or e-mail; true when created.

        Raises:
            Refused: 422.
        """
        known = None
        if wanted.get("external_id"):
            known = self.by_external_id(wanted["external_id"])
        if known is None and wanted.get("email"):
            known = self.by_email(wanted["email"])
        return self._save(known, wanted), known is None

    def create(self, wanted: Mapping[str, Any]) -> User:
        """Create a person.

        Raises:
            Refused: 422, also when the external id or e-mail is taken.
        """
        return self._save(None, wanted)

    def update(self, user: User, wanted: Mapping[str, Any]) -> User:
        """Change a person.

        Raises:
            Refused: 422.
        """
        return self._save(user, wanted)

    def _save(self, known: User | None, wanted: Mapping[str, Any]) -> User:
        self._check(known, wanted)
        now_ms = self._clock.now_ms()
        user = known or User(next(self._ids), str(wanted["name"]), now_ms, now_ms)
        self._users[user.id] = user
        self._forget_keys(user)
        user.name = str(wanted.get("name") or user.name)
        user.email = wanted.get("email") or user.email
        user.role = wanted.get("role") or user.role
        user.values.update({name: wanted[name] for name in _WRITABLE if name in wanted})
        user.tags = [str(tag) for tag in wanted.get("tags") or user.tags]
        user.user_fields.update(wanted.get("user_fields") or {})
        user.updated_at_ms = now_ms
        self._remember_keys(user)
        return user

    def _check(self, known: User | None, wanted: Mapping[str, Any]) -> None:
        name = wanted.get("name")
        if (known is None and not name) or ("name" in wanted and not (isinstance(name, str) and name.strip())):
            raise invalid_record("name", "Name: is too short (minimum one character)", "TooShort")
        if wanted.get("role", "end-user") not in ROLES:
            raise invalid_record("role", "Role: is not valid", "InvalidValue")
        if not isinstance(wanted.get("user_fields") or {}, dict):
            raise invalid_attribute("user_fields", "an object")
        if not isinstance(wanted.get("tags") or [], list):
            raise invalid_attribute("tags", "a list")
        email = wanted.get("email")
        if email is not None and (not isinstance(email, str) or "@" not in email):
            raise invalid_record("email", "Email: is not properly formatted", "InvalidValue")
        for field_name, owner in (("email", self.by_email(email)), ("external_id", self._owner_of(wanted))):
            if owner is not None and owner is not known:
                text = f"{field_name.capitalize()}: is already being used by another user"
                raise invalid_record(field_name, text, "DuplicateValue")

    def _owner_of(self, wanted: Mapping[str, Any]) -> User | None:
        return self.by_external_id(wanted["external_id"]) if wanted.get("external_id") else None

    def _forget_keys(self, user: User) -> None:
        self._by_external_id.pop(str(user.external_id).casefold(), None)
        self._by_email.pop(str(user.email).casefold(), None)

    def _remember_keys(self, user: User) -> None:
        if user.external_id:
            self._by_external_id[str(user.external_id).casefold()] = user.id
        if user.email:
            self._by_email[user.email.casefold()] = user.id
