from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bridge.configuration.report import Report
from bridge.configuration.shapes import Validated, validate
from bridge.diagnostics import parse_yaml


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    size: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first: Inner
    rest: tuple[Inner, ...] = ()


def _validate(text: str, *, droppable: tuple[str, ...] = ()) -> tuple[Validated[Outer], list[str]]:
    loaded = parse_yaml(text, "f.yaml")
    assert loaded.document is not None
    report = Report({}, Path())
    validated = validate(report, loaded.document, Outer, loaded.document.data, droppable=droppable)
    return validated, [
        f"{finding.place.span.column if finding.place.span else 0} {finding.code}" for finding in report.findings
    ]


def test_what_fits_is_complete() -> None:
    validated, found = _validate("first: {name: a}")

    assert validated.complete
    assert validated.shape == Outer(first=Inner(name="a"))
    assert found == []


def test_a_misspelled_key_is_reported_and_read_as_it_was_meant() -> None:
    validated, found = _validate("first: {nmae: a, siz: 3}")

    assert validated == (Outer(first=Inner(name="a", size=3)), False)
    assert sorted(found) == ["18 BR102", "9 BR102"]


def test_a_misspelled_key_never_replaces_the_right_one() -> None:
    validated, _ = _validate("first: {name: a, nmae: b}")

    assert validated.shape == Outer(first=Inner(name="a"))


def test_a_value_that_does_not_fit_is_left_out_only_where_that_is_allowed() -> None:
    text = "first: {name: a, size: big}"

    assert _validate(text, droppable=("size",))[0] == (Outer(first=Inner(name="a")), False)
    assert _validate(text)[0] == (None, False)


def test_nothing_is_made_of_data_that_lacks_what_is_needed() -> None:
    assert _validate("rest: []")[0] == (None, False)
    assert _validate("- a")[0] == (None, False)
