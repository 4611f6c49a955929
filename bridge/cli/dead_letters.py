"""`crm-bridge dead-letters list|show|replay|discard`."""

from typing import Annotated

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, LimitOption, fail, load
from bridge.cli.output import indented, print_json, print_table
from bridge.diagnostics import visible
from bridge.engine.console import Query

commands = typer.Typer(help="What cannot go on without you.", no_args_is_help=True)
COLUMNS = {"delivery": "delivery", "kind": "kind", "rule": "rule", "step": "step", "message": "message"}

IdsArgument = Annotated[list[str] | None, typer.Argument(help="Deliveries, dlv_…")]
RuleOption = Annotated[str | None, typer.Option(help="Only of this rule.")]
KindOption = Annotated[str | None, typer.Option(help="mapping, rejected, expired, unanswered, redirected, config…")]
FingerprintOption = Annotated[str | None, typer.Option(help="Only with this cause.")]
AllOption = Annotated[bool, typer.Option("--all", help="All dead letters.")]


@commands.command("list")
def list_(
    rule: RuleOption = None,
    kind: KindOption = None,
    fingerprint: FingerprintOption = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """List dead letters, oldest first."""
    query = Query(rule=rule, kind=kind, fingerprint=fingerprint, limit=limit)
    rows = ask(load(config, env_file), lambda console: console.dead_letters(query))
    if json:
        print_json(rows)
    else:
        print_table(COLUMNS, rows, nothing="no dead letters")


@commands.command("show")
def show(
    delivery: Annotated[str, typer.Argument(help="The delivery's id, dlv_…")],
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show one dead letter: what, why, and the mend."""
    found = ask(load(config, env_file), lambda console: console.dead_letters(Query(ids=(delivery,))))
    if not found:
        fail(f"`{delivery}` is not a dead letter", "crm-bridge dead-letters list", Exit.FINDINGS)
    letter = found[0]
    if json:
        print_json(letter)
        return
    typer.echo(f"{letter['delivery']} is dead: {letter['kind']}, {letter['attempts']} failed attempts\n")
    event = letter["event"]
    for name, text in (
        ("what", letter["message"]),
        ("from", f"{event['id']} ({event['source']} {event['type']}, {event['time'] or letter['at']})"),
        ("rule", f"{letter['rule']}, step {letter['step'] or '(before the first step)'}"),
        ("cause", letter["fingerprint"]),
        ("mend", f"{letter['mend']}\n         then: crm-bridge dead-letters replay {letter['delivery']}"),
    ):
        typer.echo(f"  {name:<6} {_indented_text(text)}")
    for name in ("request", "response"):
        if letter[name] is not None:
            typer.echo(f"  {name}")
            typer.echo(indented(letter[name]))


def _indented_text(text: str) -> str:
    """Lines after the first stand below its beginning; a vendor's words cannot act on the terminal."""
    return f"\n{' ' * 9}".join(visible(line.strip()) for line in text.split("\n"))


@commands.command("replay")
def replay(
    ids: IdsArgument = None,
    rule: RuleOption = None,
    kind: KindOption = None,
    fingerprint: FingerprintOption = None,
    all_: AllOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Start dead deliveries again with the rules as they are now. Exit 1 when one could not be."""
    query = _chosen(ids, rule, kind, fingerprint, all_=all_)
    result = ask(load(config, env_file), lambda console: console.replay(query, dry_run=dry_run))
    if json:
        print_json(result)
    else:
        verb = "would be replayed" if dry_run else "replayed"
        typer.echo(f"{len(result['replayed'])} {verb}")
        for refused in result["refused"]:
            typer.echo(f"not replayed: {refused['delivery']}: {refused['message']}", err=True)
    raise typer.Exit(Exit.DONE if result["ok"] else Exit.FINDINGS)


@commands.command("discard")
def discard(
    ids: IdsArgument = None,
    rule: RuleOption = None,
    kind: KindOption = None,
    fingerprint: FingerprintOption = None,
    all_: AllOption = False,
    reason: Annotated[str, typer.Option(help="Kept with the delivery.")] = "discarded by hand",
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Give dead deliveries up; they end as skipped."""
    query = _chosen(ids, rule, kind, fingerprint, all_=all_)
    result = ask(load(config, env_file), lambda console: console.discard(query, reason))
    typer.echo(f"{len(result['discarded'])} discarded")


def _chosen(ids: list[str] | None, rule: str | None, kind: str | None, fingerprint: str | None, *, all_: bool) -> Query:
    if not (ids or rule or kind or fingerprint or all_):
        fail("nothing is chosen", "give ids, --rule, --kind, --fingerprint, or --all", Exit.WRONG_USE)
    return Query(ids=tuple(ids) if ids else None, rule=rule, kind=kind, fingerprint=fingerprint)
