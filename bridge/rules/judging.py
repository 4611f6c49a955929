"""What an account has, held against what rules claim about it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.connectors.looking import CompiledLook, Thing
from bridge.connectors.looks import Kind, Look
from bridge.diagnostics import quoted_list, suggest
from bridge.expressions import RenderError, time_ms
from bridge.rules.claims import Allowed, Claim, Exists, Inside, Spot, Subject, Takes

Things = Mapping[str, Thing]

_KINDS: Mapping[Kind, str] = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "`true` or `false`",
    "time": "a date or a time",
}
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_FEW = 8
"""A list as short as this is shown whole."""


@dataclass(frozen=True, slots=True)
class Known:
    """What an account told. A list that is not there was not told, and nothing is judged by it."""

    looks: Mapping[str, CompiledLook]
    things: Mapping[Subject, Things] = field(default_factory=dict)
    scopes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that rules need and the account does not have, with every place that needs it."""

    code: str
    message: str
    spots: tuple[Spot, ...]
    label: str
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether the API will surely refuse it; some take a value for what their own page calls read-only."""
        return self.code != "BR456"


@dataclass(frozen=True, slots=True)
class _Found:
    code: str
    message: str
    label: str
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()


def judge(claims: Iterable[Claim], accounts: Mapping[str, Known]) -> list[Lack]:
    """Everything that is missing, each once, in the order of the claims.

    Args:
        claims: of all rules.
        accounts: what each destination's account told; one that could not be asked is not there.
    """
    spots: dict[_Found, list[Spot]] = {}
    for claim in claims:
        destination = claim.destination if isinstance(claim, Allowed) else claim.subject.destination
        known = accounts.get(destination)
        for found in _judged(claim, known) if known is not None else ():
            spots.setdefault(found, []).append(claim.spot)
    return [
        Lack(found.code, found.message, tuple(dict.fromkeys(where)), found.label, found.notes, found.helps)
        for found, where in spots.items()
    ]


def _judged(claim: Claim, known: Known) -> Iterator[_Found]:
    if isinstance(claim, Allowed):
        yield from _allowed(claim, known.scopes)
        return
    things = known.things.get(claim.subject)
    if things is None:
        return
    look = known.looks[claim.subject.look].look
    match claim:
        case Exists():
            yield from _exists(claim, things, look)
        case Takes():
            yield from _takes(claim, things, look)
        case Inside():
            yield from _inside(claim, things, look)


def _allowed(claim: Allowed, granted: frozenset[str] | None) -> Iterator[_Found]:
    if granted is None or granted & set(claim.scopes):
        return
    needed = " or ".join(f"`{scope}`" for scope in claim.scopes)
    yield _Found(
        "BR451",
        f"the credentials of `{claim.destination}` may not do `{claim.operation}`",
        f"needs the scope {needed}",
        notes=(f"granted: {quoted_list(sorted(granted)) or 'nothing'}",),
        helps=(f"give them {needed} in the account, and put the new token into the configuration if there is one",),
    )


def _exists(claim: Exists, things: Things, look: Look) -> Iterator[_Found]:
    thing = things.get(claim.id)
    named = f"{look.noun} `{claim.id}`{_of(claim.subject)}"
    if thing is None:
        yield _Found(
            "BR452",
            f"the account of `{claim.subject.destination}` has no {named}",
            "not in the account",
            notes=_short_list(look.noun, {thing.id: thing.title for thing in things.values()}),
            helps=(*near(claim.id, _candidates(claim, things)), *((look.missing,) if look.missing else ())),
        )
    elif not thing.usable:
        yield _Found(
            "BR456",
            f"the {named} is read-only, archived or switched off in the account",
            "not for rules to use",
            helps=(f"name another {look.noun}, or switch this one on in the account",),
        )
    elif claim.unique and not thing.unique:
        yield _Found(
            "BR455",
            f"the {named} is not unique, so records cannot be looked up by it",
            "not unique in the account",
            notes=(_unique_ones(look.noun, things),),
            helps=(look.not_unique,) if look.not_unique else (),
        )


def _takes(claim: Takes, things: Things, look: Look) -> Iterator[_Found]:
    """The value is not in the message, as it may be from the environment; the excerpt shows what is written."""
    thing = things.get(claim.id)
    if thing is None:
        return
    named = f"{look.noun} `{claim.id}`{_of(claim.subject)}"
    if thing.kind is not None and not _is_a(thing.kind, claim.value):
        yield _Found(
            "BR453", f"the {named} takes {_KINDS[thing.kind]}", "this is none", helps=(f"write {_KINDS[thing.kind]}",)
        )
    options = thing.options
    if options is not None and not _is_option(claim.value, options, look.separator):
        yield _Found(
            "BR454",
            f"the {named} does not have this option",
            "no such option",
            notes=(f"options: {_listed(options)}",),
            helps=near(claim.value, options),
        )


def _inside(claim: Inside, things: Things, look: Look) -> Iterator[_Found]:
    if look.inside is None or (claim.within is not None and claim.within not in things):
        return  # that the thing itself is missing is a claim of its own
    around = [thing for thing in things.values() if claim.within in (None, thing.id)]
    if any(thing.inside is None for thing in around):
        return  # the account does not say it
    parts = {name: title for thing in around for name, title in (thing.inside or {}).items()}
    if claim.id in parts:
        return
    noun = look.inside.noun
    where = f"{look.noun} `{claim.within}`" if claim.within is not None else f"any {look.noun}"
    elsewhere = [thing.id for thing in things.values() if claim.id in (thing.inside or {})]
    yield _Found(
        "BR452",
        f"the account of `{claim.subject.destination}` has no {noun} `{claim.id}` in {where}{_of(claim.subject)}",
        f"no such {noun}",
        notes=(f"{noun}s: {_listed(parts)}",),
        helps=(
            *near(claim.id, parts),
            *((f"it is in the {look.noun} {quoted_list(elsewhere)}",) if elsewhere else ()),
        ),
    )


def near(name: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """The help that names the nearest id; a title that is written in place of an id counts, too.

    Args:
        name: what is written.
        known: id -> title.
    """
    by_title = {title.casefold(): id_ for id_, title in known.items() if title}
    found = by_title.get(name.casefold()) or suggest(name, known)
    if found is None:
        title = suggest(name, (title for title in known.values() if title))
        found = by_title.get(title.casefold()) if title is not None else None
    return () if found is None else (f"did you mean {_named(found, known[found])}?",)


def _candidates(claim: Exists, things: Things) -> dict[str, str]:
    """What may have been meant: only what can be used, and for a key only what is unique."""
    return {thing.id: thing.title for thing in things.values() if thing.usable and (thing.unique or not claim.unique)}


def _is_a(kind: Kind, value: str) -> bool:
    match kind:
        case "number":
            return _NUMBER.fullmatch(value) is not None
        case "integer":
            return _INTEGER.fullmatch(value) is not None
        case "boolean":
            return value.lower() in {"true", "false"}
        case "time":
            return _is_time(value)


def _is_time(value: str) -> bool:
    try:
        time_ms(value)
    except RenderError:
        return False
    return True


def _is_option(value: str, options: Mapping[str, str], separator: str | None) -> bool:
    if value in options or separator is None:
        return value in options
    chosen = [part for part in value.split(separator) if part]
    return bool(chosen) and all(part in options for part in chosen)


def _of(subject: Subject) -> str:
    return f" of {subject.of}" if subject.of else ""


def _named(name: str, title: str) -> str:
    return f"`{name}` ({title})" if title and title != name else f"`{name}`"


def _listed(known: Mapping[str, str]) -> str:
    shown = ", ".join(_named(name, title) for name, title in list(known.items())[:_FEW])
    return f"{shown} and {len(known) - _FEW} more" if len(known) > _FEW else shown or "none"


def _short_list(noun: str, known: Mapping[str, str]) -> tuple[str, ...]:
    if not known:
        return (f"the account has no {noun} at all",)
    return (f"there are: {_listed(known)}",) if len(known) <= _FEW else ()


def _unique_ones(noun: str, things: Things) -> str:
    names = [thing.id for thing in things.values() if thing.unique]
    return f"unique there: {quoted_list(names)}" if names else f"no {noun} is unique there"
