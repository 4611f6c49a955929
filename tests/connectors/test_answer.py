import pytest

from bridge.connectors.answer import NOT_JSON, Answer


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/html; charset=utf-8"}, b"Sign in"),
        ({"content-type": "application/json"}, b"<!DOCTYPE html><title>Sign in</title>"),
        ({}, b"\xef\xbb\xbf\r\n <HTML lang=en>"),
        ({"content-type": "text/plain"}, b"<!-- proxy --><html>"),
    ],
)
def test_a_web_page_is_known_by_its_type_or_its_beginning(headers: dict[str, str], body: bytes) -> None:
    assert Answer(200, headers, body).looks_like_html


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/xml"}, b'<?xml version="1.0"?><order id="1"/>'),
        ({"content-type": "application/json"}, b'{"note": "<html>"}'),
        ({}, b""),
    ],
)
def test_xml_and_json_that_speak_of_markup_are_no_web_page(headers: dict[str, str], body: bytes) -> None:
    assert not Answer(200, headers, body).looks_like_html


@pytest.mark.parametrize("body", [b"", b"{", b'{"id": 1', b"\xff\xfe", b"NaN", b"<html>", b"[" * 5000])
def test_what_is_not_json_says_so_instead_of_raising(body: bytes) -> None:
    assert Answer(200, body=body).json is NOT_JSON


def test_null_is_json() -> None:
    assert Answer(200, body=b"null").json is None


def test_an_excerpt_never_splits_a_character_and_keeps_its_length() -> None:
    answer = Answer(400, body="🙏🏽é".encode() * 2000)
    assert len(answer.excerpt()) == 1000
    assert answer.excerpt(7) == ("🙏🏽é" * 3)[:7]
    assert Answer(400, body=b"\xff\xfeabc").excerpt() == "��abc"
