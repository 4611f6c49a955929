"""Alone or in company, a call has the same outcome: the same calls, singly and in batches, on two fresh accounts."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.batching import UNNAMED, CompiledBatch
from bridge.connectors.call import Call
from bridge.connectors.narrowing import Narrowing
from bridge.connectors.operation import CompiledOperation
from bridge.model import Outcome, rfc3339
from bridge.sandbox import Sandbox
from bridge.sandbox.hubspot.access import HubSpotLimits
from bridge.sandbox.zendesk.api import BULK_LAG_MS
from tests.canaries import CUSTOMER_NAME, PHONE_E164
from tests.connectors.builders import OPERATIONS, call_of, operation
from tests.connectors.catalog.conftest import Account, opened

Params = Mapping[str, Any]
Result = tuple[Outcome, object, str, object]
"""What an account makes of a call: outcome, id, code, and the record that a conflict names."""

GONE, REJECTED, CONFLICT, DONE = Outcome.GONE, Outcome.REJECTED, Outcome.CONFLICT, Outcome.SUCCEEDED


class Driver:
    """Makes calls of one operation in batches, with no more than the engine knows."""

    def __init__(self, account: Account, compiled: CompiledOperation, batch: CompiledBatch) -> None:
        self._account = account
        self._compiled = compiled
        self._batch = batch
        self.requests = 0

    async def make(self, calls: Sequence[Call]) -> list[Answer]:
        """An answer for each call. Calls of one group share a request, twins travel one after the other."""
        answers: dict[str, Answer] = {}
        waiting = list(calls)
        while waiting:
            group = self._batch.group(waiting[0])
            chosen: dict[str, Call] = {}
            for call in waiting:
                if self._batch.group(call) == group and len(chosen) < self._batch.max:
                    chosen.setdefault(self._batch.unique(call), call)
            for call, answer in zip(chosen.values(), await self._send([*chosen.values()]), strict=True):
                answers[call.key] = answer
            waiting = [call for call in waiting if call.key not in answers]
        return [answers[call.key] for call in calls]

    async def _send(self, calls: list[Call]) -> list[Answer]:
        self.requests += 1
        answer = await self._account.send(self._batch.build(calls))
        split = self._batch.split(calls, answer)
        if split.handles is not None:
            return await self._polled(calls, split.handles)
        if split.refused and len(calls) > 1:
            return await self._narrowed(calls)
        return [own or Answer(answer.status, trouble=Trouble.CUT, detail=UNNAMED) for own in split.answers]

    async def _narrowed(self, calls: list[Call]) -> list[Answer]:
        answers: dict[str, Answer] = {}
        narrowing = Narrowing(calls)
        while some := narrowing.next():
            self.requests += 1
            request = self._batch.build(some) if len(some) > 1 else self._compiled.request.build(some[0])
            answer = await self._account.send(request)
            split = self._batch.split(some, answer)
            if split.refused and len(some) > 1:
                narrowing.refused()
                continue
            own = split.answers if len(some) > 1 else (answer,)
            answers |= {call.key: each for call, each in zip(some, own, strict=True) if each is not None}
            narrowing.passed()
        return [answers[call.key] for call in calls]

    async def _polled(self, calls: list[Call], handles: Sequence[Mapping[str, object]]) -> list[Answer]:
        first = await self._account.send(self._batch.poll(handles[0]))
        assert self._batch.read_poll(calls[0], handles[0], first) is None
        self._account.clock.advance(BULK_LAG_MS)
        last = await self._account.send(self._batch.poll(handles[0]))
        answers = [self._batch.read_poll(call, handle, last) for call, handle in zip(calls, handles, strict=True)]
        assert all(answer is not None for answer in answers)
        return [answer for answer in answers if answer is not None]


def result(compiled: CompiledOperation, call: Call, answer: Answer) -> Result:
    verdict = compiled.classify(call, answer, now_ms=0)
    existing = compiled.existing_id(call, answer) if verdict.outcome is CONFLICT else None
    return verdict.outcome, verdict.id, verdict.code, existing


def calls_of(account: Account, compiled: CompiledOperation, all_params: Sequence[Params]) -> list[Call]:
    since = rfc3339(account.clock.now_ms())
    return [
        Call(compiled.fit(params), account.settings, f"key-{place}", since) for place, params in enumerate(all_params)
    ]


async def singly(name: str, before: Sequence[tuple[str, Params]], all_params: Sequence[Params], connector: str) -> Any:
    async with opened(connector) as (account, sandbox):
        await prepare(account, before)
        compiled = operation(connector, name)
        calls = calls_of(account, compiled, all_params)
        results = [result(compiled, call, await account.send(compiled.request.build(call))) for call in calls]
        return results, state(sandbox, connector)


async def batched(name: str, before: Sequence[tuple[str, Params]], all_params: Sequence[Params], connector: str) -> Any:
    async with opened(connector) as (account, sandbox):
        await prepare(account, before)
        compiled = operation(connector, name)
        assert compiled.batch is not None
        driver = Driver(account, compiled, compiled.batch)
        calls = calls_of(account, compiled, all_params)
        answers = await driver.make(calls)
        results = [result(compiled, call, answer) for call, answer in zip(calls, answers, strict=True)]
        return results, state(sandbox, connector), driver.requests


async def prepare(account: Account, before: Sequence[tuple[str, Params]]) -> None:
    for place, (name, params) in enumerate(before):
        verdict = await account(name, params, f"before-{place}")
        assert verdict.succeeded, verdict


def state(sandbox: Sandbox, connector: str) -> Any:
    """What is in the account in the end, without times and the numbers of audits."""
    if connector == "hubspot":
        return sandbox.hubspot.snapshot()
    kept = ("id", "external_id", "subject", "status", "priority", "requester_id", "description")
    return [{name: shown[name] for name in kept} for shown in sandbox.zendesk.snapshot()["tickets"]]


def contact(number: int, **more: Any) -> Params:
    return {"id": f"+91885687900{number}", "id_property": "whatsapp_id", "properties": {"firstname": "A", **more}}


def ticket(number: int, **more: Any) -> Params:
    properties = {"subject": "S", "hs_pipeline_stage": "1", **more}
    return {"id": f"msg-{number}", "id_property": "whatsapp_ticket_id", "properties": properties}


def entry(number: int, **more: Any) -> Params:
    needed = {"hs_communication_channel_type": "WHATS_APP", "hs_communication_logged_from": "CRM", "hs_timestamp": "0"}
    return {"id": f"msg-{number}", "id_property": "wa_message_id", "properties": {**needed, **more}}


def note(number: int, **more: Any) -> Params:
    return {"id": f"msg-{number}", "id_property": "wa_note_id", "properties": {"hs_timestamp": "0", **more}}


def task(number: int, **more: Any) -> Params:
    return {"id": f"evt-{number}", "id_property": "bridge_task_id", "properties": {"hs_timestamp": "0", **more}}


def person(number: int, **more: Any) -> Params:
    return {"email": f"asha{number}@example.com", "properties": {"firstname": "A", **more}}


def change(number: int, **properties: Any) -> Params:
    return {"id": 1000 + number, "properties": properties}


def pair(origin: int, far: int, **more: Any) -> Params:
    return {"from_type": "tickets", "from_id": 1000 + origin, "to_type": "contacts", "to_id": 1000 + far, **more}


def company(number: int, **more: Any) -> Params:
    return {"id": f"ext-{number}", "id_property": "bridge_company_id", "properties": {"name": "Acme", **more}}


def deal(number: int, **more: Any) -> Params:
    properties = {"dealname": "D", "dealstage": "closedwon", **more}
    return {"id": f"ext-{number}", "id_property": "bridge_deal_id", "properties": properties}


def placed(number: int, kind: str = "p_orders", **more: Any) -> Params:
    """An order, which is a custom object."""
    properties = {"name": "N", **more}
    return {"object_type": kind, "id": f"ext-{number}", "id_property": "order_number", "properties": properties}


def order_change(number: int, **properties: Any) -> Params:
    return {"object_type": "p_orders", **change(number, **properties)}


def labelled(origin: int, far: int, type_id: int = 16) -> Params:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
    return {**pair(origin, far), "types": types}


def zendesk_ticket(number: int, **more: Any) -> Params:
    return {"subject": f"s{number}", "comment": {"body": f"b{number}"}, "external_id": f"e{number}", **more}


THREE_CONTACTS = [("contacts.upsert", contact(number)) for number in range(1, 4)]
THREE_TICKETS = [("tickets.upsert", ticket(number)) for number in range(1, 4)]
THREE_ENTRIES = [("communications.upsert", entry(number)) for number in range(1, 4)]
THREE_NOTES = [("notes.upsert", note(number)) for number in range(1, 4)]
THREE_TASKS = [("tasks.upsert", task(number)) for number in range(1, 4)]
THREE_DESK = [("tickets.create", zendesk_ticket(number)) for number in range(1, 4)]
CLOSED = ("tickets.update", {"id": 3, "status": "closed"})

CASES: list[tuple[str, str, Sequence[tuple[str, Params]], Sequence[Params], Sequence[Outcome]]] = [
    (
        "hubspot",
        "contacts.upsert",
        THREE_CONTACTS[:1],
        [contact(1), contact(2, colour="red"), contact(3), contact(4), contact(3, firstname="B")],
        [DONE, REJECTED, DONE, DONE, DONE],
    ),
    (
        "hubspot",
        "tickets.upsert",
        [],
        [ticket(1), ticket(2, hs_pipeline_stage="99"), ticket(3), ticket(1, subject="T")],
        [DONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "communications.upsert",
        [],
        [entry(1), entry(2, hs_communication_channel_type="PIGEON"), entry(3), entry(1)],
        [DONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "notes.upsert",
        [],
        [note(1), note(2, hs_timestamp="yesterday"), note(3), note(1, hs_note_body="x")],
        [DONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "tasks.upsert",
        [],
        [task(1), task(2, hs_task_priority="URGENT"), task(3), task(1, hs_task_subject="x")],
        [DONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "tasks.update",
        THREE_TASKS,
        [change(1, hs_task_status="COMPLETED"), change(999), change(2, hs_task_status="x"), change(1), change(3)],
        [DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "companies.upsert",
        [],
        [company(1), company(2, colour="red"), company(3), company(1, city="Pune")],
        [DONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "companies.update",
        [("companies.upsert", company(number)) for number in range(1, 4)],
        [change(1, city="Pune"), change(999), change(2, colour="red"), change(1, city="Goa"), change(3)],
        [DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "deals.upsert",
        [],
        [deal(1), deal(2, dealstage="somewhere"), deal(3, amount=7), deal(1, dealname="E")],
        [DONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "deals.update",
        [("deals.upsert", deal(number)) for number in range(1, 4)],
        [change(1, dealstage="closedlost"), change(999), change(2, amount="much"), change(1, amount="7"), change(3)],
        [DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "objects.upsert",
        [],
        [placed(1), placed(2, colour="red"), placed(3), placed(1, status="paid")],
        [DONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "objects.update",
        [("objects.upsert", placed(number)) for number in range(1, 4)],
        [
            order_change(1, status="paid"),
            order_change(999),
            order_change(2, colour="red"),
            order_change(1),
            order_change(3),
        ],
        [DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "associations.label",
        [*THREE_TICKETS, *THREE_CONTACTS],
        [labelled(1, 4), labelled(2, 5), labelled(3, 999), labelled(1, 5, 339), labelled(1, 4), labelled(3, 6)],
        [DONE, DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "contacts.create",
        [("contacts.create", person(1))],
        [person(1), person(2), person(3, colour="red"), person(4), person(2), person(5)],
        [CONFLICT, DONE, REJECTED, DONE, CONFLICT, DONE],
    ),
    (
        "hubspot",
        "contacts.update",
        THREE_CONTACTS,
        [
            change(1, firstname="B"),
            change(999),
            change(2, colour="red"),
            change(3, whatsapp_id="+918856879001"),
            change(1, lastname="C"),
            change(888),
        ],
        [DONE, GONE, REJECTED, REJECTED, DONE, GONE],
    ),
    (
        "hubspot",
        "tickets.update",
        THREE_TICKETS,
        [change(1, hs_pipeline_stage="2"), change(999), change(2, colour="red"), change(1, subject="T"), change(3)],
        [DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "communications.update",
        THREE_ENTRIES,
        [change(1, wa_status="read"), change(999), change(2, hs_timestamp="soon"), change(1, wa_status="x"), change(3)],
        [DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "notes.update",
        THREE_NOTES,
        [change(1, hs_note_body="b"), change(999), change(2, hs_timestamp="soon"), change(1), change(3)],
        [DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "hubspot",
        "associations.create",
        [*THREE_CONTACTS, *THREE_TICKETS],
        [
            pair(4, 1),
            pair(5, 2),
            pair(4, 999),
            pair(6, 3),
            pair(5, 2),
            pair(4, 2),
            pair(1, 2, from_type="contacts"),
            pair(1, 4, from_type="contacts", to_type="tickets"),
        ],
        [DONE, DONE, GONE, DONE, DONE, DONE, REJECTED, DONE],
    ),
    (
        "zendesk",
        "tickets.update",
        [*THREE_DESK, CLOSED],
        [
            {"id": 1, "priority": "high"},
            {"id": 999, "priority": "high"},
            {"id": 3, "priority": "low"},
            {"id": 2, "status": "solved"},
            {"id": 1, "subject": "t"},
        ],
        [DONE, GONE, REJECTED, DONE, DONE],
    ),
    (
        "zendesk",
        "tickets.create",
        [],
        [
            zendesk_ticket(1),
            zendesk_ticket(2, requester_id=424242),
            zendesk_ticket(3),
            zendesk_ticket(4, priority="high"),
            zendesk_ticket(1),
        ],
        [DONE, REJECTED, DONE, DONE, DONE],
    ),
]


@pytest.mark.parametrize(("connector", "name", "before", "all_params", "outcomes"), CASES)
async def test_a_call_has_the_same_outcome_alone_and_in_company(
    connector: str,
    name: str,
    before: Sequence[tuple[str, Params]],
    all_params: Sequence[Params],
    outcomes: Sequence[Outcome],
) -> None:
    alone, state_alone = await singly(name, before, all_params, connector)
    together, state_together, _ = await batched(name, before, all_params, connector)
    assert [each[0] for each in alone] == list(outcomes)
    assert together == alone
    assert state_together == state_alone


def test_every_batch_form_that_the_sandbox_knows_has_its_case() -> None:
    named = {(connector, name) for connector, name, *_ in CASES}  # the others have recorded ones: see test_contract
    known = {connector for connector, _ in named}
    assert named == {each for each in OPERATIONS if each[0] in known and operation(*each).batch is not None}


@pytest.mark.parametrize("bad", [0, 37, 99])
async def test_one_poison_record_of_a_hundred_takes_one_call(bad: int) -> None:
    all_params = [{**contact(0), "id": f"+9188568{number:05}"} for number in range(100)]
    all_params[bad] = {**all_params[bad], "properties": {"colour": "red"}}
    results, _, requests = await batched("contacts.upsert", [], all_params, "hubspot")
    assert [place for place, each in enumerate(results) if each[0] is not DONE] == [bad]
    assert results[bad][0] is REJECTED
    assert requests == 1


@pytest.mark.parametrize("bad", [0, 21, 47])
async def test_one_missing_record_that_refuses_all_is_found_in_nine_calls(bad: int) -> None:
    before = [*THREE_CONTACTS[:1], *(("tickets.upsert", ticket(number)) for number in range(48))]
    all_params = [pair(number + 2, 999 if number == bad else 1) for number in range(48)]
    results, _, requests = await batched("associations.create", before, all_params, "hubspot")
    assert [place for place, each in enumerate(results) if each[0] is not DONE] == [bad]
    assert results[bad][0] is GONE
    assert requests <= 9


async def test_five_thousand_contacts_take_fifty_calls() -> None:
    all_params = [{**contact(0), "id": f"+9188{number:08}"} for number in range(5_000)]
    async with opened("hubspot") as (account, sandbox):
        sandbox.hubspot.access.apply(HubSpotLimits(enforced=True))
        compiled = operation("hubspot", "contacts.upsert")
        assert compiled.batch is not None
        driver = Driver(account, compiled, compiled.batch)
        answers = await driver.make(calls_of(account, compiled, all_params))
        assert driver.requests == 50
        assert {answer.status for answer in answers} == {200}
        assert len(sandbox.hubspot.records_of("contacts")) == 5_000


def test_an_upsert_is_found_by_its_property_when_no_trace_comes_back() -> None:
    compiled = operation("hubspot", "contacts.upsert")
    assert compiled.batch is not None
    params = [contact(number, firstname=CUSTOMER_NAME) for number in range(3)]
    calls = [Call(compiled.fit(each), {"api_version": "v3"}, f"key-{place}", "") for place, each in enumerate(params)]
    items = [{"id": str(place), "properties": {"whatsapp_id": each["id"]}} for place, each in enumerate(params)]
    answer = Answer(200, {}, orjson.dumps({"status": "COMPLETE", "results": items[::-1]}))
    verdicts = [
        compiled.classify(call, own, now_ms=0)
        for call, own in zip(calls, compiled.batch.split(calls, answer).answers, strict=True)
        if own is not None
    ]
    assert [verdict.id for verdict in verdicts] == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["contacts.upsert", "tickets.update", "contacts.create"])
def test_a_batch_of_an_object_follows_the_version_setting(name: str) -> None:
    compiled = operation("hubspot", name)
    assert compiled.batch is not None
    call = call_of(compiled)
    kind, verb = name.split(".")
    legacy = Call(call.params, {"api_version": "v3"}, call.key, call.since)
    assert compiled.batch.build([call]).url == f"/crm/objects/2026-03/{kind}/batch/{verb}"
    assert compiled.batch.build([legacy]).url == f"/crm/v3/objects/{kind}/batch/{verb}"


def test_emails_never_share_a_request_with_other_keys_because_they_have_no_partial_success() -> None:
    compiled = operation("hubspot", "contacts.upsert")
    assert compiled.batch is not None
    by_email = {"id": "asha@example.com", "id_property": "email", "properties": {}}
    calls = [call_of(compiled, params) for params in (by_email, contact(1), contact(2))]
    groups = [compiled.batch.group(call) for call in calls]
    assert groups[0] != groups[1] == groups[2]
    assert PHONE_E164 not in groups[1]


def test_a_batched_ticket_carries_its_external_id_so_that_a_probe_finds_it() -> None:
    compiled = operation("zendesk", "tickets.create")
    assert compiled.batch is not None
    assert not compiled.batch.on_by_default
    call = call_of(compiled, {"comment": {"body": "b"}})
    body = orjson.loads(compiled.batch.build([call]).body)
    assert body == {"tickets": [{"comment": {"body": "b"}, "external_id": call.key}]}
