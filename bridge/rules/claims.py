"""What rules take for granted about the account: the things they name, and what they write into them.

A connector says where operations name things (`live.claims`); here that meets the constants of the rules. What only an
event tells is not claimed: nobody can judge it before it is there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bridge.connectors.looks import Claim as Place
from bridge.connectors.wire import as_text
from bridge.rules.constants import VARYING, Constants, Path, never_happens
from bridge.rules.rule import Rule, Step
from bridge.rules.schema import RuleShape


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a rule: `path` is inside the rule, `on_key` means the key there."""

    rule: str
    path: Path
    on_key: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a claim is about: one list of one destination's account."""

    destination: str
    look: str
    of: str


@dataclass(frozen=True, slots=True)
class Exists:
    """A thing must be there, and records can be looked up by it when it must be `unique`."""

    spot: Spot
    subject: Subject
    id: str
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Takes:
    """A thing must take this value. What a list chooses is one claim each."""

    spot: Spot
    subject: Subject
    id: str
    value: str


@dataclass(frozen=True, slots=True)
class Inside:
    """Something must be in the thing `within`, or in any one when that is None."""

    spot: Spot
    subject: Subject
    id: str
    within: str | None


@dataclass(frozen=True, slots=True)
class Allowed:
    """One of these scopes must be granted."""

    spot: Spot
    destination: str
    operation: str
    scopes: tuple[str, ...]


Claim = Exists | Takes | Inside | Allowed


@dataclass(frozen=True, slots=True)
class Named:
    """A name that a setting of the destination must know, or, as `number`, what must be no name but a number.

    `names_at` is where in `with` the operation takes names of the setting, if anywhere.
    """

    spot: Spot
    destination: str
    setting: str
    name: str
    number: bool
    names_at: str | None


def claims_of(shape: RuleShape, rule: Rule) -> Iterator[Claim]:
    """All claims of one rule; none of what can never happen."""
    for index, step, given in _steps(shape, rule):
        at: Path = ("steps", index)
        yield from _allowed(rule.name, step, (*at, "use"))
        for place in _places(step):
            yield from _named(rule.name, step, place, given, (*at, "with"))


def names_of(shape: RuleShape, rule: Rule) -> Iterator[Named]:
    """All names of one rule that settings of its destinations must know; none of what can never happen."""
    for index, step, given in _steps(shape, rule):
        places = [place for place in _places(step) if place.setting is not None]
        names_at = {place.setting: place.at for place in places if place.names == "keys"}
        for place in places:
            for spot, name in _spelled(rule.name, place, given, ("steps", index, "with")):
                setting = place.setting or ""
                yield Named(spot, step.destination, setting, name, not spot.on_key, names_at.get(setting))


def _spelled(rule: str, place: Place, given: object, at: Path) -> Iterator[tuple[Spot, str]]:
    """The names at a place, or its keys, that are the same for every event."""
    for path, value in _found(given, place.at):
        if place.names == "keys":
            for key in value if isinstance(value, Mapping) else ():
                yield Spot(rule, (*at, *path, key), on_key=True), str(key)
        elif (name := _name(value)) is not None:
            yield Spot(rule, (*at, *path)), name


def _steps(shape: RuleShape, rule: Rule) -> Iterator[tuple[int, Step, object]]:
    """The steps that may run, each with the constants of its `with`."""
    constants = Constants(shape)
    if never_happens(constants, rule.condition):
        return
    for index, (step, written) in enumerate(zip(rule.steps, shape.steps, strict=True)):
        if not never_happens(constants, step.condition):
            yield index, step, constants.given(step, dict(written.with_))


def _places(step: Step) -> Iterator[Place]:
    """Where the step's operation names things."""
    live = step.operation.connector.live
    for place in live.claims if live is not None else ():
        if any(fnmatchcase(step.operation.name, pattern) for pattern in place.operations):
            yield place


def subjects(claims: Iterable[Claim]) -> list[Subject]:
    """The lists that must be asked for, each once."""
    return list(dict.fromkeys(claim.subject for claim in claims if not isinstance(claim, Allowed)))


def _allowed(rule: str, step: Step, path: Path) -> Iterator[Allowed]:
    for scopes in step.operation.operation.scopes:
        one_of = (scopes,) if isinstance(scopes, str) else scopes
        yield Allowed(Spot(rule, path), step.destination, step.operation.name, one_of)


def _named(rule: str, step: Step, place: Place, given: object, at: Path) -> Iterator[Claim]:
    subject = Subject(step.destination, place.look, place.of)
    for path, value in _found(given, place.at):
        if place.names == "keys":
            yield from _keys(rule, place, subject, value, (*at, *path))
            continue
        name = _name(value)
        if name is None:
            continue
        spot = Spot(rule, (*at, *path))
        if place.names == "inside":
            around = list(_found(given, place.within)) if place.within else []
            known = [_name(beside) for _, beside in around]
            if all(known):  # what is inside of a thing that only the event tells cannot be judged
                yield Inside(spot, subject, name, known[0] if known else None)
            continue
        yield Exists(spot, subject, name, unique=place.unique)
        if place.takes is not None:
            yield from _beside(rule, place, subject, name, given, path, at)


def _keys(rule: str, place: Place, subject: Subject, value: object, at: Path) -> Iterator[Claim]:
    if not isinstance(value, Mapping):
        return
    for key, item in value.items():
        yield Exists(Spot(rule, (*at, key), on_key=True), subject, str(key))
        if key not in place.not_judged:
            yield from _takes(Spot(rule, (*at, key)), subject, str(key), item)


def _beside(
    rule: str, place: Place, subject: Subject, name: str, given: object, path: Path, at: Path
) -> Iterator[Claim]:
    """What is written into the thing that `path` names: it stands where `takes` says, in the same item of a list."""
    for other, value in _found(given, place.takes or ""):
        if other[:-1] == path[:-1]:
            yield from _takes(Spot(rule, (*at, *other)), subject, name, value)


def _takes(spot: Spot, subject: Subject, name: str, value: object) -> Iterator[Takes]:
    values = value if isinstance(value, list) else [value]
    for each in values:
        if each is VARYING or each is None or each == "" or isinstance(each, list | Mapping):
            continue
        yield Takes(spot, subject, name, as_text(each))


def _name(value: object) -> str | None:
    """A constant that can be a name; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return as_text(value)


def _found(given: object, at: str) -> Iterator[tuple[Path, object]]:
    """Every value at a place such as `custom_fields[].id`, with its path; what is not there is left out."""
    yield from _walk(given, at.replace("[]", ".[]").split("."), ())


def _walk(value: object, keys: Sequence[str], path: Path) -> Iterator[tuple[Path, object]]:
    if not keys:
        yield path, value
        return
    key, rest = keys[0], keys[1:]
    if key == "[]":
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from _walk(item, rest, (*path, index))
    elif isinstance(value, Mapping) and key in value:
        yield from _walk(value[key], rest, (*path, key))
