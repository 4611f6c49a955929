"""The README is executed: its files are written, its commands run in order, in a copy of the checkout."""

import asyncio
import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.diagnostics import parse_yaml
from tests.ports import free_ports

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
WITH_PORT = ("crm-bridge sandbox", "crm-bridge sandbox --port 8090")
"""The sandbox's usual port, spelled out, so that it can be replaced by a free one."""

CURL = """\
#!{python}
import sys, urllib.request, urllib.error
words = sys.argv[1:]
url = next(word for word in words if word.startswith("http"))
headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
data = open(words[words.index("-d") + 1][1:], "rb").read()
try:
    print(urllib.request.urlopen(urllib.request.Request(url, data, headers)).read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())
"""


@dataclass(frozen=True)
class Block:
    """One fenced block of the README."""

    language: str
    attributes: str
    text: str


def blocks(repository: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall((repository / "README.md").read_text())]


def copy_of_checkout(repository: Path, to: Path) -> Path:
    """The files that git knows or would add, and this environment as its `.venv`, fresh for make."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=repository,
        capture_output=True,
        check=True,
    )
    checkout = to / "crm-bridge"
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = repository / name
        if source.is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, checkout / name)
    (checkout / ".venv" / "bin").mkdir(parents=True)
    for tool in ("python", "crm-bridge"):
        (checkout / ".venv" / "bin" / tool).symlink_to(Path(sys.executable).parent / tool)
    (checkout / ".venv" / ".runtime-installed").touch()
    if shutil.which("curl") is None:
        fake = checkout / ".venv" / "bin" / "curl"
        fake.write_text(CURL.format(python=sys.executable))
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    return checkout


class Shell:
    """Runs the README's blocks one after another with one environment, as a reader in one terminal would."""

    def __init__(self, checkout: Path, ports: dict[str, str]) -> None:
        self._checkout = checkout
        self._ports = ports
        self._exports = ""
        self._background: list[asyncio.subprocess.Process] = []

    def with_ports(self, text: str) -> str:
        return re.sub("|".join(self._ports), lambda found: self._ports[found[0]], text)

    async def run(self, block: Block) -> str:
        script = self.with_ports(block.text)
        self._exports += "".join(line + "\n" for line in script.splitlines() if line.startswith("export "))
        process = await self._start(f"set -e\n{self._exports}{script}")
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{script}\n{output.decode()}"
        return output.decode()

    async def run_in_background(self, block: Block) -> None:
        process = await self._start(f"{self._exports}exec {self.with_ports(block.text.replace(*WITH_PORT))}")
        self._background.append(process)
        assert process.stdout is not None
        said = ""
        while True:
            line = (await process.stdout.readline()).decode()
            said += line
            assert line, f"{block.text} ended early: {said}"
            if "journal:" in line or "bridge.started" in line:
                return

    async def _start(self, script: str) -> asyncio.subprocess.Process:
        environ = {**os.environ, "COLUMNS": "80"}
        return await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script,
            cwd=self._checkout,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def stop(self) -> None:
        for process in reversed(self._background):
            process.terminate()
            await process.communicate()


@pytest.mark.timeout(300)
async def test_a_reader_who_types_the_readme_gets_what_it_promises(repository: Path, tmp_path: Path) -> None:
    checkout = copy_of_checkout(repository, tmp_path)
    names = ("8080", "8081", "8090")
    shell = Shell(checkout, dict(zip(names, map(str, free_ports(3)), strict=True)))
    outputs: list[str] = []
    try:
        for block in blocks(repository):
            if "file=" in block.attributes:
                (checkout / block.attributes.split("file=")[1]).write_text(shell.with_ports(block.text))
            elif block.language == "sh" and "background" in block.attributes:
                await shell.run_in_background(block)
            elif block.language == "sh":
                outputs.append(await shell.run(block))
    finally:
        await shell.stop()
    everything = "\n".join(outputs)
    for promised in (
        "Everything is as it should be.",
        '200 {"ok":true',
        '"ok":false',
        "msg_90a82b7194689c1",
        "no problems",
    ):
        assert promised in everything


def test_every_yaml_block_of_the_readme_is_yaml_that_we_take(repository: Path) -> None:
    yaml_blocks = [block for block in blocks(repository) if block.language == "yaml"]
    assert yaml_blocks
    assert [parse_yaml(block.text, "README.md").findings for block in yaml_blocks] == [()] * len(yaml_blocks)
