from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Discriminator, Field, RootModel, Tag

from bridge.diagnostics.keys import Loc, keys_at


class Hmac(BaseModel):
    type: Literal["hmac"]
    secrets: list[str]


class Basic(BaseModel):
    type: Literal["basic"]
    user_name: str = Field(alias="user")


class Leaf(BaseModel):
    color: str


class Leaves(RootModel[list[Leaf]]):
    pass


def _kind(value: Any) -> str:
    return "leaf" if isinstance(value, dict) else "text"


class Top(BaseModel):
    verify: Annotated[Hmac | Basic, Field(discriminator="type")]
    many: dict[str, list[Leaf | None]] | None = None
    leaves: Leaves
    pair: tuple[Leaf, ...] = ()
    either: Annotated[Annotated[Leaf, Tag("leaf")] | Annotated[str, Tag("text")], Discriminator(_kind)] = ""
    on: str | list[str] = ""


@pytest.mark.parametrize(
    ("loc", "expected"),
    [
        ((), ["either", "leaves", "many", "on", "pair", "verify"]),
        (("verify",), ["secrets", "type", "user"]),
        (("verify", "hmac"), ["secrets", "type"]),
        (("verify", "basic"), ["type", "user"]),
        (("verify", "Basic"), ["type", "user"]),
        (("many", "x", 0), ["color"]),
        (("leaves", 3), ["color"]),
        (("pair", 0), ["color"]),
        (("either", "leaf"), ["color"]),
        (("on",), []),
    ],
)
def test_the_keys_at_a_place_are_those_of_its_models(loc: Loc, expected: list[str]) -> None:
    assert keys_at(Top, loc) == expected
