"""The `auth:` block that a destination of the generic connector may have."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class GivenAuth(BaseModel):
    """The `auth:` block of a destination of the generic connector."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["none", "bearer", "basic", "header"]
    """`bearer` (with `token`), `basic` (`username`, `password`), `header` (`name`, `value`) or `none`."""
    token: SecretStr | None = None
    """`bearer`: the token."""
    username: str | None = None
    """`basic`: the user."""
    password: SecretStr | None = None
    """`basic`: the password."""
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,100}$")
    """`header`: the header's name."""
    value: SecretStr | None = None
    """`header`: the header's value."""

    def missing(self) -> str | None:
        """The key that this type needs and has not got."""
        needs = {"bearer": ("token",), "basic": ("username", "password"), "header": ("name", "value")}
        return next((name for name in needs.get(self.type, ()) if not getattr(self, name)), None)
