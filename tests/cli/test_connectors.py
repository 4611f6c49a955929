from pathlib import Path

import pytest

from bridge.connectors.library import shipped, shipped_names
from tests.cli.conftest import Place

OWN = """\
name: acme
title: Acme CRM
doc: Ours.
base_url: https://acme.example.com
auth: [{mode: none}]
operations:
  people.create:
    doc: Create a person.
    repeat: unsafe
    params: {name: {type: text, required: true, doc: "Full name"}}
    request: {method: POST, path: /people, json: {name: "{{ params.name }}"}}
    success: {id: body.id}
    sample: {params: {name: Asha}, status: 201, json: {id: 7}}
"""


def own(place: Place, text: str = OWN) -> None:
    path = place.folder / "config" / "connectors" / "acme.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_shipped_connectors_and_the_operators_own_are_listed(place: Place) -> None:
    own(place)
    listed = {each["name"]: each for each in place.json("connectors")}

    assert listed.keys() == {"acme", *shipped_names()}
    assert listed["acme"]["origin"] == str(Path("config/connectors/acme.yaml"))
    assert listed["hubspot"]["origin"] == "shipped"
    assert listed["acme"]["operations"] == ["people.create"]
    assert "Acme CRM" in place.run("connectors").stdout


@pytest.mark.parametrize("name", shipped_names())
def test_a_connector_is_shown_with_all_that_a_destination_and_a_step_may_say(place: Place, name: str) -> None:
    connector = shipped(name).connector
    shown = place.run("connectors", name).stdout

    named = [*connector.settings, *connector.limits, *connector.operations, connector.title]
    assert [each for each in named if each not in shown] == []
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert place.json("connectors", name)["operations"].keys() == connector.operations.keys()


@pytest.mark.parametrize(("connector", "operation"), [(c, o) for c in shipped_names() for o in shipped(c).operations])
def test_an_operation_is_shown_with_its_parameters_and_its_sample(place: Place, connector: str, operation: str) -> None:
    declared = shipped(connector).connector.operations[operation]
    shown = place.run("connectors", f"{connector}.{operation}").stdout

    assert [name for name in declared.params if f"\n  {name} " not in shown] == []
    assert f"use: {connector}.{operation}\n" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert f"status: {declared.sample.status}\n" in shown
    as_json = place.json("connectors", f"{connector}.{operation}")
    assert as_json["params"].keys() == declared.params.keys()
    assert as_json["repeat"] == declared.repeat


def test_what_is_said_of_an_operation_is_what_holds_for_it(place: Place) -> None:
    own(place)
    shown = place.run("connectors", "acme.people.create").stdout
    assert "name  text, required  Full name" in shown
    assert "only by a person" in shown
    assert "in batches" not in shown

    shown = place.run("connectors", "zendesk.tickets.create").stdout
    assert "comment.html_body" in shown
    assert "one of low, normal, high" in shown
    assert "off unless" in shown


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("hubspt", "did you mean `hubspot`?"),
        ("zendesk.ticket.create", "did you mean `zendesk.tickets.create`?"),
        ("http.zzzzzz", "there are `http.get`, `http.post`, `http.put`, `http.patch`, `http.delete`"),
    ],
)
def test_a_misspelled_name_is_told_with_the_one_that_was_meant(place: Place, name: str, mend: str) -> None:
    refused = place.run("connectors", name)

    assert refused.exit_code == 2
    assert mend in refused.stderr


def test_an_own_file_with_a_mistake_is_told_with_its_place(place: Place) -> None:
    own(place, OWN.replace("repeat: unsafe", "repeat: often"))
    refused = place.run("connectors", "acme")

    assert refused.exit_code == 1
    assert "acme.yaml:9:13" in refused.stderr
    assert refused.stdout == ""
