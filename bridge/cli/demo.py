"""`crm-bridge demo`: the main job end to end against the local sandbox, no account needed."""

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from bridge.app import Daemon, loader
from bridge.cli import demo_story as story
from bridge.cli.logs import configure_logging
from bridge.cli.options import Exit, fail, report
from bridge.cli.output import cell, print_table
from bridge.cli.recipes import recipes_folder
from bridge.cli.send import post
from bridge.clock import SystemClock
from bridge.configuration.load import load_configuration
from bridge.engine.console import Query
from bridge.sandbox import Sandbox, SandboxUrls
from bridge.settings import LogSettings
from bridge.sources import sign

RECIPES = ("aisoule-to-hubspot.yaml", "aisoule-to-zendesk.yaml")
ENVIRONMENT = {
    "AISOULE_WEBHOOK_SECRET": story.SECRET,
    "HUBSPOT_TOKEN": "sandbox-hubspot-token",
    "ZENDESK_CLIENT_SECRET": "sandbox-zendesk-secret",
    "WHATSAPP_RECEIPT_WINDOW": "1s",
    "ZENDESK_STATUS_FIELD_ID": "360000000001",
}
SETTLE_TIMEOUT_S = 45
OPEN = ("pending", "running", "retrying")


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up until interrupted, to look around.")] = False,
) -> None:
    """Run bridge and sandbox CRM, send signed AISoule events, show what became of them. Exit 0: all as it should be."""
    os.umask(0o077)
    configure_logging(LogSettings(level="error"))
    folder = Path(tempfile.mkdtemp(prefix="crm-bridge-demo-"))
    try:
        complaints = asyncio.run(_Demo(folder).play(keep=keep))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if complaints:
        fail("the demo did not end as it should: " + "; ".join(complaints), "please report this", Exit.FINDINGS)
    typer.echo("\nEverything is as it should be.")


