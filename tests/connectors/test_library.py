from pathlib import Path

import pytest

from bridge.connectors.library import shipped, shipped_names
from tests.connectors.builders import OPERATIONS, loaded, operation
from tests.connectors.catalog.recorded import LISTED

OWN = """
    name: own
    title: Own
    doc: An operator's own connector
    settings:
      token: {type: secret, doc: Token}
      user: {type: text, doc: User}
    auth:
      - {mode: bearer, needs: [token], token: "{{ settings.token }}"}
      - {mode: none}
    operations:
      things.create:
        doc: Create
        repeat: unsafe
        params: {name: {type: text, doc: Name, required: true}}
        request: {method: POST, path: "/things/{{ params.name }}", json: {name: "{{ params.name }}"}}
        success: {id: body.id}
        sample: {params: {name: a}, status: 201, json: {id: 1}}
"""


def test_the_connectors_with_recorded_exchanges_come_with_the_program() -> None:
    assert shipped_names() == LISTED


def test_an_unknown_connector_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        shipped("nobody")


NOTHING_TO_LOOK_AT = {
    "aisoule": ("messages.", "contacts.create"),
    "aisoule-developer": ("messages.",),
    "slack-webhook": ("messages.",),
}
"""APIs that know no idempotency key and show nothing of what was sent -> how their operations begin that say so."""
SHOWN_TOO_LATE = {("front", "messages.reply")}
"""Operations whose effect shows only some time after the answer, so that a look could miss it."""


@pytest.mark.parametrize(("connector", "name"), OPERATIONS)
def test_shipped_operations_repeat_safely_and_explain_themselves(connector: str, name: str) -> None:
    described = operation(connector, name).operation
    nothing_to_look_at = name.startswith(NOTHING_TO_LOOK_AT.get(connector, ()))
    unsafe = nothing_to_look_at or (connector, name) in SHOWN_TOO_LATE
    assert (described.repeat == "unsafe") is unsafe
    assert ("not safe to repeat" in described.doc.lower()) is (described.repeat == "unsafe")
    assert all(parameter.doc for parameter in described.params.values())


@pytest.mark.parametrize("connector", [name for name in shipped_names() if name != "http"])
def test_facts_are_dated_and_marked(connector: str) -> None:
    facts = shipped(connector).connector.facts
    assert facts
    assert all(fact.says and fact.source and fact.seen.startswith("20") for fact in facts)


def test_an_own_connector_is_loaded_from_its_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, OWN)
    assert found.findings == ()
    assert found.connector is not None
    assert list(found.connector.operations) == ["things.create"]


def test_the_first_way_to_authenticate_whose_needs_are_met_is_taken(tmp_path: Path) -> None:
    connector = loaded(tmp_path, OWN).connector
    assert connector is not None
    modes = [connector.auth_for(settings) for settings in ({"token": "t"}, {"token": ""}, {})]
    assert [auth.mode for auth in modes if auth] == ["bearer", "none", "none"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("repeat: unsafe", "repeat: sometimes", "BR104"),
        ("body.id}", "bdy.id}", "BR121"),
        ("{{ params.name }}", "{{ params.name | upcase }}", "BR121"),
        ("{{ params.name }}", "{{ params.nam }}", "BR122"),
        ("name: own", "nam: own", "BR102"),
        ("name: own", "name: [", "BR100"),
    ],
)
def test_a_connector_that_is_wrong_gives_findings_instead(tmp_path: Path, old: str, new: str, code: str) -> None:
    found = loaded(tmp_path, OWN.replace(old, new, 1))
    assert found.connector is None
    assert found.findings
    assert all(finding.place.file.endswith("own.yaml") for finding in found.findings)
    if code != "BR100":
        assert code in {finding.code for finding in found.findings}
