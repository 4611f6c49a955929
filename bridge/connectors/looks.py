"""What a connector file says about asking the account itself (`live`), for `crm-bridge check --live`.

Every look is one read-only request with its pages. Texts with `{{ }}` see `settings` and `of` (what the look is asked
about, such as `contacts`); expressions see `body` or, of one thing in the list, `item`, and of what is in it, `part`.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bridge.connectors.parts import Fileless, Part, Request, Status
from bridge.diagnostics import Flag

Kind = Literal["number", "integer", "boolean", "time"]
"""What a value of a type must be; a type that is none of these takes any text."""


def _only_reads(request: Request) -> Request:
    if request.method != "GET":
        raise ValueError("a look only reads: its method is GET")
    return request


Reading = Annotated[Request, AfterValidator(_only_reads)]


class Account(Part):
    """The first look: whether the address is right and the credentials are taken, and whose account it is."""

    request: Reading
    """The read-only request."""
    needs: tuple[str, ...] = ()
    """Settings without which it cannot be asked."""
    path_of: str | None = None
    """The setting that holds the request's whole path."""
    status: tuple[Status, ...] = (200,)
    """The statuses that mean that the credentials are taken."""
    body: Literal["json", "any"] = "json"
    """Whether the answer must be JSON."""
    shows: dict[str, str] = Field(default_factory=dict)
    """Words for the summary: name -> expression on `body`."""

    @model_validator(mode="after")
    def _needs_its_path(self) -> Self:
        if self.path_of is not None and self.path_of not in self.needs:
            raise ValueError("`path_of` names one of the `needs`")
        return self


class Scopes(Part):
    """How to learn what the credentials may do; of several, the first whose `needs` the destination has.

    Its templates also see the secrets among `settings`, and `token`: the bearer token that requests carry. It may be
    a POST, because a token belongs into no address.
    """

    needs: tuple[str, ...] = ()
    """Settings without which it cannot be asked."""
    request: Fileless
    """The request."""
    list: str
    """An expression on `body` for the list of scopes."""


class Inside(Part):
    """What is in one thing of a list: the stages of a pipeline, the options of a field."""

    noun: str = "option"
    """What one of them is called, in messages."""
    list: str
    """An expression on `item`."""
    id: str
    """An expression on `part`: what rules call it."""
    title: str | None = None
    """An expression on `part`: the same for people."""


class Creation(Part):
    """How `--fix` creates a thing that rules need.

    Templates see `settings`, `of`, `name`, `unique` (whether rules look records up by it) and `like` (the thing that
    the table of the same name names for `of`, as the account gave it).
    """

    request: Fileless
    """The request that creates it."""
    kind: str
    """What is created, in the question to the person: text, a number."""
    like: dict[str, str]
    """What the look is asked about -> a thing that is there already, to take the place of the new one from."""
    reserved: str | None = None
    """A beginning of names that only the vendor may give."""


class Look(Part):
    """One list that the account has."""

    noun: str
    """What one thing of it is called, in messages."""
    request: Reading
    """The read-only request."""
    items: str
    """The keys on the way to the list in the answer: `results`, or `data.fields`."""
    next: str | None = None
    """An expression on `body` for the next page's address, null at the end."""
    id: str
    """An expression on `item`: what rules call it."""
    title: str | None = None
    """The same for people."""
    usable: str | None = None
    """A condition on `item`: when it is false, the thing is there, but rules cannot use it."""
    unique: str | None = None
    """A condition on `item`: whether records can be looked up by it."""
    type: str | None = None
    """An expression on `item`, for `kinds`."""
    kinds: dict[str, Kind] = Field(default_factory=dict)
    """The account's word for a type -> what a value must be."""
    options: Inside | None = None
    """The values that it takes, where it does not take any."""
    separator: str | None = None
    """What stands between several options in one text."""
    inside: Inside | None = None
    """What is in one thing of the list."""
    create: Creation | None = None
    """How `--fix` creates one."""
    missing: str | None = None
    """What to do about a thing that is not there."""
    not_unique: str | None = None
    """What to do about a thing that should be unique and is not."""


class Claim(Part):
    """Where operations name things of the account."""

    operations: tuple[str, ...]
    """The operations that it is about."""
    at: str
    """The place in a step's `with`: `group_id`, `properties.hs_pipeline`, `custom_fields[].id`."""
    names: Literal["value", "keys", "inside"] = "value"
    """Whether the value there is the thing's name, each of its keys is, or it is something `inside` such a thing."""
    look: str
    """The name of the look to ask."""
    setting: str | None = None
    """The destination's setting of type `ids` that gives such things names: keys must be among them, values numbers."""
    of: str = ""
    """What the look is asked about, such as `contacts`."""
    unique: Flag = False
    """Records are looked up by it."""
    takes: str | None = None
    """The place of what is written into the thing: `custom_fields[].value`. Of `keys` it is what stands at each."""
    not_judged: tuple[str, ...] = ()
    """Of `keys`: those whose values another claim speaks of."""
    within: str | None = None
    """For `inside`: the place of the thing that it must be in."""


class Live(Part):
    """What can be asked of an account, and which parts of rules it can prove or disprove."""

    account: Account
    """The first look: address, credentials, whose account it is."""
    scopes: tuple[Scopes, ...] = ()
    """How to learn what the credentials may do."""
    looks: dict[str, Look] = Field(default_factory=dict)
    """name -> a list that the account has."""
    claims: tuple[Claim, ...] = ()
    """Where operations name things of the account."""

    @model_validator(mode="after")
    def _claims_can_be_asked(self) -> Self:
        for claim in self.claims:
            look = self.looks.get(claim.look)
            if look is None:
                raise ValueError(f"a claim about `{claim.at}` asks `{claim.look}`, which is not among `looks`")
            if claim.names == "inside" and look.inside is None:
                raise ValueError(
                    f"a claim about `{claim.at}` is about what is inside, but `{claim.look}` has no `inside`"
                )
            if claim.unique and look.unique is None:
                raise ValueError(
                    f"a claim about `{claim.at}` is about what is unique, but `{claim.look}` has no `unique`"
                )
        return self
