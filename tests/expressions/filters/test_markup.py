"""Plain text of HTML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.expressions.filters.markup import plain_text
from bridge.expressions.problems import Unusable


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("a<br/>b<BR>c", "a\nb\nc"),
        ("<b>bold</b> <i class='>'>x</i>", "bold '>x"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("i <3 you", "i <3 you"),
        ("a <b", "a <b"),
        ("a<!-- <p>no</p> -->b", "ab"),
        ("a<!-- never closed", "a"),
        ("<style>p {}</style>text<script>alert('<p>')</script>", "text"),
        ("<script>never closed", ""),
        ("<!doctype html><?xml?>x", "x"),
        ("&lt;b&gt; &amp; &#233; &nbsp;", "<b> & é"),
        ("  a  \n\n\n\n  b  ", "a\n\nb"),
        ("İ<p>i</p>", "İ\ni"),
        ("", ""),
    ],
)
def test_tags_are_dropped_and_text_stays(markup: str, text: str) -> None:
    assert plain_text(markup) == text


def test_an_absurd_character_reference_is_an_error() -> None:
    with pytest.raises(Unusable):
        plain_text("&#" + "9" * 5000 + ";")


@given(st.text(alphabet="<>/!-abp r&#;'\n", max_size=60))
def test_any_text_is_read(markup: str) -> None:
    assert isinstance(plain_text(markup), str)
