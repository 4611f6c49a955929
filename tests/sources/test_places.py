import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.sources.places import Place, SignedUrl, parse_place


@pytest.mark.parametrize(
    ("text", "place", "brief"),
    [
        ("header:X-Sig", Place("header", "X-Sig"), "X-Sig"),
        ("header_pattern:X-Sig-*", Place("header_pattern", "X-Sig-*"), "X-Sig-*"),
        ("query:sig", Place("query", "sig"), "?sig="),
        ("json:a.0.b-c", Place("json", "a.0.b-c", ("a", "0", "b-c")), "json:a.0.b-c"),
        ("form:data[id]", Place("form", "data[id]"), "form:data[id]"),
        ("form_json:payload:a.b", Place("form_json", "payload", ("a", "b")), "form_json:payload:a.b"),
        ("sig:t", Place("sig", "t"), "t"),
        ("claim:jti", Place("claim", "jti"), "claim:jti"),
    ],
)
def test_a_place_is_read_and_shown(text: str, place: Place, brief: str) -> None:
    assert parse_place(text) == place
    assert place.brief == brief
    assert f"`{brief}`" in place.shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "header",
        "header:",
        "header:X Sig",
        "Header:X",
        "cookie:a",
        "query:a=b",
        "json:",
        "json:a..b",
        "json:a.",
        "json:.a",
        "json:a b",
        "json:a{b}",
        "form:",
        "form:a b",
        "form_json:a",
        "form_json::a",
        "form_json:a:",
        "header_pattern:X-Sig",
        "header_pattern:*",
        "header_pattern:X-*-*",
        "sig:",
        "claim:a b",
        "header:X\n",
        "json:a\n",
    ],
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert parse_place(text) is None


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    for kind in ("", "json:", "form_json:", "header_pattern:"):
        place = parse_place(kind + text)
        assert place is None or place.name


def test_the_case_counts_for_all_places_but_headers() -> None:
    assert Place("header", "X-Sig").identity == Place("header", "x-sig").identity
    assert Place("query", "Sig").identity != Place("query", "sig").identity


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("X-Sig-*", "x-sig-1", True),
        ("X-Sig-*", "x-sig-", True),
        ("X-Sig-*", "x-sig", False),
        ("*-Sig", "x-sig", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
    ],
)
def test_a_pattern_means_all_headers_with_its_ends(pattern: str, name: str, fits: bool) -> None:  # noqa: FBT001 - a table's column
    assert Place("header_pattern", pattern).fits(name) is fits
    assert Place("header", name.upper()).fits(name)
    assert not Place("query", name).fits(name)


@pytest.mark.parametrize(
    ("address", "note"),
    [
        ("bridge.example.com/hooks/a", "it does not begin with `https://`"),
        ("ftp://bridge.example.com/hooks/a", "it does not begin with `https://`"),
        ("https://bridge.example.com", "it has no path behind the host"),
        ("https://bridge.example.com/hooks/a ", "it begins or ends with a blank or a line break"),
        ("https://bridge.example.com/hooks/a#b", "no sender sends what stands behind `#`"),
        ("https://bridge.example.com/hooks/ä", ""),
    ],
)
def test_an_address_that_is_none_is_told_what_it_lacks(address: str, note: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SignedUrl(public=address)
    (error,) = refused.value.errors()
    assert (error["msg"], error["ctx"].get("note") or "") == ("this is no public address", note)
