import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.clock import ManualClock
from bridge.sandbox import FaultKind, Faults, FaultSpec, Match, Sandbox, When
from bridge.sandbox.answers import Call
from bridge.sandbox.faults import API_NAMES, refusal_words
from tests.canaries import PHONE


def call(method: str = "POST", path: str = "/api/v2/tickets.json", content: bytes = b"") -> Call:
    return Call(method, path, "http://sandbox", {}, {}, {}, content)


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(), True),
        (Match(api="zendesk"), True),
        (Match(api="hubspot"), False),
        (Match(method="post"), True),
        (Match(method="GET"), False),
        (Match(path="/api/v2/tickets"), True),
        (Match(path="/api/v2/tickets.json"), True),
        (Match(path="*/tickets*"), True),
        (Match(path="/tickets"), False),
        (Match(body_contains=PHONE), True),
        (Match(body_contains="nothing of it"), False),
    ],
)
def test_a_rule_fits_only_what_it_names(match: Match, *, fits: bool) -> None:
    assert match.fits("zendesk", call(content=PHONE.encode())) is fits


@settings(deadline=None)
@given(after=st.integers(0, 5), times=st.integers(1, 5), calls=st.integers(0, 15))
def test_a_rule_lets_some_pass_then_strikes_so_often(after: int, times: int, calls: int) -> None:
    faults = Faults(ManualClock())
    rule = faults.add(FaultSpec(fault=FaultKind.RESET, after=after, times=times))
    struck = [faults.strike("generic", call()) is not None for _ in range(calls)]
    assert struck == [after <= place < after + times for place in range(calls)]
    assert rule.struck == sum(struck)


def test_a_rule_without_times_strikes_for_ever_and_can_be_taken_out() -> None:
    faults = Faults(ManualClock())
    rule = faults.add(FaultSpec(fault=FaultKind.RESET, times=None))
    assert all(faults.strike("generic", call()) for _ in range(10))
    assert faults.remove(rule.id)
    assert not faults.remove(rule.id)
    assert faults.strike("generic", call()) is None


def test_the_next_rule_takes_over_from_a_spent_one() -> None:
    faults = Faults(ManualClock())
    faults.add(FaultSpec(fault=FaultKind.RESET))
    faults.add(FaultSpec(fault=FaultKind.EMPTY_200))
    kinds = [spec.fault for _ in range(2) if (spec := faults.strike("generic", call()))]
    assert kinds == [FaultKind.RESET, FaultKind.EMPTY_200]


def test_only_faults_on_the_way_back_do_the_work_by_default() -> None:
    doing = {kind for kind in FaultKind if FaultSpec(fault=kind).does_the_work}
    assert doing == {FaultKind.HALF_BODY, FaultKind.SLOW}
    assert FaultSpec(fault=FaultKind.RESET, applied=True).does_the_work


def test_misspelt_rules_are_refused() -> None:
    with pytest.raises(ValidationError):
        FaultSpec.model_validate({"fault": "reset", "time": 2})
    with pytest.raises(ValidationError):
        FaultSpec.model_validate({"fault": "explode"})


def test_a_rule_strikes_only_within_its_time() -> None:
    clock = ManualClock()
    faults = Faults(clock)
    faults.add(FaultSpec(fault=FaultKind.RESET, when=When.model_validate({"from": "10s", "until": "40s"}), times=None))
    struck = []
    for _ in range(6):
        struck.append(faults.strike("generic", call()) is not None)
        clock.advance(10_000)
    assert struck == [False, True, True, True, False, False]


def test_the_time_of_a_rule_is_shown_as_it_was_given() -> None:
    rule = Faults(ManualClock()).add(FaultSpec.model_validate({"fault": "reset", "when": {"from": "10s"}}))
    assert rule.shown()["when"] == {"from": "10s"}


def test_the_apis_of_the_sandbox_are_the_ones_that_a_rule_may_name() -> None:
    assert {api.name for api in Sandbox().apis} == set(API_NAMES)


@pytest.mark.parametrize("match", [{"api": "hubspto"}, {"method": "PSOT"}])
def test_a_name_that_is_none_is_refused_with_a_guess(match: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        FaultSpec.model_validate({"fault": "reset", "match": match})
    assert "did you mean" in refusal_words(caught.value)


def test_what_a_kind_of_fault_does_not_use_is_named() -> None:
    spec = FaultSpec(fault=FaultKind.RESET, status=503, applied=True)
    assert spec.idle_options == ["status"]
    assert FaultSpec(fault=FaultKind.STATUS, status=503, retry_after=1, body={}).idle_options == []
