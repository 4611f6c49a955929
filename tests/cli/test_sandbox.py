import asyncio
import os
import re
import signal
import socket
import sys
from contextlib import closing

import aiohttp

from tests.cli.conftest import Place


async def test_it_prints_ready_made_destinations_and_ends_at_sigterm() -> None:
    command = (sys.executable, "-m", "bridge", "sandbox", "--port", "0")
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    text = ""
    while "journal:" not in text:
        text += (await process.stdout.readline()).decode()
    found = re.search(r"state: +(\S+)", text)
    assert found is not None
    async with aiohttp.ClientSession() as session, session.get(found[1]) as response:
        assert set(await response.json()) == {"hubspot", "zendesk", "generic", "slack", "aisoule", "aisoule-developer"}
    process.send_signal(signal.SIGTERM)

    assert await process.wait() == 0


def test_its_destinations_pass_check(place: Place) -> None:
    place.config.write_text(
        """\
version: 1
destinations:
  hubspot: {connector: hubspot, base_url: http://127.0.0.1:1/hubspot, token: sandbox-hubspot-token,
            allow_private_addresses: true}
"""
    )
    assert place.run("check").exit_code == 0


def test_a_port_in_use_is_told(place: Place) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        shown = place.process("sandbox", "--port", str(taken.getsockname()[1]))

    assert shown.returncode == 3
    assert "choose another --port" in shown.stderr


def test_a_wrong_scenario_file_is_told_with_its_place(place: Place) -> None:
    path = place.config.parent / "scenario.yaml"
    path.write_text("- fault: statsu\n")
    shown = place.process("sandbox", "--port", "0", "--scenario", str(path))

    assert shown.returncode == 1
    assert "scenario.yaml:1:10" in shown.stderr
    assert "did you mean `status`?" in shown.stderr


async def test_a_scenario_is_in_force_and_a_page_shows_what_happened(place: Place) -> None:
    path = place.config.parent / "scenario.yaml"
    path.write_text("- {fault: status, status: 503, match: {api: generic}}\n")
    command = (sys.executable, "-m", "bridge", "sandbox", "--port", "0", "--scenario", str(path))
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    found = re.search(r"browser: (\S+)", (await process.stdout.readline()).decode())
    assert found is not None
    async with aiohttp.ClientSession() as session:
        statuses = [(await session.post(f"{found[1]}generic/orders", json={})).status for _ in range(2)]
        async with session.get(found[1]) as response:
            page = await response.text()
    process.send_signal(signal.SIGTERM)

    assert await process.wait() == 0
    assert statuses == [503, 201]
    assert "POST /generic/orders" in page
