from pathlib import Path

import pytest

from bridge.connectors.library import load_connector, shipped, shipped_names
from bridge.diagnostics import render
from tests.connectors.builders import loaded

OWN = """
name: own
title: Own
doc: An operator's own connector
settings: {account: {doc: Account}}
auth: [{mode: none}]
limits:
  writes: {doc: all writes, calls: 10, per: 1s, operations: ["things.*"], except: [things.get]}
operations:
  things.create:
    doc: Create what params.whatever says
    repeat: unsafe
    params: {name: {type: text, doc: "as params.nothing", required: true}}
    request: {method: POST, path: "/{{ settings.account }}/things", json: {name: "{{ params.name | trim }}"}}
    success: {id: body.params.id}
    sample: {params: {name: a}, status: 201, json: {params: {id: 1}}}
  things.get:
    doc: Get
    repeat: upsert
    params: {id: {type: id, doc: Id, required: true}}
    request: {method: GET, path: "/things/{{ params.id }}"}
    success: {id: body.id}
    sample: {params: {id: 1}, status: 200, json: {id: 1}}
"""


def findings(folder: Path, text: str) -> list[str]:
    return render(loaded(folder, text).findings, {}, "concise").splitlines()[:-1]


def test_names_that_are_there_are_no_findings_nor_are_words_that_only_look_like_them(tmp_path: Path) -> None:
    assert findings(tmp_path, OWN) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{{ params.name | trim }}", "{{ params.nam | trim }}", "14:86: BR122 operation `things.create` has no `params.nam`; did you mean `params.name`?"),  # noqa: E501 - the message as people see it
        ("/{{ settings.account }}", "/{{ settings.acount }}", "14:40: BR122 this connector has no `settings.acount`; did you mean `settings.account`?"),  # noqa: E501 - as above
        ("params: {id: {type", "params: {key: {type", "21:46: BR122 operation `things.get` has no `params.id`"),
        ("except: [things.get]", "except: [things.gett]", "8:84: BR202 `things.gett` is no operation of this connector; did you mean `things.get`?"),  # noqa: E501 - as above
    ],
)  # fmt: skip
def test_a_name_that_points_to_nothing_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in OWN
    [found] = findings(tmp_path, OWN.replace(old, new))
    assert told in found


@pytest.mark.parametrize("name", shipped_names())
def test_the_shipped_connectors_are_free_of_them_and_all_their_operations_compile(repository: Path, name: str) -> None:
    found = load_connector(repository / "bridge/connectors/catalog" / f"{name}.yaml")
    assert found.findings == ()
    assert found.connector is not None
    assert list(found.connector.operations) == list(shipped(name).operations)
    assert "no.such" not in shipped(name).operations
    with pytest.raises(KeyError):
        shipped(name).operations["no.such"]
