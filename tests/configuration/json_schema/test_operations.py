"""Steps judged by the operations of one configuration's destinations."""

from pathlib import Path

import pytest

from bridge.configuration.json_schema import DestinationNames, named_connectors
from tests.configuration.json_schema.builders import told

CONNECTOR = """\
name: acme
title: Acme CRM
doc: Ours.
base_url: https://acme.example.com
settings: {region: {type: text, required: true, doc: "eu or us"}, pages: {type: integer, default: 5, doc: Pages}}
auth: [{mode: none}]
operations:
  people.create:
    doc: Create a person.
    repeat: unsafe
    one_needed: [phone, mail]
    params:
      name: {type: text, required: true, doc: "Full name"}
      phone: {type: text, wire: text, doc: Phone}
      mail: {type: text, doc: Mail}
      age: {type: integer, clear: refuse, doc: Age}
      role: {type: text, one_of: [buyer, user], doc: Role}
    request: {method: POST, path: /people, json: {name: "{{ params.name }}"}}
    success: {id: body.id}
    sample: {params: {name: Asha, phone: "1"}, status: 201, json: {id: 7}}
"""

CONFIG = """\
version: 1
destinations:
  crm: {connector: acme, region: "${REGION}"}
  desk: {connector: zendesk, subdomain: acme}
  odd: {connector: nobody}
  broken: text
"""


@pytest.fixture
def destinations(tmp_path: Path) -> DestinationNames:
    (tmp_path / "config" / "connectors").mkdir(parents=True)
    (tmp_path / "config" / "connectors" / "acme.yaml").write_text(CONNECTOR)
    (tmp_path / "config.yaml").write_text(CONFIG)
    found, loaded = named_connectors(tmp_path / "config.yaml", {})
    assert loaded.document is not None
    return found


def step(text: str) -> str:
    return f"rules:\n  - name: r\n    on: a/b\n    steps:\n      - id: s\n        {text}\n"


def test_destinations_are_known_without_any_secret_and_those_that_are_wrong_are_left_out(
    destinations: DestinationNames,
) -> None:
    assert {name: connector.name for name, connector in destinations.items()} == {"crm": "acme", "desk": "zendesk"}


@pytest.mark.parametrize(
    "text",
    [
        "use: crm.people.create\n        with: {name: Asha, phone: 49, role: buyer, age: 7}",
        "use: crm.people.create\n        with: {name: A, mail: null, role: '{{ body.role }}', age: '{{ body.age }}'}",
        "use: desk.tickets.update\n        with: {id: '{{ links.ticket }}', priority: null}",
        "use: '${CRM}.people.create'",
    ],
)
def test_a_step_of_a_known_destination_is_a_good_one(destinations: DestinationNames, text: str) -> None:
    assert told("rules", step(text), destinations) == []


@pytest.mark.parametrize(
    ("use", "given", "path", "words"),
    [
        ("crm.people.creat", "{}", "use", "is not one of ['crm.people.create', 'desk.users.upsert'"),
        ("acme.people.create", "{}", "use", "is not one of ['crm.people.create'"),
        ("zendesk.tickets.update", "{id: 1}", "use", "is not one of"),
        ("crm.people.create", "{phone: '1'}", "with", "'name' is a required property"),
        ("crm.people.create", "{name: Asha}", "with", "'phone' is a required property"),
        ("crm.people.create", "{name: '', phone: '1'}", "with.name", "should be non-empty"),
        ("crm.people.create", "{name: null, phone: '1'}", "with.name", "is not of type"),
        ("crm.people.create", "{name: a, phone: '1', age: old}", "with.age", "does not match"),
        (
            "crm.people.create",
            "{name: a, phone: '1', age: null}",
            "with.age",
            "None is not of type 'integer', 'string'",
        ),
        (
            "crm.people.create",
            "{name: a, phone: '1', role: boss}",
            "with.role",
            "is not one of ['buyer', 'user', None]",
        ),
        ("crm.people.create", "{name: a, phone: true}", "with.phone", "is not of type 'string', 'number', 'null'"),
        ("desk.tickets.update", "{id: 1, status: null}", "with.status", "None is not one of"),
    ],
)
def test_a_mistake_in_a_step_is_told_by_the_operation_that_it_uses(
    destinations: DestinationNames, use: str, given: str, path: str, words: str
) -> None:
    found = told("rules", step(f"use: {use}\n        with: {given}"), destinations)

    assert any(where == f"rules.0.steps.0.{path}" and words in message for where, message in found), found


def test_a_step_without_its_with_is_told_when_the_operation_needs_one(destinations: DestinationNames) -> None:
    assert told("rules", step("use: crm.people.create"), destinations) == [
        ("rules.0.steps.0", "'with' is a required property")
    ]


def test_an_own_connectors_settings_are_known_in_the_configuration(destinations: DestinationNames) -> None:
    found = dict(told("config", "version: 1\ndestinations: {crm: {connector: acme, pages: many}}\n", destinations))

    assert found["destinations.crm"] == "'region' is a required property"
    assert "does not match" in found["destinations.crm.pages"]
    assert (
        told("config", "version: 1\ndestinations: {crm: {connector: acme, region: eu, pages: 7}}\n", destinations) == []
    )
