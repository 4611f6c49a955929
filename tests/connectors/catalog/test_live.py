"""What the shipped connectors say about asking an account agrees with their own operations, and with the sandbox."""

from fnmatch import fnmatchcase

import pytest

from bridge.connectors.library import shipped, shipped_names
from bridge.model import Outcome
from bridge.sandbox.hubspot.scopes import ALL_SCOPES
from tests.connectors.builders import NOW_MS, OPERATIONS, json_answer
from tests.connectors.catalog.recorded import recording

CONNECTORS = [name for name in shipped_names() if shipped(name).live is not None]


@pytest.mark.parametrize("name", CONNECTORS)
def test_every_claim_is_about_a_parameter_of_each_operation_that_it_names(name: str) -> None:
    connector = shipped(name)
    assert connector.live is not None
    strange = []
    for claim in connector.live.claims:
        for pattern in claim.operations:
            fitting = [each for each in connector.operations if fnmatchcase(each, pattern)]
            if not fitting:
                strange.append(f"{pattern} fits no operation")
            root = claim.at.replace("[]", "").split(".")[0]
            if not any(root in connector.operations[each].operation.params for each in fitting):
                strange.append(f"{pattern} has no parameter {root}")
    assert strange == []


@pytest.mark.parametrize(("connector", "name"), [each for each in OPERATIONS if not recording(each[0]).no_scopes])
def test_every_operation_says_what_its_credentials_must_be_allowed(connector: str, name: str) -> None:
    assert shipped(connector).operations[name].operation.scopes


def test_hubspots_scopes_are_those_that_the_sandbox_knows() -> None:
    named = {
        scope
        for operation in shipped("hubspot").operations.values()
        for scopes in operation.operation.scopes
        for scope in ((scopes,) if isinstance(scopes, str) else scopes)
    }
    assert named <= ALL_SCOPES


def test_a_slack_token_that_is_refused_under_200_is_no_account() -> None:
    live = shipped("slack").live
    assert live is not None
    refused = json_answer(200, {"ok": False, "error": "token_revoked"})
    assert live.account.classify(refused, now_ms=NOW_MS).outcome is Outcome.UNAUTHORIZED
    good = {"ok": True, "team": "Acme", "user": "bridge"}
    assert live.account.classify(json_answer(200, good), now_ms=NOW_MS).succeeded
    assert live.account.shown(good) == {"workspace": "Acme", "bot": "bridge"}
