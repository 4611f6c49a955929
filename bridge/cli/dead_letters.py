"""`crm-bridge dead-letters list|show|replay|discard`."""

from typing import Annotated

import typer

from bridge.cli.consoles import ask
from bridge.cli.letters import opened, readable
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, LimitOption, fail, locate
from bridge.cli.output import indented, print_json, print_rows
from bridge.cli.replaying import ALL, FEW, Tally, progress, replay_pages
from bridge.clock import SystemClock
from bridge.diagnostics import visible
from bridge.engine.console import Query, WrongUse
from bridge.engine.query import moment
from bridge.model import rfc3339


def _moment(given: str | None) -> str | None:
    """A time on the command line as RFC 3339, reckoned once so that all pages of a replay mean the same span."""
    if given is None:
        return None
    try:
        return rfc3339(moment(given, SystemClock().now_ms()))
    except WrongUse as error:
        fail(str(error), "for example --since 2h", Exit.WRONG_USE)


commands = typer.Typer(add_completion=False, help="What cannot go on without you.", no_args_is_help=True)
COLUMNS = {"delivery": "delivery", "kind": "kind", "rule": "rule", "step": "step", "message": "message"}

IdsArgument = Annotated[list[str] | None, typer.Argument(help="Deliveries, dlv_…")]
RuleOption = Annotated[str | None, typer.Option(help="Only of this rule.")]
KindOption = Annotated[str | None, typer.Option(help="mapping, rejected, expired, unanswered, redirected, config…")]
FingerprintOption = Annotated[str | None, typer.Option(help="Only with this cause.")]
SinceOption = Annotated[
    str | None, typer.Option(callback=_moment, help="Only what died since: 2h (ago), or 2026-06-02T03:00:00Z.")
]
UntilOption = Annotated[str | None, typer.Option(callback=_moment, help="Only what died before, as --since.")]
AllOption = Annotated[bool, typer.Option("--all", help="All dead letters.")]


@commands.command("list")
def list_(
    rule: RuleOption = None,
    kind: KindOption = None,
    fingerprint: FingerprintOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """List dead letters, oldest first."""
    query = Query(rule=rule, kind=kind, fingerprint=fingerprint, since=since, until=until, limit=limit)
    rows = ask(locate(config, env_file), lambda console: console.dead_letters(query))
    print_rows(rows, COLUMNS, nothing="no dead letters", json=json, whole={"kind"})


@commands.command("show")
def show(
    delivery: Annotated[str, typer.Argument(help="The delivery's id, dlv_…")],
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show one dead letter: what, why, and the mend."""
    found = ask(locate(config, env_file), lambda console: console.dead_letters(Query(ids=(delivery,))))
    if not found:
        fail(f"`{delivery}` is not a dead letter", "crm-bridge dead-letters list", Exit.FINDINGS)
    letter = found[0]
    if json:
        print_json(letter)
        return
    typer.echo(f"{letter['delivery']} is dead: {letter['kind']}; failed attempts: {letter['attempts']}\n")
    event = letter["event"]
    for name, text in (
        ("what", readable(letter["message"])),
        ("from", f"{event['id']} ({event['source']} {event['type']}, {event['time'] or letter['at']})"),
        ("rule", f"{letter['rule']}, step {letter['step'] or '(before the first step)'}"),
        ("cause", letter["fingerprint"]),
        ("mend", f"{letter['mend']}\n         then: crm-bridge dead-letters replay {letter['delivery']}"),
    ):
        typer.echo(f"  {name:<6} {_indented_text(text)}")
    response = letter["response"]
    for name, value in (("request", letter["request"]), ("response", response and opened(response))):
        if value is not None:
            typer.echo(f"  {name}")
            typer.echo(indented(value))


def _indented_text(text: str) -> str:
    """Lines after the first stand below its beginning; a vendor's words cannot act on the terminal."""
    return f"\n{' ' * 9}".join(visible(line.strip()) for line in text.split("\n"))


@commands.command("replay")
def replay(
    ids: IdsArgument = None,
    rule: RuleOption = None,
    kind: KindOption = None,
    fingerprint: FingerprintOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    all_: AllOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count, and show how the requests would differ.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help=f"Show at most this many differences (default: {FEW}, with --json all)."),
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Start dead deliveries again with the rules as they are now. Exit 1 when one could not be.

    Replays go beside live deliveries with a share of the limits, so that many of them do no harm.
    """
    query = _chosen(ids, rule, kind, fingerprint, since, until, all_=all_)
    differences = 0 if not dry_run else ALL if json and limit is None else FEW if limit is None else limit
    tally = Tally(dry_run=dry_run, keeps_ids=json)
    with progress("counting" if dry_run else "replaying") as bar:
        ask(locate(config, env_file), lambda console: replay_pages(console, query, tally, differences, bar))
    if json:
        print_json(tally.to_json())
    else:
        tally.say()
    raise typer.Exit(Exit.FINDINGS if tally.refused else Exit.DONE)


@commands.command("discard")
def discard(
    ids: IdsArgument = None,
    rule: RuleOption = None,
    kind: KindOption = None,
    fingerprint: FingerprintOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    all_: AllOption = False,
    reason: Annotated[str, typer.Option(help="Kept with the delivery.")] = "discarded by hand",
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Give dead deliveries up; they end as skipped."""
    query = _chosen(ids, rule, kind, fingerprint, since, until, all_=all_)
    result = ask(locate(config, env_file), lambda console: console.discard(query, reason))
    typer.echo(f"{len(result['discarded'])} discarded")
    for refused in result["refused"]:
        typer.echo(f"not discarded: {refused['delivery']}: {visible(refused['message'])}", err=True)
    raise typer.Exit(Exit.DONE if result["ok"] else Exit.FINDINGS)


def _chosen(
    ids: list[str] | None,
    rule: str | None,
    kind: str | None,
    fingerprint: str | None,
    since: str | None,
    until: str | None,
    *,
    all_: bool,
) -> Query:
    if not (ids or rule or kind or fingerprint or since or until or all_):
        fail("nothing is chosen", "give ids, --rule, --kind, --fingerprint, --since, --until, or --all", Exit.WRONG_USE)
    return Query(
        ids=tuple(ids) if ids else None, rule=rule, kind=kind, fingerprint=fingerprint, since=since, until=until
    )
