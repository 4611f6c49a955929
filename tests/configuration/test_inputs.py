"""What a configuration was read from, and through which folders a change of it can come."""

import os
from pathlib import Path

import pytest

from bridge.configuration.inputs import Inputs, matching
from bridge.configuration.load import load_configuration
from tests.canaries import ORDERS_SECRET

CONFIG = """\
version: 1
sources:
  crm: {preset: own, secret: "${ORDERS_SECRET}"}
destinations:
  erp: {connector: shop, base_url: "https://erp.example", auth: {type: bearer, token: "${file:secrets/crm}"}}
rules: ["teams/*/rules.yaml", plain.yaml]
"""


def inputs_of(folder: Path) -> Inputs:
    (folder / "config.yaml").write_text(CONFIG)
    return load_configuration(folder / "config.yaml", {"ORDERS_SECRET": ORDERS_SECRET}).inputs


def test_everything_that_a_configuration_names_is_noted_whether_it_is_there_or_not(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in inputs.files}
    assert names == {
        "config.yaml",
        "plain.yaml",
        "secrets/crm",
        "config/sources/own.yaml",
        "config/connectors/shop.yaml",
    }
    assert set(inputs.patterns) == {(tmp_path, "teams/*/rules.yaml")}


@pytest.mark.parametrize(
    "name",
    ["plain.yaml", "secrets/crm", "config/sources/own.yaml", "config/connectors/shop.yaml", "teams/a/rules.yaml"],
)
def test_a_file_that_comes_changes_or_goes_is_a_change(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for write in (lambda: path.write_text("new"), lambda: path.write_text("newer"), path.unlink):
        inputs = inputs_of(tmp_path)
        assert not inputs.changed()
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
        # what a pattern found is listed by name; its content is the stamp of the file that was read
        assert inputs.changed()
        assert not inputs.restamped().changed()


def test_the_same_length_at_the_same_time_is_another_file_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text("old")
    os.utime(path, ns=(1, 1))
    inputs = Inputs()
    inputs.note(path)
    path.write_text("new")
    os.utime(path, ns=(1, 1))
    assert inputs.changed()


def test_the_first_stamp_of_a_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    inputs = Inputs()
    inputs.note(path)
    path.write_text("came between two looks")
    inputs.note(path)
    assert inputs.changed()


def test_tests_of_rules_and_folders_match_no_pattern(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.test.yaml", "b.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "folder.yaml").mkdir()
    assert [path.name for path in matching(tmp_path, "*.yaml")] == ["a.yaml", "b.yaml"]
    assert [path.name for path in matching(Path("/nowhere"), f"{tmp_path}/*.yaml")] == ["a.yaml", "b.yaml"]
    assert matching(tmp_path, "**x.yaml") == ()


def folders(tmp_path: Path, *names: str, pattern: str | None = None) -> set[str]:
    """The folders below the test's own, relative to it."""
    inputs = Inputs()
    for name in names:
        inputs.note(tmp_path / name)
    if pattern is not None:
        inputs.note_pattern(tmp_path, pattern, ())
    found = inputs.folders()
    assert all(folder.is_dir() for folder in found)
    return {str(folder.relative_to(tmp_path)) for folder in found if folder.is_relative_to(tmp_path)}


def test_a_file_is_reached_through_its_folder_and_the_one_above(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert folders(tmp_path, "a/b/rules.yaml") == {"a/b", "a"}


def test_what_is_missing_is_reached_through_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert folders(tmp_path, "gone/also/rules.yaml") == {"."}


def test_links_are_reached_through_where_they_stand_and_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "mount" / "..v1").mkdir(parents=True)
    (tmp_path / "mount" / "..v1" / "rules.yaml").touch()
    (tmp_path / "mount" / "..data").symlink_to("..v1")
    (tmp_path / "mount" / "rules.yaml").symlink_to("..data/rules.yaml")
    assert folders(tmp_path, "mount/rules.yaml") == {".", "mount", "mount/..data", "mount/..v1"}


def test_a_folder_that_cannot_be_looked_at_is_not_there_and_its_mend_is_noticed_above(tmp_path: Path) -> None:
    assert folders(tmp_path, "x" * 300 + "/rules.yaml") == {"."}


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert folders(tmp_path, "a/rules.yaml") == {"."}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("rules/*.yaml", {".", "rules"}),
        ("rules/*/x.yaml", {".", "rules", "rules/a", "rules/b"}),
        ("rules/**/*.yaml", {".", "rules", "rules/a", "rules/b", "rules/a/deep"}),
        ("rules/a*/*/x.yaml", {".", "rules", "rules/a", "rules/a/deep"}),
        ("gone/*.yaml", {"."}),
    ],
)
def test_a_pattern_is_reached_through_every_folder_that_it_searches(
    tmp_path: Path, pattern: str, expected: set[str]
) -> None:
    for name in ("rules/a/deep", "rules/b", "other"):
        (tmp_path / name).mkdir(parents=True)
    assert folders(tmp_path, pattern=pattern) == expected
