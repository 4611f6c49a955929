"""A daemon as its own process, for tests that kill it: started as an operator would, watched through its log."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson

from bridge.cli.recipes import recipes_folder
from bridge.sandbox import SandboxUrls
from tests.canaries import AISOULE_SECRET, CANARIES

CONFIGURATION = """\
version: 1
server: {{listen: "127.0.0.1:0", drain_delay: 0s}}
admin: {{listen: "127.0.0.1:0"}}
store: {{url: sqlite:///var/bridge.db}}
dead_letters: {{file: var/dead-letters.jsonl}}
log: {{format: json}}
sources:
  aisoule: {{preset: aisoule, secret: "${{AISOULE_WEBHOOK_SECRET}}"}}
destinations:
  hubspot: {{connector: hubspot, base_url: "{hubspot}", token: sandbox-hubspot-token,
            allow_private_addresses: true, timeout: 1m, retry: {{schedule: [50ms]}},
            limits: {{burst: off, associations: off}}}}
  zendesk: {{connector: zendesk, base_url: "{zendesk}", subdomain: sandbox, client_id: bridge,
            client_secret: sandbox-zendesk-secret, allow_private_addresses: true, timeout: 1m,
            retry: {{schedule: [50ms]}},
            limits: {{account: off, ticket_updates: off, updates_of_one_ticket: off, user_upserts: off}}}}
rules: ["{recipes}/aisoule-to-hubspot.yaml", "{recipes}/aisoule-to-zendesk.yaml"]
"""

ENVIRONMENT = {
    "AISOULE_WEBHOOK_SECRET": AISOULE_SECRET,
    "WHATSAPP_RECEIPT_WINDOW": "10ms",
    "ZENDESK_STATUS_FIELD_ID": "360000000001",
}


def write_configuration(folder: Path, urls: SandboxUrls) -> Path:
    """The configuration that sends to a sandbox through the shipped recipes."""
    path = folder / "config.yaml"
    path.write_text(CONFIGURATION.format(hubspot=urls.hubspot, zendesk=urls.zendesk, recipes=recipes_folder()))
    return path


@dataclass
class DaemonProcess:
    """`crm-bridge run` in its own process; `lines` are its log lines as JSON, checked for canaries."""

    config: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    lines: list[dict[str, object]] = field(default_factory=list)
    public: str = ""
    admin: str = ""

    async def start(self) -> None:
        """Start it and wait for the log line that says where it listens."""
        environ = {**os.environ, **ENVIRONMENT, **self.environment, "PYTHONUNBUFFERED": "1"}
        command = (sys.executable, "-m", "bridge", "run", "-c", str(self.config))
        self.process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE)
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())
        started = await self.logged("bridge.started")
        self.public, self.admin = str(started["public"]), str(started["admin"])

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            assert not any(canary in raw.decode() for canary in CANARIES), "customer data or a secret in the log"
            line = orjson.loads(raw) if raw.startswith(b"{") else {"event": "text", "text": raw.decode()}
            async with self._news:
                self.lines.append(line)
                self._news.notify_all()
        async with self._news:
            self.lines.append({"event": "end"})
            self._news.notify_all()

    async def logged(self, event: str, *, after: int = 0) -> dict[str, object]:
        """Wait for a log line; fails when the process ends first."""
        async with self._news:
            while True:
                for line in self.lines[after:]:
                    if line["event"] == event:
                        return line
                    assert line["event"] != "end", f"the daemon ended before `{event}`: {self.lines[-12:]}"
                await self._news.wait()

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()
        await self._reader

    async def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = await self.process.wait()
        await self._reader
        return code

    async def status(self) -> dict[str, object]:
        """The books, through the admin API."""
        token = (self.config.parent / "var" / "admin-token").read_text()
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{self.admin}/api/v1/status") as response,
        ):
            found: dict[str, object] = orjson.loads(await response.read())
            return found
