"""`crm-bridge check --against-store`: what the rules would make of the events that are stored. Only paths are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from bridge.cli.consoles import AnyConsole, ask
from bridge.cli.explain_stored import events_since
from bridge.cli.options import Deployment
from bridge.cli.output import print_table
from bridge.clock import SystemClock
from bridge.configuration.across import Placed
from bridge.configuration.load import LoadedConfiguration
from bridge.configuration.model import Configuration
from bridge.diagnostics import Finding, Place, Severity, visible
from bridge.engine.console import MAX_ROWS
from bridge.engine.query import moment
from bridge.model import StoredEvent, rfc3339
from bridge.rules.history import NeverThere, Tally, covered, never_there, tally
from bridge.rules.rule import Rule
from bridge.sources import Unreadable

Scope = Mapping[str, object]
COLUMNS = {"rule": "rule", "covered": "events of its on", "matched": "matches", "dead": "of them dead"}


@dataclass(frozen=True, slots=True)
class Compared:
    """What the stored events say about a configuration's rules.

    `events` of them were read, since `since`; `more`: older ones were left out for the limit.
    """

    config: str
    since: str
    events: int
    more: bool
    rules: Mapping[str, Tally]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, object]:
        """Everything but the findings."""
        return {
            "config": self.config,
            "since": self.since,
            "events": self.events,
            "more": self.more,
            "rules": self.rows(),
        }

    def rows(self) -> list[dict[str, object]]:
        """A row for each rule, in the order of the configuration."""
        return [
            {"rule": name, "covered": each.covered, "matched": each.matched, "dead": each.dead}
            for name, each in self.rules.items()
        ]

    def print(self) -> None:
        """The table for people."""
        typer.echo(f"\nchecked against {_count(self.events, 'event')} stored since {self.since[:10]}")
        print_table(COLUMNS, self.rows() if self.events else [], nothing="  nothing is stored since then")
        if self.more:
            typer.echo(f"older ones were left out: raise --limit (at most {MAX_ROWS})")


def compare(loaded: LoadedConfiguration, path: Path, *, since: str, limit: int) -> Compared | None:
    """Read the newest stored events and compare the rules with them; ends the program when they cannot be read.

    Args:
        loaded: the configuration; None is given back when it has mistakes.
        path: its file.
        since: how old events may be: a duration, or a moment.
        limit: how many events to read, at most.
    """
    configuration = loaded.configuration
    if configuration is None:
        typer.echo(f"{visible(str(path))}: the store was not asked: correct the errors first", err=True)
        return None
    quiet = replace(loaded, findings=())  # they are told once, with all others
    deployment = Deployment(configuration.settings, configuration.base_dir, quiet)
    found, since_ms, more = ask(deployment, lambda console: _read(console, since, limit))
    scopes = _scopes(configuration, found)
    since_text = rfc3339(since_ms)
    rules: dict[str, Tally] = {}
    findings: list[Finding] = []
    for rule in configuration.rules.rules:
        events = covered(rule, scopes)
        rules[rule.name] = tally(rule, events)
        findings += _findings(loaded.rules[rule.name], rule, events, rules[rule.name], (len(scopes), since_text[:10]))
    return Compared(str(path), since_text, len(scopes), more, rules, tuple(findings))


async def _read(console: AnyConsole, since: str, limit: int) -> tuple[list[StoredEvent], int, bool]:
    """The events since then, newest first; when that is; whether there are more."""
    since_ms = moment(since, SystemClock().now_ms())
    found, more = await events_since(console, since_ms=since_ms, limit=limit)
    return found, since_ms, more


def _scopes(configuration: Configuration, events: Sequence[StoredEvent]) -> list[Scope]:
    """The names of each event; one whose stored bytes are damaged is left out."""
    scopes: list[Scope] = []
    for event in events:
        scope = configuration.scope(replace(event, seq=len(scopes) + 1))  # they are told apart by it
        try:
            scope["body"]
        except Unreadable:
            continue
        scopes.append(scope)
    return scopes


def _findings(
    placed: Placed, rule: Rule, events: Sequence[Scope], counts: Tally, read: tuple[int, str]
) -> list[Finding]:
    total, since = read
    if total and not counts.matched:
        return [_matched_none(placed, counts, total, since)]
    return [_never_there(placed, each, since) for each in never_there(placed.shape, rule, events)]


def _matched_none(placed: Placed, counts: Tally, total: int, since: str) -> Finding:
    stored = _count(total, "stored event")
    reason = (
        f"its `on` covers {_count(counts.covered, 'of them', 'of them')}, and its `if` was false for each"
        if counts.covered
        else "its `on` covers none of them"
    )
    return Finding(
        "BR421",
        Severity.WARNING,
        f"rule `{placed.shape.name}` matched none of {stored}",
        placed.place(("if",) if counts.covered else ("on",)),
        label="never true" if counts.covered else "covers none",
        notes=(reason, f"checked against {_count(total, 'event')} stored since {since}"),
        helps=("`crm-bridge explain evt_…` shows for an event which clause says no",),
    )


def _never_there(placed: Placed, found: NeverThere, since: str) -> Finding:
    lookup = found.lookup
    path = (*placed.at, *found.path)
    on = placed.shape.on
    events = f"stored `{on[0]}` event" if len(on) == 1 else "stored event of this rule"
    help_ = "add `| default(…)` if it may be absent"
    if found.similar is not None:
        share = "all of them" if found.occurs == found.checked else f"{found.occurs} of them"
        help_ = f"a path with a similar name occurs in {share}: `{found.similar}`"
    return Finding(
        "BR420",
        Severity.WARNING,
        f"no {events} has `{lookup.name}`",
        Place(placed.document.name, placed.document.span_inside(path, lookup.offset, lookup.length)),
        label="is never there: the template goes on without it"
        if lookup.guarded
        else "a delivery that reads it is dead",
        notes=(f"rule `{placed.shape.name}`", f"checked against {_count(found.checked, 'event')} stored since {since}"),
        helps=(help_,),
    )


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"
