from collections.abc import Mapping, Sequence

import pytest

from bridge.sources import Refused
from bridge.sources.answers import forms_of
from bridge.sources.bodies import BodyForm


def form_of(headers: Mapping[str, Sequence[str]], names: Sequence[str]) -> str | Refused:
    """The first form in which the body is read."""
    forms = [BodyForm.parse(name) for name in names]
    taken = forms_of(headers, [form for form in forms if form is not None])
    return taken if isinstance(taken, Refused) else taken[0][0].kind


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json;charset=utf8",
        "application/json; charset=us-ascii",
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
    answer = form_of({"content-type": [f"{FORM}; charset=utf-7"]}, ["json", "form"])
    assert isinstance(answer, Refused)
    assert f"`Content-Type: application/json` or `Content-Type: {FORM}`" in answer.help


MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("content_type", "names", "kind"),
    [
        (MULTIPART, ["form", "multipart"], "multipart"),
        (MULTIPART, ["form_json(payload)"], "form_json"),
        (FORM, ["json", "form_json(payload)", "form"], "form_json"),
        (f"{FORM}; charset=shift_jis", ["form"], "form"),
        ("text/plain; charset=UTF-8", ["text_json"], "text_json"),
        ("text/html; charset=iso-8859-1", ["text_json"], "text_json"),
        ("application/json", ["text_json"], "text_json"),
        ("application/x-ndjson", ["json", "json_lines"], "json_lines"),
        ("application/json", ["json", "json_lines"], "json"),
        ("application/json", ["json_lines"], "json_lines"),
        ("text/plain", ["json_lines"], "json_lines"),
    ],
)
def test_each_form_has_its_types(content_type: str, names: list[str], kind: str) -> None:
    assert form_of({"content-type": [content_type]}, names) == kind


@pytest.mark.parametrize(
    ("content_type", "names"),
    [
        ("multipart/form-data", ["multipart"]),
        ("multipart/form-data; boundary=", ["multipart"]),
        ("multipart/mixed; boundary=x", ["multipart"]),
        ("text/plain", ["json", "form", "multipart"]),
        ("text/plain; charset=rot13", ["text_json"]),
        ("text/plain; charset=utf-8; charset=latin1", ["text_json"]),
        ("application/json; charset=utf-16", ["text_json", "json_lines"]),
        ("application/x-ndjson; charset=latin1", ["json_lines"]),
        ("application/xml", ["json", "form", "multipart", "text_json", "json_lines", "form_json(payload)"]),
    ],
)
def test_what_none_of_the_forms_takes_is_415(content_type: str, names: list[str]) -> None:
    answer = form_of({"content-type": [content_type]}, names)
    assert isinstance(answer, Refused)
    assert (answer.status, answer.code) == (415, "content_type")


def test_a_multipart_form_without_any_type_has_no_boundary() -> None:
    assert isinstance(form_of({}, ["multipart", "json"]), Refused)
