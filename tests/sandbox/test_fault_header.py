import aiohttp
import pytest

from bridge.sandbox import FaultKind, FaultSpec, Sandbox
from tests.sandbox.conftest import Caller


async def test_a_request_may_ask_for_its_own_fault(generic: Caller, sandbox: Sandbox) -> None:
    header = {"X-Sandbox-Fault": "status; status=503; retry_after=7"}
    struck = await generic("POST", "/orders", {"n": 1}, headers=header)
    assert (struck.status, struck.headers["Retry-After"], sandbox.generic.records) == (503, "7", [])
    assert (await generic("POST", "/orders", {"n": 1})).status == 201
    assert [(entry.status, entry.fault) for entry in sandbox.journal] == [(503, "status"), (201, None)]


async def test_the_work_may_be_done_before_the_fault_hides_it(generic: Caller, sandbox: Sandbox) -> None:
    with pytest.raises(aiohttp.ClientError):
        await generic("POST", "/orders", {"n": 1}, headers={"X-Sandbox-Fault": "reset; applied=true"})
    assert [record.body for record in sandbox.generic.records] == [{"n": 1}]


async def test_the_header_comes_before_the_rules_and_uses_none_up(generic: Caller, sandbox: Sandbox) -> None:
    rule = sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=500))
    assert (await generic("GET", "/x", headers={"X-Sandbox-Fault": "empty_200"})).status == 200
    assert rule.fitted == 0
    assert (await generic("GET", "/x")).status == 500


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("explode", "fault"),
        ("", "fault"),
        ("status; status=1000", "status"),
        ("status; staus=500", "names are applied, status"),
        ("status; status", "name=value"),
        ("status; times=3", "names are"),
        ("reset; status=500", "`status` means nothing for the fault `reset`, only for `status`"),
    ],
)
async def test_a_header_that_is_not_understood_is_400_and_nothing_is_done(
    generic: Caller, sandbox: Sandbox, header: str, words: str
) -> None:
    refused = await generic("POST", "/orders", {"n": 1}, headers={"X-Sandbox-Fault": header})
    assert refused.status == 400
    assert refused.body["error"].startswith("X-Sandbox-Fault: ")
    assert words in refused.body["error"]
    assert sandbox.generic.records == []
    assert [entry.status for entry in sandbox.journal] == [400]
