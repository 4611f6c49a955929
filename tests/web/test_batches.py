"""Requests that carry many events: all of them in one commit, each with an identity of its own, or none."""

import sqlite3
from typing import Any

import orjson
import pytest

import bridge.configuration.model
import bridge.sources.bodies
import bridge.sources.source
from bridge.cli.explain_stored import event_of
from bridge.sources import parse_json
from tests.canaries import ORDERS_SECRET
from tests.engine.world import World
from tests.web.conftest import Doors, Reply

META = f"""\
  meta:
    verify:
      {{type: hmac, secrets: [{ORDERS_SECRET}], signature: {{from: "header:X-Hub-Signature-256", prefix: "sha256="}}}}
    split: ["entry[].changes[].value.messages[]", "entry[].changes[].value.statuses[]", "entry[].changes[]"]
    event:
      type: "message.{{{{ body.status | default('received') }}}}"
      id: "{{{{ body.id }}}}:{{{{ body.status | default('received') }}}}"
    fields:
      account: "{{{{ parents.entry.id }}}}"
      business: "{{{{ parents.value.metadata.phone_number_id }}}}"
      name: "{{{{ (parents.value.contacts | where('wa_id', body.from) | first).profile.name | default(omit) }}}}"
"""
RULE = """\
- name: to-erp
  on: meta/message.received
  if: fields.business == parents.changes.value.metadata.phone_number_id and body.text.body == "last"
  steps:
    - id: post
      use: erp.post
      with: {path: /orders, json: {order: "{{ body.id }}", account: "{{ fields.account }}", name: "{{ fields.name }}"}}
"""
CHANGES = 20
MESSAGES = 30
STATUSES = 20


def change(entry: int, number: int) -> dict[str, Any]:
    """One change with messages and statuses, and the names of its customers beside them."""
    label = f"{entry}.{number}"
    messages = [
        {"id": f"m{label}.{at}", "from": f"91{at}", "text": {"body": "last" if at == MESSAGES - 1 else "Hi"}}
        for at in range(MESSAGES)
    ]
    value = {
        "metadata": {"phone_number_id": f"P{label}"},
        "contacts": [{"wa_id": f"91{at}", "profile": {"name": f"N{label}.{at}"}} for at in range(MESSAGES)],
        "messages": messages,
        "statuses": [{"id": f"m{label}.{at}", "status": "read"} for at in range(STATUSES)],
    }
    return {"field": "messages", "value": value}


def batch() -> dict[str, Any]:
    """A thousand events: messages and statuses in the changes of two entries."""
    return {
        "entry": [{"id": f"E{entry}", "changes": [change(entry, at) for at in range(CHANGES // 2)]} for entry in (1, 2)]
    }


@pytest.fixture
async def meta(world: World, doors: Doors) -> Doors:
    world.sources_more, world.rules = META, RULE
    await world.reload()
    await world.calm()
    return doors


async def post(doors: Doors, body: object) -> Reply:
    return await doors.post(orjson.dumps(body), source="meta")


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all request bodies that are parsed anywhere."""
    lengths: list[int] = []

    def parse(body: bytes) -> object:
        if b'"entry"' in body:
            lengths.append(len(body))
        return parse_json(body)

    for module in (bridge.configuration.model, bridge.sources.bodies, bridge.sources.source):
        monkeypatch.setattr(module, "parse_json", parse)
    return lengths


async def test_a_nested_batch_of_a_thousand_is_a_thousand_events_in_one_commit(meta: Doors, parses: list[int]) -> None:
    world = meta.world
    async with world.engine.router.held():  # so that no commit but the one of acceptance is counted
        before = world.store.store.commits
        reply = await post(meta, batch())
        assert world.store.store.commits == before + 1
    assert reply.status == 200
    assert len(set(reply.body["ids"])) == len(reply.body["ids"]) == 1000
    assert not any(reply.body["duplicates"])
    await world.settle()
    kinds = [row.event.type for row in await world.store.store.events(limit=2000)]
    assert (kinds.count("message.received"), kinds.count("message.read")) == (600, 400)
    assert len(parses) == 2  # once at the door, once for all the rules of its events
    with sqlite3.connect(world.folder / "bridge.db") as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    posted: list[Any] = [record.body for record in world.sandbox.generic.records]
    last = MESSAGES - 1
    assert {(each["order"], each["account"], each["name"]) for each in posted} == {
        (f"m{entry}.{at}.{last}", f"E{entry}", f"N{entry}.{at}.{last}")
        for entry in (1, 2)
        for at in range(CHANGES // 2)
    }


async def test_of_a_batch_that_comes_again_with_one_new_element_only_that_is_stored(meta: Doors) -> None:
    first = await post(meta, batch())
    await meta.world.settle()
    again = batch()
    again["entry"][1]["changes"][3]["value"]["messages"].insert(
        5, {"id": "new", "from": "915", "text": {"body": "last"}}
    )
    reply = await post(meta, again)
    await meta.world.settle()
    assert reply.status == 200
    assert reply.body["duplicates"].count(False) == 1
    new = reply.body["duplicates"].index(False)
    assert reply.body["ids"][:new] + reply.body["ids"][new + 1 :] == first.body["ids"]
    assert (await meta.world.store.store.books()).accepted == 1001
    row = await meta.world.store.store.event(reply.body["ids"][new])
    assert row is not None
    shown = event_of(await meta.world.console.event(row.event.id))  # as `explain` gets it
    for event in (row.event, shown):
        assert event.place == ("entry", 1, "changes", 3, "value", "messages", 5)
        fields = meta.world.engine.present.configuration.scope(event)["fields"]
        assert fields == {"account": "E2", "business": "P2.3", "name": "N2.3.5"}


@pytest.mark.parametrize("missing", ["m1.0.0", "m2.9.29"])
async def test_a_batch_with_one_element_that_has_no_id_is_refused_whole(meta: Doors, missing: str) -> None:
    body = orjson.loads(orjson.dumps(batch()).replace(f'"id":"{missing}","from"'.encode(), b'"from"'))
    reply = await post(meta, body)
    assert (reply.status, reply.body["error"]["code"]) == (400, "event_id_missing")
    assert (await meta.world.store.store.books()).accepted == 0


async def test_a_batch_with_nothing_in_it_is_a_heartbeat(meta: Doors) -> None:
    reply = await post(meta, {"entry": [{"id": "E1", "changes": []}]})
    assert (reply.status, reply.body["ids"]) == (200, [])
