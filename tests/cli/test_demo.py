import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import aiohttp

from tests.cli.conftest import Place


def test_the_demo_shows_the_main_job_and_ends_with_0(place: Place, tmp_path: Path) -> None:
    stray = tmp_path / "stray.db"
    shown = place.process("demo", environ={"BRIDGE_STORE__URL": f"sqlite:///{stray}", "TMPDIR": str(tmp_path)})

    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    for part in (
        "200  a ping: stored, no rule wants it",
        "(duplicate)",
        "401  a bad signature: refused, nothing stored: signature_mismatch",
        "message.read:msg_demo_1",
        "superseded",
        "is dead: rejected",
        "var/dead-letters.jsonl has 1 line(s)",
        "is done now, at attempt 2",
        "Bruno Lima     +551187654321  +5511987654321",
        "Gracias 🙏🏽 ¡hasta luego! 👩",
        "[cut: longer than the 64 kB that Zendesk takes]",
        "[internal note]",
        "Everything is as it should be.",
    ):
        assert part in shown.stdout, part
    assert not stray.exists()  # the operator's own store is not touched
    assert list(tmp_path.glob("crm-bridge-demo-*")) == []


def test_a_demo_beside_a_configuration_says_that_it_did_not_run_it(place: Place) -> None:
    assert (place.folder / "config.yaml").exists()
    assert place.process("demo").stdout.endswith(
        "These were the shipped rules. Your own: crm-bridge demo -c config.yaml\n"
    )


OWN = """\
version: 1
sources:
  orders:
    verify: {type: hmac, secrets: ["${ORDERS_SECRET}"], signature: {from: "header:X-Sign", encoding: hex}}
    event: {type: "{{ body.kind }}", id: "{{ body.id }}"}
destinations:
  hubspot: {connector: hubspot, token: "${HUBSPOT_TOKEN}"}
  erp: {connector: http, base_url: "https://erp.example.com", auth: {type: bearer, token: "${ERP_TOKEN}"}}
rules:
  - name: order
    on: orders/placed
    steps:
      - id: contact
        use: hubspot.contacts.upsert
        with: {id_property: whatsapp_id, id: "{{ body.id }}", properties: {firstname: "{{ body.name }}"}}
      - {id: post, use: erp.post, with: {path: /orders, json: {order: "{{ body.id }}", of: "{{ steps.contact.id }}"}}}
"""
SECRETS = "ORDERS_SECRET=own-orders-signing-key-1\nHUBSPOT_TOKEN=a-real-looking-token\nERP_TOKEN=another-real-one\n"


def own(tmp_path: Path, event: str = '{"kind": "placed", "id": "o1", "name": "Asha"}') -> list[str]:
    """The arguments for a demo of a configuration of one's own."""
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "own.env").write_text(SECRETS)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "orders.json").write_text(event)
    return ["demo", "-c", str(tmp_path / "own.yaml"), "--env-file", str(tmp_path / "own.env")]


def test_ones_own_rules_run_against_the_sandbox_and_not_against_the_accounts_of_the_file(
    place: Place, tmp_path: Path
) -> None:
    shown = place.process(*own(tmp_path))
    assert (shown.returncode, shown.stderr) == (0, "")
    for part in (
        "200  orders.json to orders: evt_",
        "order                            done",
        "200  POST hubspot/crm/objects/2026-03/contacts/batch/upsert",
        "POST generic/orders",
        "Everything is as it should be.",
    ):
        assert part in shown.stdout, shown.stdout
    assert "erp.example.com" not in shown.stdout
    assert list(tmp_path.glob("**/*.db")) == []


def test_a_rule_of_ones_own_that_fails_is_told_with_the_mend_and_gives_1(place: Place, tmp_path: Path) -> None:
    shown = place.process(*own(tmp_path, '{"kind": "placed", "id": "o1"}'))
    assert shown.returncode == 1
    line = next(number for number, text in enumerate(OWN.splitlines(), 1) if "use: hubspot" in text)
    assert f"order, step contact: mapping\n  at own.yaml:{line}:14\n" in shown.stdout
    assert "mend: " in shown.stdout
    assert "a delivery of order is dead" in shown.stderr


def test_events_can_be_named_and_what_is_no_event_is_told(place: Place, tmp_path: Path) -> None:
    arguments = own(tmp_path)
    (tmp_path / "samples" / "orders.json").rename(tmp_path / "other.json")
    for words, says in (
        (arguments, "give --event orders=EVENT.json"),
        ([*arguments, "--event", "other.json"], "write --event SOURCE=FILE.json"),
        (["demo", "--event", "orders=x.json"], "add -c CONFIG"),
    ):
        refused = place.process(*words)
        assert refused.returncode == 2
        assert says in refused.stderr
    named = place.process(*arguments, "--event", f"orders={tmp_path / 'other.json'}")
    assert named.returncode == 0


async def test_a_demo_that_stays_up_says_where_to_look(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)}
    command = (sys.executable, "-m", "bridge", "demo", "--keep")
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    text = ""
    while "  state  " not in text:
        line = await process.stdout.readline()
        assert line, text
        text += line.decode()
    page, admin, token = (
        re.search(pattern, text) for pattern in (r"browser: (\S+)", r"admin +(\S+)", r"token in (\S+)\)")
    )
    assert page is not None
    assert admin is not None
    assert token is not None
    headers = {"Authorization": f"Bearer {Path(token[1]).read_text().strip()}"}  # noqa: ASYNC240 - a small local file
    async with aiohttp.ClientSession() as session:
        async with session.get(page[1]) as response:
            assert "WhatsApp from Carla Ruiz" in await response.text()
        async with session.get(f"{admin[1]}/api/v1/status", headers=headers) as response:
            assert response.status == 200
    process.send_signal(signal.SIGTERM)

    assert await process.wait() == 0
    assert list(tmp_path.glob("crm-bridge-demo-*")) == []  # noqa: ASYNC240 - as above
