import pytest

from bridge.sources.answers import refused_form


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
    assert refused_form({"content-type": [value]}) is None


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
    answer = refused_form({"content-type": values})
    assert answer is not None
    assert (answer.status, answer.code) == (415, "content_type")


def test_a_missing_content_type_is_no_obstacle() -> None:
    assert refused_form({}) is None


@pytest.mark.parametrize("values", [["gzip"], ["identity", "br"], [""], ["identity, gzip"]])
def test_compressed_bodies_are_415(values: list[str]) -> None:
    answer = refused_form({"content-encoding": values})
    assert answer is not None
    assert (answer.status, answer.code) == (415, "body_encoded")


def test_identity_is_no_compression() -> None:
    assert refused_form({"content-encoding": ["Identity"]}) is None
