"""What a destination may change about limits, batches and replays, and how it is told what it cannot."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.connectors import library
from bridge.connectors.destination import Destination, DestinationProblem, DestinationShape, compile_destination
from bridge.connectors.library import load_connector, shipped
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.overrides import switched_on
from tests.canaries import HUBSPOT_TOKEN

HUBSPOT = {"connector": "hubspot", "token": HUBSPOT_TOKEN}
NAMES = ["burst", "daily", "search", "associations"]


def compiled(**more: Any) -> tuple[Destination | None, tuple[DestinationProblem, ...]]:
    return compile_destination("crm", DestinationShape.model_validate(HUBSPOT | more), shipped("hubspot"))


def right(**more: Any) -> Destination:
    destination, problems = compiled(**more)
    assert destination is not None, problems
    return destination


def wrong(**more: Any) -> DestinationProblem:
    destination, problems = compiled(**more)
    assert destination is None
    [problem] = problems
    return problem


def test_without_a_word_the_limits_are_the_connectors() -> None:
    destination = right()
    assert destination.limits == shipped("hubspot").limits
    assert [limit.name for limit in destination.limits] == NAMES
    assert not any(limit.fixed for limit in destination.limits)


@pytest.mark.parametrize("more", [{}, {"batch": {"contacts.*": "off"}}], ids=["plain", "switched"])
def test_no_operation_is_compiled_before_a_rule_asks_for_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    compiled_now: list[str] = []

    def compile_one(*given: Any) -> CompiledOperation:
        compiled_now.append(given[1])
        return CompiledOperation(*given)

    monkeypatch.setattr(library, "CompiledOperation", compile_one)
    hubspot = load_connector(repository / "bridge/connectors/catalog/hubspot.yaml", is_shipped=True).connector
    assert hubspot is not None
    destination, _ = compile_destination("crm", DestinationShape.model_validate(HUBSPOT | more), hubspot)
    assert destination is not None
    assert compiled_now == []
    assert destination.connector.operations["contacts.upsert"].batch is not None
    assert compiled_now == ["contacts.upsert"]


def test_single_keys_of_a_limit_are_changed_and_the_others_stay() -> None:
    [burst] = [limit for limit in right(limits={"burst": {"calls": 190}}).limits if limit.name == "burst"]
    [plain] = [limit for limit in right().limits if limit.name == "burst"]
    assert (burst.calls, burst.per_ms, burst.fixed) == (190, 10_000, True)
    assert (burst.limit.headers, burst.limit.except_) == (plain.limit.headers, plain.limit.except_)
    [daily] = [limit for limit in right(limits={"daily": {"hold": "1h"}}).limits if limit.name == "daily"]
    assert (daily.calls, daily.hold_ms, daily.fixed) == (250_000, 3_600_000, False)


@pytest.mark.parametrize("off", ["off", False])
def test_a_limit_can_be_switched_off(off: object) -> None:
    assert [limit.name for limit in right(limits={"daily": off}).limits] == ["burst", "search", "associations"]


def test_an_account_may_have_a_limit_of_its_own() -> None:
    own = {"calls": 3, "per": "1m", "operations": ["contacts.*"], "except": ["*.create"], "key": "{{ params.id }}"}
    limit = right(limits={"ours": own}).limits[-1]
    assert (limit.name, limit.calls, limit.per_ms, limit.hold_ms, limit.fixed) == ("ours", 3, 60_000, 60_000, True)
    assert [limit.applies_to(name) for name in ("contacts.upsert", "contacts.create", "tickets.upsert")] == [
        True,
        False,
        False,
    ]
    assert limit.keyed
    assert not limit.covers_all


def test_a_misspelt_limit_does_not_become_a_new_one() -> None:
    problem = wrong(limits={"brust": {"calls": 190, "per": "10s"}})
    assert problem.message == "`brust` would be a new limit beside `burst`"
    assert problem.helps[0] == "did you mean `burst`?"


@pytest.mark.parametrize(
    ("limits", "code", "inside", "help_"),
    [
        ({"burts": {"calls": 190}}, "BR101", ("burts",), "did you mean `burst`?"),
        ({"ours": {"per": "1s"}}, "BR101", ("ours",), "limits: `burst`, `daily`, `search`, `associations`"),
        ({"burts": "off"}, "BR104", ("burts",), "did you mean `burst`?"),
        ({"burst": {"operations": ["contact.upsert"]}}, "BR104", ("burst", "operations"), "did you mean"),
        ({"burst": {"key": "{{ body.id }}"}}, "BR121", ("burst", "key"), ""),
    ],
)
def test_a_change_that_cannot_be_meant_is_told_where_it_stands(
    limits: dict[str, Any], code: str, inside: tuple[str, ...], help_: str
) -> None:
    problem = wrong(limits=limits)
    assert (problem.code, problem.key, problem.inside) == (code, "limits", inside)
    assert help_ in " ".join(problem.helps)


@pytest.mark.parametrize(
    "limits",
    [
        {"burst": "on"},
        {"burst": None},
        {"burst": True},
        {"burst": []},
        {"burst": {"calls": 0}},
        {"burst": {"calls": "many"}},
        {"burst": {"per": 10}},
        {"burst": {"per": "0s"}},
        {"burst": {"headers": {}}},
        {"burst": {"refused": "true"}},
        {"a b": {"calls": 1, "per": "1s"}},
        {"": {"calls": 1, "per": "1s"}},
        [],
    ],
)
def test_what_is_no_limit_is_refused(limits: object) -> None:
    with pytest.raises(ValidationError):
        DestinationShape.model_validate(HUBSPOT | {"limits": limits})


@pytest.mark.parametrize(
    ("batch", "on"),
    [
        ({}, True),
        ("on", True),
        ("off", False),
        (False, False),
        ({"contacts.upsert": "off"}, False),
        ({"*": "off", "contacts.*": "on"}, True),
        ({"contacts.upsert": "on", "contacts.*": "off"}, True),
        ({"tickets.*": "off"}, True),
    ],
)
def test_batches_are_switched_for_all_operations_or_for_some(batch: object, *, on: bool) -> None:
    assert right(batch=batch).batch_on("contacts.upsert") is on


def test_an_operation_without_a_batch_form_is_never_batched() -> None:
    shape = DestinationShape.model_validate({"connector": "http", "base_url": "https://a.example.com", "batch": "on"})
    destination, _ = compile_destination("erp", shape, shipped("http"))
    assert destination is not None
    assert not destination.batch_on("post")
    assert not destination.batch_on("nothing.like_it")


def test_what_is_off_by_default_can_be_switched_on() -> None:
    assert not switched_on({}, "tickets.create", default=False)
    assert switched_on({"tickets.create": True}, "tickets.create", default=False)


@pytest.mark.parametrize(
    ("pattern", "help_"),
    [("contact.upsert", "did you mean `contacts.upsert`?"), ("*.merge", "with a batch form: `contacts.upsert`")],
)
def test_a_switch_that_nothing_hears_is_refused(pattern: str, help_: str) -> None:
    problem = wrong(batch={pattern: "off"})
    assert (problem.code, problem.key, problem.inside, problem.on_key) == ("BR104", "batch", (pattern,), True)
    assert problem.helps[0].startswith(help_)


@pytest.mark.parametrize("batch", ["maybe", "ON", 1, None, [], {"contacts.upsert": "yes"}])
def test_what_is_no_switch_is_refused(batch: object) -> None:
    with pytest.raises(ValidationError):
        DestinationShape.model_validate(HUBSPOT | {"batch": batch})


@pytest.mark.parametrize(("share", "percent"), [("20%", 20), ("1%", 1), ("100 %", 100)])
def test_replays_have_a_share_in_percent(share: str, percent: int) -> None:
    assert right(replay_share=share).replay_share == percent


def test_replays_have_a_fifth_by_default() -> None:
    assert right().replay_share == 20


@pytest.mark.parametrize("share", ["20", 20, "0%", "101%", "-1%", "1.5%", 0.2, True, None, "\u0662%"])
def test_what_is_no_share_is_refused(share: object) -> None:
    with pytest.raises(ValidationError):
        DestinationShape.model_validate(HUBSPOT | {"replay_share": share})
