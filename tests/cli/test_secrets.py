"""`open-window` and `secrets`, beside a daemon and on the store alone; and a process that dies after it has learned."""

import asyncio
import hmac
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from bridge.app import Daemon
from bridge.cli.remote import os_user
from tests.cli.conftest import Place
from tests.sources.shaking import HOOK_SECRET, NOTION_TOKEN

ASANA = """\
  asana:
    verify: {type: hmac, signature: {from: "header:X-Hook-Signature"}}
    event: {type: event, id: body}
    handshake: [{kind: store_secret, from: "header:X-Hook-Secret", echo: true}]
  notion:
    verify: {type: hmac, signature: {from: "header:X-Notion-Signature", prefix: "sha256="}}
    event: {type: "{{ body.type }}", id: "{{ body.id }}"}
    handshake: [{kind: store_secret, from: "json:verification_token"}]
destinations:
"""


class Scene:
    """A bridge with sources whose senders bring their secret."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.daemon: Daemon | None = None

    async def start(self) -> Daemon:
        for name in ("SERVER", "ADMIN"):
            self.place.environ.pop(f"BRIDGE_{name}__LISTEN", None)
        self.daemon = self.place.load()
        await self.daemon.start()
        self.place.reach(self.daemon)
        return self.daemon

    async def stop(self) -> None:
        if self.daemon is not None:
            daemon, self.daemon = self.daemon, None
            await daemon.stop()

    async def run(self, *words: str) -> tuple[int, str, str]:
        result = await asyncio.to_thread(self.place.run, *words)
        return result.exit_code, result.stdout, result.stderr

    async def json(self, *words: str, code: int = 0) -> Any:
        return await asyncio.to_thread(lambda: self.place.json(*words, code=code))

    async def post(self, name: str, body: object, **headers: str) -> int:
        """The status of an answer; the daemon must run."""
        assert self.daemon is not None
        given = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        url = f"{self.daemon.bound.public}/hooks/{name}"
        async with aiohttp.ClientSession() as session, session.post(url, data=orjson.dumps(body), headers=given) as got:
            return got.status

    async def event(self, secret: str) -> int:
        signature = hmac.new(secret.encode(), orjson.dumps({"secret": secret[:4]}), "sha256").hexdigest()
        return await self.post("asana", {"secret": secret[:4]}, X_Hook_Signature=signature)


@pytest.fixture
async def scene(place: Place) -> AsyncIterator[Scene]:
    place.config.write_text(place.config.read_text().replace("destinations:\n", ASANA, 1))
    made = Scene(place)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(params=["beside a daemon", "on the store alone"])
async def asked(request: pytest.FixtureRequest, scene: Scene) -> Scene:
    """The scene, where commands find a daemon, or only its store."""
    if request.param == "on the store alone":
        await scene.stop()
    return scene


async def test_a_window_is_opened_shown_and_closed(asked: Scene) -> None:
    code, said, _ = await asked.run("open-window", "asana")
    assert code == 0
    assert said.startswith("asana takes one secret from its sender until ")
    [asana, notion] = await asked.json("secrets", "list")
    assert (asana["source"], asana["learns"], asana["configured"], asana["learned"]) == ("asana", True, 0, [])
    assert asana["window_closes_at"] is not None
    assert notion["window_closes_at"] is None
    table = (await asked.run("secrets", "list"))[1]
    assert "none yet" in table
    assert "open until" in table
    assert (await asked.run("open-window", "asana", "--close"))[1] == "the window of asana is closed\n"
    assert (await asked.run("open-window", "asana", "--close"))[1] == "the window of asana is closed; it was not open\n"
    entries = await asked.json("audit")
    assert [entry["action"] for entry in entries] == ["windows.close", "windows.close", "windows.open"]
    assert all(entry["by"].startswith(os_user()) and entry["source"] == "asana" for entry in entries)


async def test_words_that_make_no_sense_are_2(asked: Scene) -> None:
    for words, said in (
        (("open-window", "asna"), "did you mean `asana`?"),
        (("open-window", "nobody"), "those that learn a secret are `asana`, `notion`"),
        (("open-window", "aisoule"), "brings no secret of its own"),
        (("open-window", "asana", "--for", "10"), "needs a unit"),
        (("open-window", "asana", "--for", "25h"), "between 1ms and 24h"),
    ):
        code, _, error = await asked.run(*words)
        assert (code, said in error) == (2, True), error
        assert "= help:" not in error  # what it says is the help
    assert (await asked.run("secrets", "show", "asana"))[0] == 1
    code, _, error = await asked.run("secrets", "retire", "asana", "7")
    assert (code, "`asana` has no learned secret 7" in error) == (1, True)
    assert (await asked.run("secrets", "retire", "asana"))[1] == "there is nothing to retire\n"
    assert await asked.json("audit") == []


async def test_status_says_that_a_source_has_no_secret_and_is_1(asked: Scene) -> None:
    code, said, _ = await asked.run("status")
    assert code == 1
    assert "source asana: has NO SECRET yet, so it refuses everything" in said
    for name in ("asana", "notion"):
        await asked.run("open-window", name)
    assert "source asana: takes one secret from its sender until " in (await asked.run("status"))[1]


async def test_check_says_that_a_source_has_no_secret_and_is_0(scene: Scene) -> None:
    code, said, _ = await scene.run("check")
    assert code == 0
    assert "the configuration holds no secret of the source `asana`: its sender brings one" in said


async def test_explain_reads_what_only_the_sender_could_sign_and_send_says_so(scene: Scene) -> None:
    event = scene.place.event(orjson.dumps({"a": 1}))
    assert (await scene.run("explain", "asana", event))[0] == 0
    code, _, error = await scene.run("send", "asana", event)
    assert (code, "the configuration holds no secret of this source: its sender brings one" in error) == (2, True)
    assert "give the source a `secret` of your own" in error


async def test_with_a_secret_in_the_configuration_one_can_try_what_the_sender_will_sign(scene: Scene) -> None:
    config = scene.place.config.read_text()
    scene.place.config.write_text(config.replace("  asana:\n", '  asana:\n    secret: "${AISOULE_WEBHOOK_SECRET}"\n'))
    assert (await scene.run("reload"))[0] == 0
    code, said, _ = await scene.run("send", "asana", scene.place.event(orjson.dumps({"a": 1})))
    assert (code, said[:4]) == (0, "200 ")


async def test_a_window_opened_while_nothing_runs_is_open_when_it_does(scene: Scene) -> None:
    await scene.stop()
    assert (await scene.run("open-window", "asana", "--for", "1h"))[0] == 0
    await scene.start()
    assert await scene.post("asana", {}, X_Hook_Secret=HOOK_SECRET) == 200
    assert await scene.event(HOOK_SECRET) == 200


async def test_a_token_is_learned_shown_once_and_survives(scene: Scene) -> None:
    await scene.run("open-window", "notion")
    assert await scene.post("notion", {"verification_token": NOTION_TOKEN}) == 200
    assert await scene.run("secrets", "show", "notion") == (0, f"{NOTION_TOKEN}\n", "")
    code, said, error = await scene.run("secrets", "show", "notion")
    assert (code, said, "is shown once" in error, NOTION_TOKEN in error) == (1, "", True, False)
    entries = await scene.json("audit")
    assert [(entry["action"], entry["by"].split()[0]) for entry in entries] == [
        ("secrets.show", os_user()),
        ("secrets.learn", "the"),
        ("windows.open", os_user()),
    ]
    assert NOTION_TOKEN not in str(entries)
    await scene.stop()
    assert (await scene.run("secrets", "show", "notion"))[0] == 1
    await scene.start()
    body = {"type": "page.created", "id": "p1"}
    signature = "sha256=" + hmac.new(NOTION_TOKEN.encode(), orjson.dumps(body), "sha256").hexdigest()
    assert await scene.post("notion", body, X_Notion_Signature=signature) == 200


async def test_secrets_are_retired_at_once_beside_a_daemon(scene: Scene) -> None:
    secrets = [f"{HOOK_SECRET}{number}" for number in range(3)]
    for secret in secrets:
        await scene.run("open-window", "asana")
        assert await scene.post("asana", {}, X_Hook_Secret=secret) == 200
    numbers = [each["number"] for each in (await scene.json("secrets", "list"))[0]["learned"]]
    assert await scene.run("secrets", "retire", "asana", str(numbers[1])) == (0, f"retired: {numbers[1]}\n", "")
    assert [await scene.event(secret) for secret in secrets] == [200, 401, 200]
    assert (await scene.run("secrets", "retire", "asana"))[1] == f"retired: {numbers[2]}\n"
    assert [await scene.event(secret) for secret in secrets] == [401, 401, 200]
    assert (await scene.run("secrets", "retire", "asana", str(numbers[0])))[0] == 0
    assert await scene.event(secrets[2]) == 401
    listed = (await scene.run("secrets", "list"))[1]
    assert "none yet" in listed


async def test_what_a_reload_leaves_out_is_kept_and_good_when_it_is_back(scene: Scene) -> None:
    await scene.run("open-window", "asana")
    assert await scene.post("asana", {}, X_Hook_Secret=HOOK_SECRET) == 200
    assert scene.daemon is not None
    whole = scene.place.config.read_text()
    scene.place.config.write_text(whole.replace("  asana:\n", "  renamed:\n"))
    assert (await scene.daemon.reload())["ok"]
    rows = {row["source"]: row for row in await scene.json("secrets", "list")}
    assert (rows["asana"]["learns"], len(rows["asana"]["learned"])) == (False, 1)
    assert "not configured" in (await scene.run("secrets", "list"))[1]
    scene.place.config.write_text(whole)
    assert (await scene.daemon.reload())["ok"]
    assert await scene.event(HOOK_SECRET) == 200


async def test_a_process_killed_after_it_learned_knows_the_secret(scene: Scene) -> None:
    """Killed between the commit and the answer: the sender repeats, hears 200, and its events are believed."""
    await scene.stop()
    await scene.run("open-window", "asana")
    process = await asyncio.to_thread(_run_until_it_learned, scene.place)
    assert process.returncode == -signal.SIGKILL
    await scene.start()
    assert await scene.post("asana", {}, X_Hook_Secret=HOOK_SECRET) == 200
    assert await scene.event(HOOK_SECRET) == 200
    assert await scene.post("asana", {}, X_Hook_Secret=HOOK_SECRET + "x") == 403


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
import aiohttp
from bridge.app import Daemon
from bridge.configuration.load import load_configuration
from bridge.store.sqlite import SqliteStore

async def main():
    learn = SqliteStore.learn
    async def learn_and_die(self, *given, **named):
        await learn(self, *given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    SqliteStore.learn = learn_and_die
    daemon = Daemon(load_configuration(Path("config.yaml"), os.environ).configuration)
    await daemon.start()
    async with aiohttp.ClientSession() as session:
        url = daemon.bound.public + "/hooks/asana"
        await session.post(url, data=b"{}", headers={"X-Hook-Secret": sys.argv[1]})
    raise SystemExit("it was answered before it died")

asyncio.run(main())
"""


def _run_until_it_learned(place: Place) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, HOOK_SECRET],
        cwd=place.folder,
        env={**os.environ, **place.environ},
        check=False,
        capture_output=True,
        timeout=30,
    )
