"""`crm-bridge explain`: what every rule makes of an event, and the exact requests, without sending anything."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import orjson
import typer

from bridge.cli.consoles import ask
from bridge.cli.explain_difference import difference_of, differences, differences_since, say_differences
from bridge.cli.explain_document import UNSTORED, VERSION, event_row, rule_rows
from bridge.cli.explain_stored import Links, Row, Stored, add_history, add_status, read_history
from bridge.cli.explain_text import Page
from bridge.cli.options import (
    ConfigOption,
    Deployment,
    EnvFileOption,
    Exit,
    JsonOption,
    environment,
    fail,
    locate,
    needed,
    report,
)
from bridge.cli.output import print_json, terminal
from bridge.cli.send import named_source, read_body
from bridge.clock import SystemClock
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.model import Configuration
from bridge.diagnostics import quoted_list, suggest
from bridge.engine.console import WrongUse
from bridge.engine.query import moment
from bridge.errors import UsageError
from bridge.model import StoredEvent
from bridge.rules.explain import Explanation
from bridge.rules.explain import explain as explain_rules
from bridge.sources import Refused, rehearse

_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked: `links` and `at_ms` are what the command line gives, None where it does not."""

    deployment: Deployment
    configuration: Configuration
    links: Links
    at_ms: int | None

    def explained(
        self, stored: Stored, configuration: Configuration | None = None, *, traced: bool = False
    ) -> list[Explanation]:
        """What the rules, or those of another configuration, make of an event."""
        by = configuration or self.configuration
        given = {name: {**stored.links.get(name, {}), **keys} for name, keys in self.links.items()}
        begun = {
            rule: replace(each, links={name: value for name, value in each.links.items() if name not in self.links})
            for rule, each in stored.begun.items()
        }
        return explain_rules(
            by.rules,
            by.scope(stored.event),
            links={**stored.links, **given},
            begun=begun,
            traced=traced,
            destinations=by.destinations,
            event_id=stored.event.id,
            now_ms=stored.event.received_at_ms if self.at_ms is None else self.at_ms,
        )


def explain(
    source: Annotated[
        str | None, typer.Argument(help="A source and a file; or the id of a stored event (evt_…) or delivery (dlv_…).")
    ] = None,
    event: Annotated[Path | None, typer.Argument(help="A file with the event's body.")] = None,
    link: Annotated[
        list[str] | None, typer.Option("--link", metavar="NAME:KEY=VALUE", help="Let this be remembered; repeatable.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As if it were then: RFC 3339, or 2h for two hours ago.")
    ] = None,
    no_origins: Annotated[
        bool, typer.Option("--no-origins", help="Leave out where the values of requests come from.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Cut no long texts.")] = False,
    diff: Annotated[
        Path | None,
        typer.Option("--diff", metavar="CONFIG", help="What this other configuration would do otherwise; then exit 1."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="With --diff: of the stored events since then (24h, RFC 3339).")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="With --since: at most so many events, the newest.")
    ] = 100,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show what every rule makes of an event: which clause says no, the requests, where each value comes from.

    Nothing is sent. Answers of the CRM are the operations' samples, so ids in later requests are marked as sampled.
    Of a stored event also what became of it. Values of the event are shown, credentials are not.
    """
    deployment = locate(config, env_file)
    configuration = needed(deployment)
    question = _Question(deployment, configuration, _links(link or [], configuration), _time(at))
    page = Page(terminal(), full=full, origins=not no_origins)
    if since is not None:
        if source is not None:
            fail("--since is for many stored events, not for one", "leave the event out", Exit.WRONG_USE)
        other = _other(diff, env_file, _time(since))
        _differ_since(question, other, _time(since) or 0, limit, page if not json else None)
        return
    found = _events(question, source, event)
    if diff is not None:
        _differ(question, _other(diff, env_file), found, page if not json else None)
        return
    told = [_told(question, stored, only) for stored, only in found]
    if json:
        print_json({"v": VERSION, "events": told})
        return
    for each in told:
        page.event(each["event"])
        for row in each["rules"]:
            page.rule(row)


def _told(question: _Question, stored: Stored, only: str | None) -> Row:
    """One event's part of the document; `only` is the one rule that was asked about."""
    rules = rule_rows(question.deployment.loaded, question.explained(stored, traced=True))
    add_history(rules, stored.deliveries)
    add_status(rules, stored.status)
    return {
        "event": event_row(stored.event),
        "rules": [row for row in rules if only is None or row["rule"] == only],
    }


# --- what is asked about ---------------------------------------------------------------------------------------------


