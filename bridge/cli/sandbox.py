"""`crm-bridge sandbox`: the local fake CRMs."""

import asyncio
import signal
from typing import Annotated

import typer

from bridge.cli.options import Exit, fail
from bridge.sandbox import SandboxUrls, serve


def sandbox(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8090,
) -> None:
    """Serve a fake HubSpot, Zendesk, Slack, AISoule and generic API until interrupted; nothing leaves this machine."""
    try:
        asyncio.run(_serve(host, port))
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror}", "choose another --port", Exit.UNREACHABLE)


async def _serve(host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(host, port, stop, started=_say)


def _say(urls: SandboxUrls) -> None:
    typer.echo("destinations for your configuration (each with allow_private_addresses: true):")
    typer.echo(f"  hubspot: {{connector: hubspot, base_url: {urls.hubspot}, token: sandbox-hubspot-token}}")
    typer.echo(f"  zendesk: {{connector: zendesk, base_url: {urls.zendesk}, subdomain: sandbox,")
    typer.echo("            client_id: bridge, client_secret: sandbox-zendesk-secret}")
    typer.echo(f"  slack:   {{connector: slack, base_url: {urls.slack}, token: sandbox-slack-token}}")
    typer.echo(f"  aisoule: {{connector: aisoule, base_url: {urls.aisoule}, api_key: sandbox-aisoule-key}}")
    typer.echo(f"  erp:     {{connector: http, base_url: {urls.generic}}}")
    typer.echo(f"state:   {urls.control}/state")
    typer.echo(f"journal: {urls.control}/journal")
