"""What both demos have in common: a bridge and a sandbox in this process, and how what happened is shown."""

import asyncio
import signal
from typing import Any

import typer

from bridge.app import Daemon, token_path
from bridge.clock import SystemClock
from bridge.engine.console import Query
from bridge.sandbox import Sandbox, SandboxUrls

SETTLE_TIMEOUT_S = 45
OPEN = ("pending", "running", "retrying")


class Stage:
    """A running bridge before a sandbox. `complaints` are what went wrong, each in a few words."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.complaints: list[str] = []
        self.daemon: Daemon

    @staticmethod
    def title(text: str) -> None:
        """A heading."""
        typer.echo(f"\n{text}\n{'-' * len(text)}")

    async def settled(self) -> None:
        """Wait until no delivery is open; the sandbox's journal says when it is worth looking again."""
        windows_ms = [rule.coalesce_ms or 0 for rule in self.daemon.configuration.rules.rules]
        clock, longest_ms = SystemClock(), max(windows_ms, default=0)
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S + longest_ms / 1000):
                while await self._open_deliveries():
                    await clock.wait(self.sandbox.journal.changed, clock.now_ms() + 200)
        except TimeoutError:
            self.complaints.append("some deliveries did not end")

    async def _open_deliveries(self) -> int:
        status: Any = await self.daemon.console.status()
        waiting = sum(counts[state] for counts in status["rules"].values() for state in OPEN)
        return int(waiting + status["events"]["unrouted"])

    async def show_events(self) -> None:
        """Each event, and what became of it by rule."""
        self.title("3. What became of each event")
        rows: list[Any] = await self.daemon.console.events(Query(limit=100))
        for row in reversed(rows):
            typer.echo(f"{row['event_id'][:60]}")
            if not row["rules"]:
                typer.echo("    no rule wants it")
            for rule, state in row["rules"].items():
                typer.echo(f"    {rule:<32} {state}")

    async def stay(self, urls: SandboxUrls) -> None:
        """Wait for Ctrl-C."""
        configuration, bound = self.daemon.configuration, self.daemon.bound
        token = "`admin.token`" if configuration.settings.admin.token else token_path(configuration)
        typer.echo("\nstaying up until Ctrl-C:")
        typer.echo(f"  see the CRMs in a browser: {urls.page}")
        for source in configuration.sources.values():
            typer.echo(f"  hooks   {bound.public}{source.path}")
        typer.echo(f"  admin   {bound.admin}  (token in {token})")
        typer.echo(f"  state   {urls.control}/state")
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
