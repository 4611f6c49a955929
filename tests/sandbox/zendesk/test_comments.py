from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.clock import ManualClock
from bridge.sandbox.zendesk.comments import MAX_BODY_BYTES, CommentText, read_comment
from bridge.sandbox.zendesk.users import Users
from tests.canaries import EMOJI_TEXT


def kept(*, by_customer: bool = True, **wanted: Any) -> CommentText:
    users = Users(ManualClock())
    customer = users.create({"name": "A"})
    author = customer if by_customer else users.agent
    return read_comment({**wanted, "author_id": author.id}, users, users.agent, {"ticket.id": "77"})


def test_blanks_shrink_and_the_html_is_escaped() -> None:
    comment = kept(body="a  b\t\tc\n\n\n\nd & e")
    assert comment.body == "a b c\n\nd & e"
    assert comment.html_body == "<p>a b c\n\nd &amp; e</p>"
    assert comment.public


def test_html_is_stripped_from_the_plain_text_only() -> None:
    comment = kept(html_body="<b>bold</b> &amp; plain", public=False)
    assert (comment.body, comment.html_body, comment.public) == ("bold & plain", "<b>bold</b> &amp; plain", False)


@pytest.mark.parametrize(
    ("by_customer", "text", "expected"),
    [
        (True, "see {{ticket.id}} {{x}}", "see {{ticket.id}} {{x}}"),
        (False, r"see {{ticket.id}}{{x}} \{{ticket.id}}", "see 77 {{ticket.id}}"),
    ],
)
def test_placeholders_are_filled_in_for_agents_only(*, by_customer: bool, text: str, expected: str) -> None:
    assert kept(by_customer=by_customer, body=text).body == expected


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: text.strip()), st.integers(1, 30_000))
def test_long_texts_are_cut_without_a_word_and_never_inside_a_character(text: str, times: int) -> None:
    comment = kept(html_body=text * times)
    assert len(comment.html_body.encode()) <= MAX_BODY_BYTES
    assert (text * times).startswith(comment.html_body)


def test_short_texts_stay_as_they_are() -> None:
    assert kept(body=EMOJI_TEXT).body == EMOJI_TEXT
