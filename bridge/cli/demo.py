"""`crm-bridge demo`: the main job end to end against the local sandbox, no account needed."""

import asyncio
import os
import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from bridge.app import Daemon, loader
from bridge.cli import demo_story as story
from bridge.cli.demo_own import OwnDemo, parse_sample
from bridge.cli.demo_stage import Stage
from bridge.cli.logs import configure_logging
from bridge.cli.options import EnvFileOption, Exit, config_path, environment, fail, report
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


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up until interrupted, to look around.")] = False,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", help="With -c: SOURCE=FILE, an event to send; default: samples/SOURCE.json beside it."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="Your own configuration instead of the shipped story.")
    ] = None,
    env_file: EnvFileOption = None,
) -> None:
    """Run bridge and sandbox CRM, send signed events, show what became of them. Exit 0: all as it should be.

    With -c your own rules run, and nothing leaves this machine: the sandbox takes the place of your accounts.
    """
    os.umask(0o077)
    configure_logging(LogSettings(level="error"))
    folder = Path(tempfile.mkdtemp(prefix="crm-bridge-demo-"))
    stage: _Demo | OwnDemo = _Demo(folder)
    mend = "please report this"
    if config is not None:
        samples = [parse_sample(text) for text in event or ()]
        stage, mend = OwnDemo(folder, config, environment(env_file), samples), "correct the rule, then try again"
    elif event:
        fail("--event is for a configuration of your own", "add -c CONFIG", Exit.WRONG_USE)
    try:
        complaints = asyncio.run(stage.play(keep=keep))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if complaints:
        fail("the demo did not end as it should: " + "; ".join(complaints), mend, Exit.FINDINGS)
    typer.echo("\nEverything is as it should be.")
    own = config_path(None, environment(env_file))
    if config is None and own.exists():
        typer.echo(f"These were the shipped rules. Your own: crm-bridge demo -c {own}")


class _Demo(Stage):
    """One run of the demo in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Sandbox())
        self._folder = folder

    async def play(self, *, keep: bool) -> list[str]:
        """All scenes; returns what went wrong."""
        async with AsyncExitStack() as stack:
            urls = await stack.enter_async_context(self.sandbox.running())
            self._write_files(urls)
            path = self._folder / "config.yaml"
            # Not the caller's environment: a BRIDGE_STORE__URL of theirs would lead the demo into their store.
            loaded = load_configuration(path, ENVIRONMENT)
            report(loaded)
            if loaded.configuration is None:
                return ["its configuration is refused"]
            self.daemon = await stack.enter_async_context(Daemon(loaded.configuration, load=loader(path, ENVIRONMENT)))
            self.title("1. The bridge and a sandbox CRM run on this machine")
            typer.echo(f"bridge   {self.daemon.bound.public}/hooks/aisoule\nsandbox  {urls.page}")
            await self._send_all()
            await self.settled()
            await self.show_events()
            await self._mend()
            self._show_crm()
            self._check_crm()
            if keep:
                await self.stay(urls)
        return self.complaints

    def _write_files(self, urls: SandboxUrls) -> None:
        for name in RECIPES:
            shutil.copy(recipes_folder() / name, self._folder / name)
        (self._folder / "config.yaml").write_text(story.configuration(urls))
        (self._folder / "urgent.yaml").write_text(story.urgent_rule(story.WRONG_PROPERTY))

    # --- sending ------------------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        self.title("2. Signed events of both AISoule dialects")
        source = self.daemon.configuration.sources["aisoule"]
        for scene in story.SCENES:
            body = orjson.dumps(scene.body)
            signed = sign(source.verification, body, now_ms=SystemClock().now_ms(), header=scene.header)
            if scene.breaks_signature:
                signed = replace(signed, body=body.replace(b"?", b"!"))
            status, text, is_duplicate = await post(self.daemon.bound.public + source.path, signed)
            answer = orjson.loads(text)
            said = answer.get("id") or answer["error"]["code"]
            again = " (duplicate)" if is_duplicate else ""
            typer.echo(f"{status}  {scene.shows}: {said}{again}")
            if status != scene.status:
                self.complaints.append(f"{scene.shows}: answered {status}")

    # --- what became of it ----------------------------------------------------------------------------------------

    async def _mend(self) -> None:
        self.title("4. One delivery was refused: look, mend the rule, replay")
        console = self.daemon.console
        letters: list[Any] = await console.dead_letters(Query())
        if len(letters) != 1:
            self.complaints.append(f"{len(letters)} dead letters instead of 1")
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
        reloaded = await self.daemon.reload()
        replayed: Any = await console.replay(Query(ids=(letter["delivery"],)), dry_run=False)
        await self.settled()
        delivery: Any = await console.delivery(letter["delivery"])
        typer.echo(f"{letter['delivery']} is {delivery['state']} now, at attempt {len(delivery['tries'])}")
        if not reloaded["ok"] or not replayed["ok"] or delivery["state"] != "done":
            self.complaints.append("the replay did not succeed")

    def _show_crm(self) -> None:
        self.title("5. What the CRMs hold now")
        state = self.sandbox.snapshot()
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
        state = self.sandbox.snapshot()
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
                self.complaints.append(f"{count} {name} instead of {expected[name]}")


def _short(text: str, limit: int = 66) -> str:
    """One line of a text; of a long one its beginning, its end, and how long it is."""
    line = cell(text).replace("\n", " ")
    return line if len(line) <= limit else f"{line[:24]} … {line[-48:]} ({len(line):,} characters)"
