from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.library import shipped
from bridge.connectors.looking import Thing
from bridge.rules.claims import Allowed, Claim, Exists, Inside, Spot, Subject, Takes
from bridge.rules.judging import Known, Lack, judge, near

CONTACTS = Subject("hubspot", "properties", "contacts")
PIPELINES = Subject("hubspot", "pipelines", "tickets")
HERE, THERE = Spot("r", ("a",)), Spot("s", ("b",))
THINGS = {
    thing.id: thing
    for thing in (
        Thing("email", "Email", unique=True),
        Thing("firstname", "First name"),
        Thing("age", "Age", kind="number"),
        Thing("born", "Born", kind="time"),
        Thing("vip", "VIP", kind="boolean"),
        Thing("stage", "Stage", options={"lead": "Lead", "customer": "Customer"}),
        Thing("createdate", "Created", usable=False),
        Thing("whatsapp_id", "WhatsApp id"),
        Thing("erp_id", "ERP id", unique=True),
    )
}
STAGES = {
    "0": Thing("0", "Support", inside={"1": "New", "4": "Closed"}),
    "7": Thing("7", "Sales", inside={"8": "Won"}),
}


def known(scopes: frozenset[str] | None = None) -> dict[str, Known]:
    live = shipped("hubspot").live
    assert live is not None
    return {"hubspot": Known(live.looks, {CONTACTS: THINGS, PIPELINES: STAGES}, scopes)}


def lacking(*claims: Claim, scopes: frozenset[str] | None = None) -> list[Lack]:
    return judge(claims, known(scopes))


def test_what_is_there_lacks_nothing() -> None:
    assert lacking(Exists(HERE, CONTACTS, "firstname"), Exists(HERE, CONTACTS, "erp_id", unique=True)) == []


def test_a_missing_property_is_told_once_with_every_place_and_its_near_name() -> None:
    (lack,) = lacking(Exists(HERE, CONTACTS, "fistname"), Exists(THERE, CONTACTS, "fistname"))
    assert (lack.code, lack.spots) == ("BR452", (HERE, THERE))
    assert lack.message == "the account of `hubspot` has no property `fistname` of contacts"
    assert lack.helps[0] == "did you mean `firstname` (First name)?"


def test_for_a_key_only_what_is_unique_may_have_been_meant() -> None:
    (lack,) = lacking(Exists(HERE, CONTACTS, "whatsap_id", unique=True))
    assert lack.helps[0].startswith("create it in HubSpot")
    (lack,) = lacking(Exists(HERE, CONTACTS, "erpid", unique=True))
    assert lack.helps[0] == "did you mean `erp_id` (ERP id)?"


def test_a_key_that_is_not_unique_cannot_be_mended_in_hubspot() -> None:
    (lack,) = lacking(Exists(HERE, CONTACTS, "whatsapp_id", unique=True))
    assert lack.code == "BR455"
    assert "cannot switch" in lack.helps[0]
    assert lack.notes == ("unique there: `email`, `erp_id`",)


def test_what_cannot_be_used_is_a_doubt_and_no_certainty() -> None:
    (lack,) = lacking(Exists(HERE, CONTACTS, "createdate"))
    assert (lack.code, lack.is_certain) == ("BR456", False)
    assert lacking(Exists(HERE, CONTACTS, "no"))[0].is_certain


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("age", "30", True),
        ("age", "-3.5e2", True),
        ("age", "thirty", False),
        ("age", "nan", False),
        ("born", "2026-06-02", True),
        ("born", "1780369298000", True),
        ("born", "tomorrow", False),
        ("vip", "true", True),
        ("vip", "yes", False),
        ("firstname", "thirty", True),
    ],
)
def test_a_constant_must_be_what_the_property_takes(*, name: str, value: str, fits: bool) -> None:
    assert [lack.code for lack in lacking(Takes(HERE, CONTACTS, name, value))] == ([] if fits else ["BR453"])


def test_an_option_must_be_one_of_those_there_are() -> None:
    assert lacking(Takes(HERE, CONTACTS, "stage", "lead"), Takes(HERE, CONTACTS, "stage", "lead;customer")) == []
    (lack,) = lacking(Takes(HERE, CONTACTS, "stage", "leed"))
    assert (lack.code, lack.helps) == ("BR454", ("did you mean `lead` (Lead)?",))
    assert lack.notes == ("options: `lead` (Lead), `customer` (Customer)",)
    assert [each.code for each in lacking(Takes(HERE, CONTACTS, "stage", "lead;no"))] == ["BR454"]
    assert [each.code for each in lacking(Takes(HERE, CONTACTS, "stage", ";"))] == ["BR454"]


