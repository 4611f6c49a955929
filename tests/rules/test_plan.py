import pytest

from bridge.model import Coalesce, DeadKind, DeliveryState, Forward, NewDelivery, Newer
from bridge.rules.plan import plan, with_variables
from tests.canaries import CUSTOMER_NAME, PHONE, PHONE_E164, TEXT
from tests.rules.builders import rule, scope


def planned(text: str, **fields: object) -> NewDelivery:
    return plan(rule(text), scope(**fields))


def test_a_plain_rule_has_no_lane_and_goes_to_its_first_destination() -> None:
    found = planned("")
    assert (found.state, found.key, found.lanes, found.destination) == (DeliveryState.PENDING, None, (), "erp")


TWO = """
    steps:
      - {id: a, use: zendesk.users.upsert, with: {external_id: x}}
      - {id: b, use: erp.get, with: {path: /}}
      - {id: c, use: zendesk.tickets.update, with: {id: 7}}
"""


def test_a_keyed_delivery_stands_in_the_lane_of_every_destination() -> None:
    found = planned("key: '{{ fields.customer | person }}'" + TWO.replace("\n    ", "\n"))
    assert (found.key, found.lanes) == (PHONE_E164, ("zendesk", "erp"))


def test_order_none_keeps_the_key_but_no_lane() -> None:
    found = planned("key: '{{ fields.customer }}'\norder: none")
    assert (found.key, found.lanes) == (PHONE, ())


def test_a_false_condition_skips_and_says_which() -> None:
    found = planned("if: fields.text == 'something else'")
    assert found.state is DeliveryState.SKIPPED
    assert found.reason == "`if` is false: fields.text == 'something else'"
    assert TEXT not in found.reason


@pytest.mark.parametrize("condition", ["null", "0", "''", "[]", "{}", "fields.nothing | default(false)", "false"])
def test_everything_empty_is_false(condition: str) -> None:
    assert plan(rule("", **{"if": condition}), scope()).state is DeliveryState.SKIPPED


def test_recall_coalesce_and_only_forward_are_rendered() -> None:
    found = planned(
        """
        recall: {user: "{{ fields.customer | person }}", entry: "{{ fields.message_id }}"}
        coalesce: {within: 30s, by: "{{ fields.message_id }}"}
        only_forward: {order: [message.sent, message.received], by: "{{ fields.message_id }}"}
        """
    )
    assert found.recall == {"user": PHONE_E164, "entry": "wamid.1"}
    assert found.coalesce == Coalesce("wamid.1", 30_000)
    assert found.forward == Forward("wamid.1", 1)


def test_coalesce_groups_by_the_key_unless_told_otherwise() -> None:
    assert planned("key: '{{ fields.customer }}'\ncoalesce: {within: 0s}").coalesce == Coalesce(PHONE, 0)


def test_a_type_outside_the_order_is_not_held_to_it() -> None:
    assert planned("only_forward: {order: [message.sent], by: '{{ fields.message_id }}'}").forward is None


def test_variables_are_rendered_first_and_seen_everywhere() -> None:
    found = planned("vars: {who: '{{ fields.customer | person }}'}\nkey: '{{ vars.who }}'\nif: vars.who")
    assert found.key == PHONE_E164
    assert with_variables(rule("vars: {a: [1, '{{ fields.text }}']}"), scope())["vars"] == {"a": [1, TEXT]}


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("if: fields.nme", "`if`", "`fields.nme` is missing"),
        ("vars: {a: {b: '{{ fields.nme }}'}}", "`vars.a.b`", "`fields.nme` is missing"),
        ("key: '{{ fields.name | person }}'", "`key`", "`fields.name`"),
        ("key: '{{ fields.nothing }}'", "`key`", "is null"),
        ("recall: {user: '{{ fields.nme }}'}", "`recall.user`", "`fields.nme` is missing"),
        ("coalesce: {within: 1s, by: '{{ fields.nme }}'}", "`coalesce.by`", "`fields.nme` is missing"),
        ("only_forward: {order: [message.received], by: '{{ fields.nme }}'}", "`only_forward.by`", "missing"),
        ("key: '{{ fields.blank }}'", "`key`", "the key is empty"),
        ("recall: {user: '{{ fields.blank }}'}", "`recall.user`", "the key is empty"),
        ("coalesce: {within: 1s, by: '{{ fields.blank }}'}", "`coalesce.by`", "the key is empty"),
    ],
)
def test_a_value_that_cannot_be_made_is_dead_with_its_place_and_no_value(text: str, place: str, says: str) -> None:
    found = planned(text, nothing=None, blank=" \n")
    assert found.state is DeliveryState.DEAD
    assert found.death is not None
    assert (found.death.kind, found.death.code) == (DeadKind.MAPPING, "render")
    assert found.death.message.startswith(f"rule `r`, {place}: ")
    assert says in found.death.message
    assert found.death.mend
    assert all(canary not in repr(found.death) for canary in (PHONE, CUSTOMER_NAME, TEXT))


def test_deaths_of_one_cause_share_a_fingerprint() -> None:
    deaths = [
        planned("key: '{{ fields.nme }}'").death,
        planned("key: '{{ fields.nme }}'", customer="5550100").death,
        planned("key: '{{ fields.nam }}'").death,
    ]
    first, same, other = (death.fingerprint for death in deaths if death is not None)
    assert first == same != other


# --- only_newer -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "time",
    [
        "2026-06-02T03:01:38Z",
        "2026-06-02T08:31:38+05:30",
        "2026-06-02T03:01:38.000Z",
        1780369298,
        "1780369298",
        1780369298000,
        "1780369298000",
    ],
)
def test_only_newer_reads_every_spelling_of_a_time(time: object) -> None:
    found = planned("only_newer: {by: '{{ fields.message_id }}', time: '{{ fields.at }}'}", at=time)
    assert found.newer == Newer("wamid.1", 1_780_369_298_000)


def test_only_newer_takes_the_key_and_the_time_of_the_event_unless_told_otherwise() -> None:
    compiled = rule("key: '{{ fields.customer | person }}'\nonly_newer: true")
    event = scope() | {"event": {"type": "x", "time": "2026-06-02T03:01:38.000Z"}}
    assert plan(compiled, event).newer == Newer(PHONE_E164, 1_780_369_298_000)
    assert planned("only_newer: false").newer is None


@pytest.mark.parametrize(
    ("time", "says"),
    [
        (None, "the event has no time to be older or newer by"),
        ("", "the event has no time to be older or newer by"),
        ("soon", "is not a time"),
        ([1], "is a list, not a time"),
        (..., "`fields.at` is missing"),
    ],
)
def test_an_event_without_a_time_is_dead_where_only_newer_needs_one(time: object, says: str) -> None:
    death = planned("only_newer: {by: x, time: '{{ fields.at }}'}", at=time).death
    assert death is not None
    assert death.message.startswith("rule `r`, `only_newer.time`: ")
    assert says in death.message
    assert death.mend


def test_an_empty_name_of_what_is_newer_is_dead() -> None:
    death = planned("only_newer: {by: '{{ fields.blank }}', time: '1780369298'}", blank=" ").death
    assert death is not None
    assert "`only_newer.by`: the key is empty" in death.message