class _Demo:
    """One run of the demo in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sandbox = Sandbox()
        self._complaints: list[str] = []
        self._daemon: Daemon

    async def play(self, *, keep: bool) -> list[str]:
        """All scenes; returns what went wrong."""
        async with AsyncExitStack() as stack:
            urls = await stack.enter_async_context(self._sandbox.running())
            self._write_files(urls)
            path = self._folder / "config.yaml"
            # Not the caller's environment: a BRIDGE_STORE__URL of theirs would lead the demo into their store.
            loaded = load_configuration(path, ENVIRONMENT)
            report(loaded)
            if loaded.configuration is None:
                return ["its configuration is refused"]
            self._daemon = await stack.enter_async_context(Daemon(loaded.configuration, load=loader(path, ENVIRONMENT)))
            self._title("1. The bridge and a sandbox CRM run on this machine")
            typer.echo(f"bridge   {self._daemon.bound.public}/hooks/aisoule\nsandbox  {urls.base}")
            await self._send_all()
            await self._settled()
            await self._show_events()
            await self._mend()
            self._show_crm()
            self._check_crm()
            if keep:
                await self._stay(urls)
        return self._complaints

    def _write_files(self, urls: SandboxUrls) -> None:
        for name in RECIPES:
            shutil.copy(recipes_folder() / name, self._folder / name)
        (self._folder / "config.yaml").write_text(story.configuration(urls))
        (self._folder / "urgent.yaml").write_text(story.urgent_rule(story.WRONG_PROPERTY))

    @staticmethod
    def _title(text: str) -> None:
        typer.echo(f"\n{text}\n{'-' * len(text)}")

    # --- sending ------------------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        self._title("2. Signed events of both AISoule dialects")
        source = self._daemon.configuration.sources["aisoule"]
        for scene in story.SCENES:
            body = orjson.dumps(scene.body)
            headers = sign(source.verification, body, now_ms=SystemClock().now_ms(), header=scene.header)
            if scene.breaks_signature:
                body = body.replace(b"?", b"!")
            status, text = await post(self._daemon.bound.public + source.path, body, headers)
            answer = orjson.loads(text)
            said = answer.get("id") or answer["error"]["code"]
            again = " (duplicate)" if answer.get("duplicate") else ""
            typer.echo(f"{status}  {scene.shows}: {said}{again}")
            if status != scene.status:
                self._complaints.append(f"{scene.shows}: answered {status}")

    async def _settled(self) -> None:
        """Wait until no delivery is open; the sandbox's journal says when it is worth looking again."""
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while await self._open_deliveries():
                    await SystemClock().wait(self._sandbox.journal.changed, SystemClock().now_ms() + 200)
        except TimeoutError:
            self._complaints.append("some deliveries did not end")

    async def _open_deliveries(self) -> int:
        status: Any = await self._daemon.console.status()
        waiting = sum(counts[state] for counts in status["rules"].values() for state in OPEN)
        return int(waiting + status["events"]["unrouted"])

    # --- what became of it ----------------------------------------------------------------------------------------

    async def _show_events(self) -> None:
        self._title("3. What became of each event")
        rows: list[Any] = await self._daemon.console.events(Query(limit=100))
        for row in reversed(rows):
            typer.echo(f"{row['event_id'][:60]}")
            if not row["rules"]:
                typer.echo("    no rule wants it")
            for rule, state in row["rules"].items():
                typer.echo(f"    {rule:<32} {state}")

    async def _mend(self) -> None:
        self._title("4. One delivery was refused: look, mend the rule, replay")
        console = self._daemon.console
        letters: list[Any] = await console.dead_letters(Query())
        if len(letters) != 1:
            self._complaints.append(f"{len(letters)} dead letters instead of 1")
            return
        letter = letters[0]
        typer.echo(f"{letter['delivery']} is dead: {letter['kind']}")
        for name in ("message", "mend"):
            typer.echo(f"  {name:<8} {letter[name]}")
        if letter["response"]:
            typer.echo(f"  answer   {letter['response']['status']} {letter['response']['excerpt'][:160]}")
        lines = (self._folder / "var" / "dead-letters.jsonl").read_bytes().splitlines()
        typer.echo(f"  file     var/dead-letters.jsonl has {len(lines)} line(s)")
        typer.echo(f"\nedit urgent.yaml: {story.WRONG_PROPERTY} -> {story.RIGHT_PROPERTY}; reload; replay")
        (self._folder / "urgent.yaml").write_text(story.urgent_rule(story.RIGHT_PROPERTY))
        reloaded = await self._daemon.reload()
        replayed: Any = await console.replay(Query(ids=(letter["delivery"],)), dry_run=False)
        await self._settled()
        delivery: Any = await console.delivery(letter["delivery"])
        typer.echo(f"{letter['delivery']} is {delivery['state']} now, at attempt {len(delivery['tries'])}")
        if not reloaded["ok"] or not replayed["ok"] or delivery["state"] != "done":
            self._complaints.append("the replay did not succeed")

    def _show_crm(self) -> None:
        self._title("5. What the CRMs hold now")
        state = self._sandbox.snapshot()
        typer.echo("HubSpot contacts")
        contacts = [contact["properties"] for contact in state["hubspot"]["contacts"]]
        print_table(
            {"firstname": "firstname", "phone": "phone", "whatsapp_id": "whatsapp_id"}, contacts, nothing="none"
        )
        typer.echo("\nHubSpot tickets and their timeline entries")
        for ticket in state["hubspot"]["tickets"]:
            priority = ticket["properties"].get("hs_ticket_priority")
            typer.echo(f"  {ticket['properties']['subject']}" + (f" (priority {priority})" if priority else ""))
            for entry in state["hubspot"]["communications"]:
                if ticket["id"] in entry["associations"].get("tickets", []):
                    status = entry["properties"].get("wa_status")
                    typer.echo(
                        f"    {_short(entry['properties']['hs_communication_body'])}"
                        + (f"  [{status}]" if status else "")
                    )
        typer.echo("\nZendesk tickets and their comments")
        for ticket in state["zendesk"]["tickets"]:
            typer.echo(f"  #{ticket['id']} {ticket['subject']}")
            for comment in ticket["comments"]:
                note = "" if comment["public"] else "  [internal note]"
                typer.echo(f"    {_short(comment['body'])}{note}")

    def _check_crm(self) -> None:
        state = self._sandbox.snapshot()
        counts = {
            "HubSpot contacts": len(state["hubspot"]["contacts"]),
            "HubSpot tickets": len(state["hubspot"]["tickets"]),
            "HubSpot entries": len([e for e in state["hubspot"]["communications"] if e["associations"].get("tickets")]),
            "Zendesk users": len([user for user in state["zendesk"]["users"] if user["external_id"]]),
            "Zendesk tickets": len(state["zendesk"]["tickets"]),
        }
        expected = {
            "HubSpot contacts": 4,
            "HubSpot tickets": 4,
            "HubSpot entries": 7,
            "Zendesk users": 4,
            "Zendesk tickets": 4,
        }
        for name, count in counts.items():
            if count != expected[name]:
                self._complaints.append(f"{count} {name} instead of {expected[name]}")

    async def _stay(self, urls: SandboxUrls) -> None:
        typer.echo(f"\nstaying up: {self._daemon.bound.public}  sandbox state: {urls.control}/state  (Ctrl-C ends it)")
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()


def _short(text: str, limit: int = 66) -> str:
    """One line of a text; of a long one its beginning, its end, and how long it is."""
    line = cell(text).replace("\n", " ")
    return line if len(line) <= limit else f"{line[:24]} … {line[-48:]} ({len(line):,} characters)"
