from bridge.connectors.library import shipped
from bridge.connectors.looking import Thing
from bridge.rules.claims import Exists, Spot, Subject
from bridge.rules.creations import Refused, Wanted, creations
from bridge.rules.judging import Known, Things

HERE = Spot("r", ())
CONTACTS = Subject("hubspot", "properties", "contacts")
THINGS = {
    thing.id: thing
    for thing in (
        Thing("firstname", "First name", raw={"groupName": "contactinformation"}),
        Thing("erp_id", "ERP id", unique=True),
        Thing("hs_status", "Status"),
    )
}


def decided(*claims: Exists, things: Things | None = None, subject: Subject = CONTACTS) -> list[Wanted | Refused]:
    live = shipped("hubspot").live
    assert live is not None
    return creations(claims, {"hubspot": Known(live.looks, {subject: THINGS if things is None else things})})


def test_what_is_missing_is_wanted_once_and_unique_if_any_rule_looks_up_by_it() -> None:
    (wanted,) = decided(Exists(HERE, CONTACTS, "whatsapp_id"), Exists(HERE, CONTACTS, "whatsapp_id", unique=True))
    assert isinstance(wanted, Wanted)
    assert (wanted.id, wanted.unique, wanted.like.id) == ("whatsapp_id", True, "firstname")
    assert str(wanted) == "hubspot: property `whatsapp_id` of contacts (unique text)"


def test_plain_text_is_wanted_for_what_is_only_written() -> None:
    (wanted,) = decided(Exists(HERE, CONTACTS, "wa_status"))
    assert isinstance(wanted, Wanted)
    assert (wanted.unique, str(wanted)) == (False, "hubspot: property `wa_status` of contacts (text)")


def test_what_exists_is_never_touched_even_when_it_is_not_unique() -> None:
    assert decided(Exists(HERE, CONTACTS, "firstname", unique=True)) == []


def test_a_misspelling_is_left_to_a_person() -> None:
    (refused,) = decided(Exists(HERE, CONTACTS, "fistname"))
    assert isinstance(refused, Refused)
    assert refused.why == "probably a misspelling of `firstname`; if not, create it by hand"
    (refused,) = decided(Exists(HERE, CONTACTS, "erpid", unique=True))
    assert isinstance(refused, Refused)


def test_a_name_that_only_the_vendor_may_give_is_left_to_a_person() -> None:
    (refused,) = decided(Exists(HERE, CONTACTS, "hs_mine"))
    assert isinstance(refused, Refused)
    assert "only be given by the vendor" in str(refused)


def test_without_a_known_place_nothing_is_created() -> None:
    (refused,) = decided(Exists(HERE, CONTACTS, "whatsapp_id"), things={})
    assert isinstance(refused, Refused)
    deals = Subject("hubspot", "properties", "deals")
    (refused,) = decided(Exists(HERE, deals, "whatsapp_id"), subject=deals)
    assert isinstance(refused, Refused)


def test_a_list_that_only_people_keep_is_left_alone() -> None:
    pipelines = Subject("hubspot", "pipelines", "tickets")
    assert decided(Exists(HERE, pipelines, "9"), subject=pipelines) == []


def test_what_was_not_told_is_not_created() -> None:
    assert decided(Exists(HERE, Subject("hubspot", "properties", "notes"), "x")) == []
    assert decided(Exists(HERE, Subject("other", "properties", "contacts"), "x")) == []
