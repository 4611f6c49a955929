from pathlib import Path

import pytest

from bridge.errors import UsageError
from bridge.sources import load_preset, preset_names, where_to_look
from tests.canaries import ORDERS_SECRET

PRESET = """\
name: shop
title: Shop
doc: Orders of a shop.
setup: Copy the secret.
verify: {type: hmac, signature: {from: "header:X-Shop-Signature"}}
event: {type: "{{ body.kind }}", id: "{{ body.id }}"}
event_types: {order: an order}
sender: {waits: 5 s, retries: none, gives_up: never, success: 2xx}
facts: []
samples: []
"""


def write(directory: Path, text: str, name: str = "shop") -> Path:
    directory.mkdir(exist_ok=True)
    (directory / f"{name}.yaml").write_text(text)
    return directory


def test_shipped_presets_are_listed_and_load() -> None:
    assert "aisoule" in preset_names()
    for name in preset_names():
        loaded = load_preset(name)
        assert loaded.findings == ()
        assert loaded.preset is not None
        assert loaded.preset.name == name


def test_an_operators_preset_stands_beside_the_shipped_ones(tmp_path: Path) -> None:
    directory = write(tmp_path / "sources", PRESET)
    assert {"shop", "aisoule"} <= set(preset_names(directory))
    loaded = load_preset("shop", directory)
    assert loaded.findings == ()
    assert loaded.preset is not None
    assert loaded.preset.title == "Shop"


def test_an_operators_preset_needs_no_words_for_people(tmp_path: Path) -> None:
    text = PRESET[PRESET.index("verify:") : PRESET.index("event_types:")]
    loaded = load_preset("shop", write(tmp_path, text))
    assert loaded.findings == ()
    assert loaded.preset is not None
    assert (loaded.preset.name, loaded.preset.title, loaded.preset.doc) == ("shop", "shop", "")
    assert not loaded.preset.event_types  # so that `check` takes a rule on any type


def test_a_part_of_the_words_is_enough(tmp_path: Path) -> None:
    loaded = load_preset("shop", write(tmp_path, PRESET.replace("retries: none, ", "")))
    assert loaded.preset is not None
    assert (loaded.preset.sender.waits, loaded.preset.sender.retries) == ("5 s", "not said")


def test_an_operators_preset_wins_over_a_shipped_one(tmp_path: Path) -> None:
    directory = write(tmp_path, PRESET.replace("name: shop", "name: aisoule"), "aisoule")
    loaded = load_preset("aisoule", directory)
    assert loaded.preset is not None
    assert loaded.preset.title == "Shop"


def test_a_directory_that_does_not_exist_holds_no_presets(tmp_path: Path) -> None:
    assert preset_names(tmp_path / "nowhere") == preset_names()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("Stripe", "did you mean `stripe`?"),
        ("meta", "`crm-bridge sources --find meta` lists the presets that speak of it"),
        ("SNS", "`crm-bridge sources --find SNS` lists the presets that speak of it"),
        ("zzzzzzzz", "`crm-bridge sources` lists the presets"),
        ("a; b", "`crm-bridge sources` lists the presets"),  # never into a command that somebody copies
        ("", "`crm-bridge sources` lists the presets"),
    ],
)
def test_who_asks_for_a_preset_that_there_is_not_is_told_where_to_look(asked: str, told: str) -> None:
    assert where_to_look(asked, preset_names()) == told


def test_an_unknown_preset_is_met_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean `aisoule`"):
        load_preset("aisuole")


@pytest.mark.parametrize("name", ["../aisoule", "/etc/passwd", "aisoule.yaml", ""])
def test_a_preset_is_a_name_and_never_a_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load_preset(name, tmp_path)


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (("title: Shop", "titel: Shop"), "BR102", 2),
        (("{{ body.kind }}", "{{ bdy.kind }}"), "BR121", 6),
        (("name: shop", "name: other"), "BR104", 1),
        (('{type: hmac, signature: {from: "header:X-Shop-Signature"}}', "{type: none}"), "BR104", 5),
        (("signature: {", f"secrets: [{ORDERS_SECRET}], signature: {{"), "BR302", 5),
        (("title: Shop", "title: [Shop"), "BR001", None),
    ],
)
def test_a_faulty_preset_is_reported_with_its_place(
    tmp_path: Path, change: tuple[str, str], code: str, line: int | None
) -> None:
    loaded = load_preset("shop", write(tmp_path, PRESET.replace(*change)))
    assert loaded.preset is None
    found = [(finding.code, finding.place.span.line if finding.place.span else None) for finding in loaded.findings]
    assert code in [each[0] for each in found]
    if line is not None:
        assert (code, line) in found


def test_a_preset_may_leave_parts_to_the_operator(tmp_path: Path) -> None:
    text = PRESET.replace('event: {type: "{{ body.kind }}", id: "{{ body.id }}"}\n', "")
    assert load_preset("shop", write(tmp_path, text)).findings == ()
