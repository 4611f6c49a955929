"""`crm-bridge check --live`: the account itself is asked whether it has what the rules take for granted."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

import typer

from bridge.cli.options import Exit, fail
from bridge.clock import SystemClock
from bridge.configuration.load import LoadedConfiguration
from bridge.configuration.model import Configuration
from bridge.configuration.report import shown
from bridge.connectors.destination import Destination
from bridge.diagnostics import Document, Finding, Place, Severity, visible
from bridge.outbound.asking import Asking, Told
from bridge.outbound.vault import FILE_NAME, Vault
from bridge.rules.claims import Allowed, Claim, claims_of, subjects
from bridge.rules.creations import Refused, Wanted, creations
from bridge.rules.judging import Known, Lack, judge
from bridge.store.sqlite import lock_holder

IN_USE: Final = (
    "the bridge that runs here holds the refresh token, which only one process may use: stop it, or ask with a token"
)


@dataclass(slots=True)
class Asked:
    """What came of asking: findings, and lines for a person."""

    findings: list[Finding] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unreached: bool = False

    @property
    def code(self) -> Exit:
        """What it adds to the exit status."""
        if self.unreached:
            return Exit.UNREACHABLE
        return Exit.FINDINGS if any(finding.is_error for finding in self.findings) else Exit.DONE


def check_use(*, live: bool, fix: bool, yes: bool) -> None:
    """Refuse options that make no sense together; ends the program with 2."""
    if fix and not live:
        fail("--fix needs --live", "write: crm-bridge check --live --fix", Exit.WRONG_USE)
    if yes and not fix:
        fail("--yes answers what --fix asks", "write: crm-bridge check --live --fix --yes", Exit.WRONG_USE)
    if fix and not yes and not sys.stdin.isatty():
        fail("--fix asks before it creates anything, and there is no terminal", "add --yes", Exit.WRONG_USE)


def ask_accounts(loaded: LoadedConfiguration, *, fix: bool, yes: bool) -> Asked:
    """Ask every destination's account; with `fix` create what is missing, and ask again.

    Args:
        loaded: the configuration; when it has mistakes, nothing is asked.
        fix: create what can be created.
        yes: without asking.
    """
    configuration = loaded.configuration
    if configuration is None:
        return Asked(lines=["no account was asked: the configuration has mistakes, or this is none"])
    claims = list(_claims(loaded))
    told = asyncio.run(_ask(configuration, claims, list(configuration.destinations)))
    lines = []
    if fix:
        wanted = creations(claims, _known(told))
        lines += [f"not created: {each}" for each in wanted if isinstance(each, Refused)]
        again, created = _create(configuration, claims, [each for each in wanted if isinstance(each, Wanted)], yes=yes)
        told, lines = {**told, **again}, lines + created
    return _concluded(loaded, configuration, claims, told, lines)


def _claims(loaded: LoadedConfiguration) -> Iterator[Claim]:
    for placed in loaded.rules.values():
        if placed.rule is not None and placed.shape.enabled:
            yield from claims_of(placed.shape, placed.rule)


def _known(told: Mapping[str, Told]) -> dict[str, Known]:
    return {name: each.known for name, each in told.items() if each.known is not None}


# --- asking and creating ---------------------------------------------------------------------------------------


async def _ask(configuration: Configuration, claims: Sequence[Claim], names: Sequence[str]) -> dict[str, Told]:
    """Every destination at once, each of them with one call after another."""
    asked = await asyncio.gather(*(_ask_one(configuration, claims, name) for name in names))
    return dict(zip(names, asked, strict=True))


async def _ask_one(configuration: Configuration, claims: Sequence[Claim], name: str) -> Told:
    destination = configuration.destinations[name]
    if destination.auth.rotates is not None and lock_holder(_store_path(configuration)) is not None:
        return Told(name, 0, unreached=IN_USE)
    asking = _asking(configuration, destination)
    try:
        about = [subject for subject in subjects(claims) if subject.destination == name]
        scopes = any(isinstance(claim, Allowed) and claim.destination == name for claim in claims)
        return await asking.ask(about, scopes=scopes)
    finally:
        await asking.close()


def _create(
    configuration: Configuration, claims: Sequence[Claim], wanted: Sequence[Wanted], *, yes: bool
) -> tuple[dict[str, Told], list[str]]:
    """Create after asking; what the accounts tell then, and what was done."""
    if not wanted:
        return {}, ["there is nothing to create"]
    if not yes:
        for each in wanted:
            typer.echo(f"missing in {visible(str(each))}", err=True)
        if not typer.confirm("Create this now? It cannot be undone from here.", err=True):
            return {}, ["nothing was created"]
    return asyncio.run(_create_all(configuration, claims, wanted))


async def _create_all(
    configuration: Configuration, claims: Sequence[Claim], wanted: Sequence[Wanted]
) -> tuple[dict[str, Told], list[str]]:
    lines: list[str] = []
    for name, group in groupby(sorted(wanted, key=_destination), key=_destination):
        asking = _asking(configuration, configuration.destinations[name])
        try:
            for each in group:
                problem = await asking.create(each)
                lines.append(f"created in {each}" if problem is None else f"not created: {each}: {problem}")
        finally:
            await asking.close()
    return await _ask(configuration, claims, sorted({_destination(each) for each in wanted})), lines


def _destination(wanted: Wanted) -> str:
    return wanted.subject.destination


def _asking(configuration: Configuration, destination: Destination) -> Asking:
    vault = None
    if destination.auth.rotates is not None:
        folder = _store_path(configuration).parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        vault = Vault(folder / FILE_NAME)
    return Asking(destination, SystemClock(), vault)


def _store_path(configuration: Configuration) -> Path:
    return configuration.settings.store.store_path(configuration.base_dir)


# --- what came of it -------------------------------------------------------------------------------------------


def _concluded(
    loaded: LoadedConfiguration,
    configuration: Configuration,
    claims: Sequence[Claim],
    told: Mapping[str, Told],
    lines: Sequence[str],
) -> Asked:
    lacks = judge(claims, _known(told))
    asked = Asked(lines=list(lines))
    asked.findings += [_finding(loaded, lack) for lack in lacks]
    for name, each in told.items():
        place = _place_of(loaded, configuration, name)
        asked.findings += _findings_of(each, place)
        asked.lines += _summary(configuration.destinations[name], each, claims, lacks)
        asked.unreached = asked.unreached or each.unreached is not None
    return asked


def _finding(loaded: LoadedConfiguration, lack: Lack) -> Finding:
    places = [loaded.rules[spot.rule].place(spot.path, key=spot.on_key) for spot in lack.spots]
    others = tuple((place, "and here") for place in dict.fromkeys(places[1:]) if place != places[0])
    notes = (f"rule `{lack.spots[0].rule}`", *lack.notes)
    severity = Severity.ERROR if lack.is_certain else Severity.WARNING
    return Finding(lack.code, severity, lack.message, places[0], lack.label, notes, lack.helps, others)


def _findings_of(told: Told, place: Place) -> Iterator[Finding]:
    """What is said about a destination as a whole."""
    name = told.destination
    if told.refused is not None:
        yield Finding(
            "BR450",
            Severity.ERROR,
            f"the account of `{name}` does not take these credentials",
            place,
            notes=(told.refused,),
            helps=("correct them; `crm-bridge check --explain BR450` says where to look",),
        )
    if told.unreached is not None:
        yield Finding(
            "BR459",
            Severity.ERROR,
            f"the account of `{name}` could not be asked" + (" to the end" if told.known is not None else ""),
            place,
            notes=(told.unreached,),
            helps=("look at `base_url` and the network, or try again later",),
        )
    for withheld in told.withheld:
        yield Finding(
            "BR457",
            Severity.WARNING,
            f"the account of `{name}` does not tell {withheld.what}, so nothing was checked against it",
            place,
            notes=(withheld.why,),
        )


def _place_of(loaded: LoadedConfiguration, configuration: Configuration, destination: str) -> Place:
    document = loaded.documents.get(shown(configuration.path, configuration.base_dir))
    if not isinstance(document, Document):
        return Place(str(configuration.path))
    return document.place_of(("destinations", destination), key=True)


def _summary(destination: Destination, told: Told, claims: Sequence[Claim], lacks: Sequence[Lack]) -> Iterator[str]:
    """A few lines about one account."""
    name = destination.name
    facts = ", ".join(f"{key} {value}" for key, value in told.shown.items())
    yield f"{name}: {destination.shown_url}{f' ({facts})' if facts else ''}"
    if told.nothing is not None:
        yield f"  nothing was asked: {told.nothing}"
        return
    yield f"  calls made: {told.calls}"
    if told.known is None:
        yield f"  nothing was proved: {told.refused or told.unreached}"
        return
    yield "  the credentials are taken" if told.taken else "  nothing shows that the credentials are taken"
    if told.known.scopes is not None:
        yield f"  scopes granted: {len(told.known.scopes)}"
    for subject, things in told.known.things.items():
        yield f"  read: {subject.look}{f' of {subject.of}' if subject.of else ''} ({len(things)})"
    judged = [claim for claim in claims if _is_judged(claim, name, told.known)]
    wrong = {spot for lack in lacks for spot in lack.spots}
    right = sum(claim.spot not in wrong for claim in judged)
    yield f"  right: {right} of {len(judged)} names, values and scopes that the rules say in so many words"
    for withheld in told.withheld:
        yield f"  could not be asked: {withheld.what}: {withheld.why}"
    if told.unreached is not None:
        yield f"  then it could not be asked any further: {told.unreached}"


def _is_judged(claim: Claim, destination: str, known: Known) -> bool:
    if isinstance(claim, Allowed):
        return claim.destination == destination and known.scopes is not None
    return claim.subject in known.things
