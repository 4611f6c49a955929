"""What `check --live --fix` may create: things that rules need, that are not there, and that have no near namesake."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.connectors.looking import CompiledCreation, Thing
from bridge.diagnostics import suggest
from bridge.rules.claims import Claim, Exists, Subject
from bridge.rules.judging import Known, Things


@dataclass(frozen=True, slots=True)
class Wanted:
    """A thing that may be created; `like` is the one whose place it takes."""

    subject: Subject
    noun: str
    id: str
    unique: bool
    like: Thing
    creation: CompiledCreation

    def __str__(self) -> str:
        of = f" of {self.subject.of}" if self.subject.of else ""
        kind = f"unique {self.creation.creation.kind}" if self.unique else self.creation.creation.kind
        return f"{self.subject.destination}: {self.noun} `{self.id}`{of} ({kind})"


@dataclass(frozen=True, slots=True)
class Refused:
    """A thing that a person has to decide about, and why."""

    subject: Subject
    noun: str
    id: str
    why: str

    def __str__(self) -> str:
        of = f" of {self.subject.of}" if self.subject.of else ""
        return f"{self.subject.destination}: {self.noun} `{self.id}`{of}: {self.why}"


def creations(claims: Iterable[Claim], accounts: Mapping[str, Known]) -> list[Wanted | Refused]:
    """What is missing and can be created, or why it is not, each once. What exists is never touched."""
    missing: dict[tuple[Subject, str], bool] = {}
    for claim in claims:
        if isinstance(claim, Exists) and _is_missing(claim, accounts):
            key = (claim.subject, claim.id)
            missing[key] = missing.get(key, False) or claim.unique
    decided = []
    for (subject, name), unique in missing.items():
        known = accounts[subject.destination]
        look = known.looks[subject.look]
        if look.create is not None:
            things = known.things[subject]
            decided.append(_decide(subject, look.look.noun, name, look.create, things, unique=unique))
    return decided


def _is_missing(claim: Exists, accounts: Mapping[str, Known]) -> bool:
    known = accounts.get(claim.subject.destination)
    things = known.things.get(claim.subject) if known is not None else None
    return things is not None and claim.id not in things


def _decide(
    subject: Subject, noun: str, name: str, creation: CompiledCreation, things: Things, *, unique: bool
) -> Wanted | Refused:
    if not creation.may_be_called(name):
        reserved = creation.creation.reserved
        return Refused(subject, noun, name, f"names that begin with `{reserved}` can only be given by the vendor")
    namesake = suggest(name, _namesakes(creation, things, unique=unique))
    if namesake is not None:
        return Refused(subject, noun, name, f"probably a misspelling of `{namesake}`; if not, create it by hand")
    like = things.get(creation.creation.like.get(subject.of, ""))
    if like is None:
        return Refused(subject, noun, name, "the connector does not say where in the account it belongs")
    return Wanted(subject, noun, name, unique, like, creation)


def _namesakes(creation: CompiledCreation, things: Things, *, unique: bool) -> list[str]:
    """What a misspelling may have meant: for a key only what is unique. The vendor's own names are too many."""
    return [
        thing.id
        for thing in things.values()
        if creation.may_be_called(thing.id) and thing.usable and (thing.unique or not unique)
    ]