def test_a_value_that_may_come_from_the_environment_is_in_no_message() -> None:
    for name in ("age", "stage"):
        assert "hush-hush-9" not in repr(lacking(Takes(HERE, CONTACTS, name, "hush-hush-9")))


def test_the_value_of_a_missing_thing_is_not_told_besides() -> None:
    assert lacking(Takes(HERE, CONTACTS, "no", "x")) == []


def test_a_label_in_place_of_an_id_is_recognised() -> None:
    (lack,) = lacking(Takes(HERE, CONTACTS, "stage", "Customer"))
    assert lack.helps == ("did you mean `customer` (Customer)?",)
    (lack,) = lacking(Exists(HERE, PIPELINES, "support"))
    assert lack.helps[0] == "did you mean `0` (Support)?"
    assert lack.notes == ("there are: `0` (Support), `7` (Sales)",)


def test_a_stage_must_be_in_its_pipeline() -> None:
    assert lacking(Inside(HERE, PIPELINES, "4", "0"), Inside(HERE, PIPELINES, "8", None)) == []
    (lack,) = lacking(Inside(HERE, PIPELINES, "8", "0"))
    assert lack.message == "the account of `hubspot` has no stage `8` in pipeline `0` of tickets"
    assert lack.notes == ("stages: `1` (New), `4` (Closed)",)
    assert lack.helps == ("it is in the pipeline `7`",)
    (lack,) = lacking(Inside(HERE, PIPELINES, "closed", None))
    assert (lack.helps, "in any pipeline" in lack.message) == (("did you mean `4` (Closed)?",), True)


def test_a_stage_of_a_pipeline_that_is_missing_is_not_told_besides() -> None:
    assert lacking(Inside(HERE, PIPELINES, "8", "no")) == []
    assert [lack.code for lack in lacking(Exists(HERE, PIPELINES, "no"))] == ["BR452"]


def test_a_pipeline_that_does_not_say_its_stages_proves_nothing() -> None:
    things = {**STAGES, "0": replace(STAGES["0"], inside=None)}
    accounts = {"hubspot": replace(known()["hubspot"], things={PIPELINES: things})}
    assert judge([Inside(HERE, PIPELINES, "99", None), Inside(HERE, PIPELINES, "99", "0")], accounts) == []


def test_one_of_several_scopes_is_enough() -> None:
    needs = Allowed(HERE, "hubspot", "tickets.update", ("write", "tickets:write"))
    assert lacking(needs, scopes=frozenset({"tickets:write"})) == []
    (lack,) = lacking(needs, scopes=frozenset({"read"}))
    assert (lack.code, lack.label) == ("BR451", "needs the scope `write` or `tickets:write`")
    assert lack.notes == ("granted: `read`",)


def test_what_was_not_told_is_not_judged() -> None:
    assert lacking(Allowed(HERE, "hubspot", "a", ("x",)), scopes=None) == []
    assert lacking(Exists(HERE, Subject("hubspot", "properties", "notes"), "x")) == []
    assert lacking(Exists(HERE, Subject("other", "properties", "contacts"), "x")) == []


NAMES = st.sampled_from(["email", "firstname", "age", "stage", "createdate", "0", "7", "x"]) | st.text(max_size=12)
SUBJECTS = st.sampled_from([CONTACTS, PIPELINES, Subject("hubspot", "properties", "notes"), Subject("z", "groups", "")])
CLAIMS = (
    st.builds(Exists, st.just(HERE), SUBJECTS, NAMES, st.booleans())
    | st.builds(Takes, st.just(HERE), SUBJECTS, NAMES, st.text(max_size=12))
    | st.builds(Inside, st.just(HERE), SUBJECTS, NAMES, st.none() | NAMES)
    | st.builds(Allowed, st.just(HERE), st.sampled_from(["hubspot", "z"]), NAMES, st.tuples(NAMES))
)


@given(claims=st.lists(CLAIMS, max_size=8), scopes=st.none() | st.frozensets(NAMES, max_size=3))
def test_any_claims_are_judged_and_each_lack_is_told_once(claims: list[Claim], scopes: frozenset[str] | None) -> None:
    lacks = lacking(*claims, scopes=scopes)
    assert len({(lack.code, lack.message, lack.notes, lack.label) for lack in lacks}) == len(lacks)
    assert all(lack.spots == (HERE,) for lack in lacks)
    assert lacking(*claims, *claims, scopes=scopes) == lacks


@given(
    name=st.text(max_size=30),
    others=st.dictionaries(st.text(min_size=1, max_size=10), st.text(max_size=10), max_size=5),
)
def test_what_may_have_been_meant_is_always_something_that_is_there(name: str, others: dict[str, str]) -> None:
    for help_ in near(name, others):
        assert any(help_.startswith(f"did you mean `{id_}`") for id_ in others)
