"""`crm-bridge sandbox`: the local fake CRMs."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.options import Exit, fail, wants_color
from bridge.diagnostics import render
from bridge.sandbox import FaultSpec, Sandbox, SandboxUrls, load_scenario, serve


def sandbox(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8090,
    scenario: Annotated[
        Path | None, typer.Option(help="A YAML file of faults that are in force from the start.")
    ] = None,
) -> None:
    """Serve a fake HubSpot, Zendesk, Slack, AISoule and generic API until interrupted; nothing leaves this machine.

    A page for the browser shows what they hold. They keep everything in memory, check what they are sent as the real
    ones do, and fail on request: for one request by the header X-Sandbox-Fault, for many by a call of /_sandbox/faults
    or by a scenario file. What they imitate and what not: docs/sandbox.md.
    """
    faults = () if scenario is None else _read(scenario)
    try:
        asyncio.run(_serve(host, port, faults))
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror}", "choose another --port", Exit.UNREACHABLE)


def _read(scenario: Path) -> tuple[FaultSpec, ...]:
    """The faults of a scenario file; ends the program with 1 when something is wrong with it."""
    loaded = load_scenario(scenario)
    if loaded.findings:
        color = wants_color(sys.stderr.isatty())
        typer.echo(render(loaded.findings, loaded.documents, color=color), err=True, nl=False)
        raise typer.Exit(Exit.FINDINGS)
    return loaded.faults


async def _serve(host: str, port: int, faults: tuple[FaultSpec, ...]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(host, port, stop, sandbox=Sandbox(scenario=faults), started=_say)


def _say(urls: SandboxUrls) -> None:
    typer.echo(f"see what it holds in a browser: {urls.page}\n")
    typer.echo("destinations for your configuration (each with allow_private_addresses: true):")
    typer.echo(f"  hubspot: {{connector: hubspot, base_url: {urls.hubspot}, token: sandbox-hubspot-token}}")
    typer.echo(f"  zendesk: {{connector: zendesk, base_url: {urls.zendesk}, subdomain: sandbox,")
    typer.echo("            client_id: bridge, client_secret: sandbox-zendesk-secret}")
    typer.echo(f"  slack:   {{connector: slack, base_url: {urls.slack}, token: sandbox-slack-token}}")
    typer.echo(f"  aisoule: {{connector: aisoule, base_url: {urls.aisoule}, api_key: sandbox-aisoule-key}}")
    typer.echo(f"  whatsapp: {{connector: aisoule-developer, base_url: {urls.aisoule_developer},")
    typer.echo("             api_key: sandbox-aisoule-developer-key}")
    typer.echo(f"  erp:     {{connector: http, base_url: {urls.generic}}}")
    typer.echo(f"state:   {urls.control}/state")
    typer.echo(f"journal: {urls.control}/journal")
