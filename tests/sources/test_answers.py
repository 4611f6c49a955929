import pytest

from bridge.sources import Refused
from bridge.sources.answers import form_of


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json;charset=utf8",
        "application/cloudevents+json",
        "application/vnd.api+json; version=1",
    ],
)
def test_json_under_any_of_its_names_is_read(value: str) -> None:
    assert form_of({"content-type": [value]}, ["json"]) == "json"


@pytest.mark.parametrize(
    "values",
    [
        ["text/plain"],
        ["text/json"],
        ["application/x-www-form-urlencoded"],
        ["multipart/form-data; boundary=x"],
        ["application/json; charset=latin-1"],
        ["application/jsonp"],
        [""],
        ["application/json", "application/json"],
        ["\udcff"],
    ],
)
def test_other_bodies_are_415(values: list[str]) -> None:
    answer = form_of({"content-type": values}, ["json"])
    assert isinstance(answer, Refused)
    assert (answer.status, answer.code) == (415, "content_type")


def test_a_missing_content_type_is_no_obstacle() -> None:
    assert form_of({}, ["json"]) == "json"
    assert form_of({}, ["form", "json"]) == "form"


@pytest.mark.parametrize("values", [["gzip"], ["identity", "br"], [""], ["identity, gzip"]])
def test_compressed_bodies_are_415(values: list[str]) -> None:
    answer = form_of({"content-encoding": values}, ["json", "form"])
    assert isinstance(answer, Refused)
    assert (answer.status, answer.code) == (415, "body_encoded")


def test_identity_is_no_compression() -> None:
    assert form_of({"content-encoding": ["Identity"]}, ["json"]) == "json"


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("value", [FORM, f"{FORM}; charset=utf-8", FORM.title()])
def test_a_form_is_read_where_the_source_takes_forms(value: str) -> None:
    assert form_of({"content-type": [value]}, ["json", "form"]) == "form"
    assert form_of({"content-type": ["application/json"]}, ["json", "form"]) == "json"


def test_what_is_taken_is_named() -> None:
    answer = form_of({"content-type": ["application/json"]}, ["form"])
    assert isinstance(answer, Refused)
    assert answer.message == "This source takes form fields only."
    answer = form_of({"content-type": [f"{FORM}; charset=latin-1"]}, ["json", "form"])
    assert isinstance(answer, Refused)
    assert f"`Content-Type: application/json` or `Content-Type: {FORM}`" in answer.help
