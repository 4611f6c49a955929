"""`crm-bridge explain`: what every rule makes of an event, and the exact requests, without sending anything."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from bridge.cli.consoles import AnyConsole, ask
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, fail, locate, needed
from bridge.cli.output import indented, print_json
from bridge.cli.send import named_source, read_body
from bridge.clock import SystemClock
from bridge.configuration.model import Configuration
from bridge.engine.console import Query
from bridge.model import StoredEvent
from bridge.rules.explain import Explanation
from bridge.rules.explain import explain as explain_rules
from bridge.rules.plan import plan
from bridge.sources import Refused, sign

UNSTORED = "evt_unstored"
Links = dict[str, dict[str, object]]


def explain(
    source: Annotated[str, typer.Argument(help="A source and a file, or the id of a stored event, evt_…")],
    event: Annotated[Path | None, typer.Argument(help="A file with the event's body.")] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show for every rule whether it matches and why not, and the requests in order. Secrets are masked.

    Answers of the CRM are the operations' samples, so ids in later requests are marked as sampled.
    """
    deployment = locate(config, env_file)
    configuration = needed(deployment)
    if event is None:
        if not source.startswith("evt_"):
            fail(
                "no event is given",
                f"crm-bridge explain {source} EVENT.json, or crm-bridge explain evt_…",
                Exit.WRONG_USE,
            )
        stored, links = ask(deployment, lambda console: _from_store(configuration, console, source))
        explained = [(stored, _explain(configuration, stored, links))]
    else:
        explained = [
            (item, _explain(configuration, item, {})) for item in _from_file(configuration, source, read_body(event))
        ]
    if json:
        print_json([_as_json(explanation) for _, explanations in explained for explanation in explanations])
        return
    for item, explanations in explained:
        _print(item, explanations)


def _from_file(configuration: Configuration, name: str, body: bytes) -> list[StoredEvent]:
    """The events in a file, read exactly as a signed request would be."""
    source = named_source(configuration, name)
    now_ms = SystemClock().now_ms()
    headers = [("Content-Type", "application/json"), *sign(source.verification, body, now_ms=now_ms)]
    received = source.receive(headers=headers, query=[], body=body, now_ms=now_ms)
    if isinstance(received, Refused):
        fail(f"{received.message} ({received.code})", received.help, Exit.FINDINGS)
    return [each.stored(seq=0, id_=UNSTORED) for each in received.events]


async def _from_store(configuration: Configuration, console: AnyConsole, event_id: str) -> tuple[StoredEvent, Links]:
    """A stored event, and what the bridge remembers for the links that its rules recall."""
    event = _stored(await console.event(event_id))
    links: Links = {}
    for rule in configuration.rules.rules_for(event.source, event.type):
        for name, key in plan(rule, configuration.scope(event)).recall.items():
            for found in await console.links(Query(name=name, key=key, limit=1)):
                links.setdefault(name, {})[key] = found["value"]
    return event, links


def _stored(shown: dict[str, Any]) -> StoredEvent:
    """A stored event from what `events show` gives."""
    body = shown["body"]
    return StoredEvent(
        seq=0,
        id=shown["id"],
        source=shown["source"],
        event_id=shown["event_id"],
        type=shown["type"],
        raw_type=shown["raw_type"],
        time_ms=shown["time_ms"],
        received_at_ms=shown["received_at_ms"],
        content=orjson.dumps(body),
        parent=orjson.dumps(shown["parent"]) if shown["parent"] is not None else None,
        item=None,
        headers=shown["headers"],
        query=shown["query"],
    )


def _explain(configuration: Configuration, event: StoredEvent, links: Links) -> list[Explanation]:
    destinations = {
        name: (destination.settings, destination.credential_header)
        for name, destination in configuration.destinations.items()
    }
    return explain_rules(
        configuration.rules,
        configuration.scope(event),
        links=links,
        destinations=destinations,
        event_id=event.id,
        now_ms=event.received_at_ms,
    )


def _print(event: StoredEvent, explanations: list[Explanation]) -> None:
    typer.echo(f"event {event.event_id}: {event.source}/{event.type}\n")
    for explanation in explanations:
        mark = "matches" if explanation.matched else "does not match"
        typer.echo(f"rule {explanation.rule}: {mark}")
        if not explanation.matched or explanation.reason != "done":
            typer.echo(f"  {explanation.reason}")
        if explanation.skipped_steps:
            typer.echo(f"  steps skipped by their `if`: {', '.join(explanation.skipped_steps)}")
        for number, request in enumerate(explanation.requests, 1):
            note = "  (ids from sample answers)" if request.sampled else ""
            typer.echo(f"  {number}. step {request.step}: {request.operation}{note}")
            typer.echo(indented(request.request, by=5))
        typer.echo("")


def _as_json(explanation: Explanation) -> dict[str, object]:
    return {
        "rule": explanation.rule,
        "matched": explanation.matched,
        "reason": explanation.reason,
        "skipped_steps": list(explanation.skipped_steps),
        "requests": [
            {
                "step": request.step,
                "operation": request.operation,
                "idempotency_key": request.key,
                "sampled": request.sampled,
                **request.request,
            }
            for request in explanation.requests
        ],
    }