def _events(question: _Question, source: str | None, path: Path | None) -> list[tuple[Stored, str | None]]:
    """The events, each with the one rule that matters, if only one does."""
    if source is None or (path is None and not source.startswith(("evt_", "dlv_"))):
        fail(
            "no event is given",
            f"crm-bridge explain {source or 'SOURCE'} EVENT.json, or crm-bridge explain evt_…",
            Exit.WRONG_USE,
        )
    if path is not None:
        return [(Stored(event), None) for event in _from_file(question, source, read_body(path))]
    configuration = question.configuration
    found = ask(question.deployment, lambda console: read_history(configuration, console, source))
    return [(found, found.deliveries[0]["rule"] if source.startswith("dlv_") else None)]


def _from_file(question: _Question, name: str, body: bytes) -> list[StoredEvent]:
    """The events in a file, read exactly as a signed request would be."""
    source = named_source(question.configuration, name)
    now_ms = SystemClock().now_ms() if question.at_ms is None else question.at_ms
    content_type, body = source.dressed(body)
    try:
        received = rehearse(source, body, headers={"Content-Type": content_type}, now_ms=now_ms)
    except UsageError as error:
        fail(str(error), "give a body as the sender would send it", Exit.WRONG_USE)
    if isinstance(received, Refused):
        help_ = f"compare the file with `body`, `split` and `event` of the source `{name}`"
        why = "" if received.reason in received.message else f": {received.reason}"
        fail(f"{received.message} ({received.code}){why}", help_, Exit.FINDINGS)
    return [each.stored(seq=0, id_=UNSTORED) for each in received.events]


def _links(given: list[str], configuration: Configuration) -> Links:
    """What `--link NAME:KEY=VALUE` says: digits are a number, and text when they stand in quotes."""
    recalled = {name for rule in configuration.rules.rules for name in rule.recall}
    links: Links = {}
    for text in given:
        name, colon, rest = text.partition(":")
        key, equals, value = rest.rpartition("=")
        if not (name and colon and key and equals and value):
            fail(
                "a link is NAME:KEY=VALUE",
                "for instance --link ticket:+918856879188=77; an id of digits that is text: ='\"77\"'",
                Exit.WRONG_USE,
            )
        if name not in recalled:
            near = suggest(name, recalled)
            mend = f"did you mean `{near}`?" if near else f"they recall {quoted_list(sorted(recalled)) or 'none'}"
            fail(f"no rule recalls a link `{name}`", mend, Exit.WRONG_USE)
        links.setdefault(name, {})[key] = _id(value)
    return links


def _id(text: str) -> object:
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if isinstance(value, str) else text


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return moment(text, SystemClock().now_ms())
    except WrongUse as error:
        fail(str(error), "write the time like this", Exit.WRONG_USE)


# --- another configuration -------------------------------------------------------------------------------------------


def _other(path: Path | None, env_file: Path | None, since_ms: int | None = None) -> LoadedConfiguration:
    """The configuration to compare with; its findings go to stderr, and errors end the program with 1."""
    if path is None:
        fail(
            "--since is for comparing two configurations" if since_ms is not None else "no configuration is given",
            "crm-bridge explain --diff OTHER.yaml --since 24h",
            Exit.WRONG_USE,
        )
    loaded = load_configuration(path, environment(env_file))
    report(loaded)
    if loaded.configuration is None:
        raise typer.Exit(Exit.FINDINGS)
    return loaded


def _differ(
    question: _Question, other: LoadedConfiguration, found: list[tuple[Stored, str | None]], page: Page | None
) -> None:
    told = []
    for stored, only in found:
        row = difference_of(stored.event, question.explained(stored), question.explained(stored, other.configuration))
        told.append({**row, "changes": [each for each in row["changes"] if only in {None, each["rule"]}]})
    _end(differences(told), page)


def _differ_since(
    question: _Question, other: LoadedConfiguration, since_ms: int, limit: int, page: Page | None
) -> None:
    def both(stored: Stored) -> tuple[list[Explanation], list[Explanation]]:
        return question.explained(stored), question.explained(stored, other.configuration)

    told = ask(
        question.deployment,
        lambda console: differences_since(question.configuration, console, both, since_ms=since_ms, limit=limit),
    )
    _end(differences(told), page)


def _end(document: Row, page: Page | None) -> None:
    """Print what differs, and end with 1 when something does."""
    if page is None:
        print_json(document)
    else:
        say_differences(document, page)
    raise typer.Exit(Exit.FINDINGS if document["differing"] else Exit.DONE)
