"""Raw bodies as people see them: nothing that was sent makes it raise, and no proof is shown in any form of body."""

import json
from urllib.parse import parse_qsl, urlencode

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.sources.body_masks import SHOWN_BYTES, masked_body

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
WORD = "Zx9Qsecretword0123"
MASK = "<18 base64>"


def part(name: str, content: bytes, headers: bytes = b"") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n' + headers + b"\r\n" + content


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        (f'{{"a": 1, "token": "{WORD}"}}', "application/json", {"a": 1, "token": MASK}),
        (f'{{"value": [{{"clientState": "{WORD}"}}]}}', "", {"value": [{"clientState": MASK}]}),
        (f'{{"proof": "{WORD}"}}', "", {"proof": MASK}),
        (f'{{"token": "{WORD}",}}', "", f'{{"token": "{MASK}",}}'),
        (f'{{"a": {10**30}, "token" : "{WORD}', "", f'{{"a": {10**30}, "token" : "{MASK}"'),
        (f"token={WORD}&text=a%20b&&c", FORM, f"token={MASK}&text=a%20b&&c"),
        (f"token={WORD}&text=a", "", f"token={MASK}&text=a"),
        (f"signature={'ab' * 32}&x={'ab' * 32}", FORM, "signature=<64 hex>&x=<64 hex>"),
        (f"proof={WORD}", FORM, f"proof={MASK}"),
        ("just text", "text/plain", "just text"),
        ("", "", ""),
    ],
)
def test_no_proof_is_shown(body: str, content_type: str, shown: object) -> None:
    found = masked_body(body.encode(), content_type, ["Proof"])
    assert found == shown
    assert WORD not in str(found)


def test_json_inside_a_form_is_looked_into() -> None:
    payload = json.dumps({"type": "block_actions", "token": WORD})
    found = masked_body(urlencode({"payload": payload}).encode(), FORM)
    assert isinstance(found, str)
    [(_, inner)] = parse_qsl(found)
    assert json.loads(inner) == {"type": "block_actions", "token": MASK}


def test_parts_of_a_multipart_form_are_looked_at_whatever_else_it_holds() -> None:
    body = b"\r\n".join(
        [
            part("token", WORD.encode(), b"Content-Type: text/plain\r\n"),
            part("subject", b"hello"),
            part("file", b"\xff\x00"),
            part("payload", json.dumps({"secret": WORD}).encode()),
            b"--b--\r\n",
        ]
    )
    found = masked_body(body, MULTIPART)
    assert isinstance(found, str)
    assert WORD not in found
    assert (found.count(MASK), "\r\n\r\nhello\r\n--b" in found) == (2, True)


def test_bytes_that_are_no_text_are_shown_as_such_and_a_large_body_in_part() -> None:
    assert masked_body(b"\xff\x00") == {"base64": "/wA="}
    large = '{"token": "' + WORD + '", "text": "' + "ä" * SHOWN_BYTES + '"}'
    found = masked_body(large.encode())
    assert isinstance(found, str)
    assert found.startswith(f'{{"token": "{MASK}", "text": "ää')
    assert len(found) <= SHOWN_BYTES


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.sampled_from(["", FORM, MULTIPART, "a/b"]))
@example(b'{"a": "\\ud800"}', "")
@example(b'{"a": 1' + b"0" * 30 + b"}", "")
@example(b"[" * 300 + b"]" * 300, "")
@example(b'{"a": NaN, "b": 1e400}', "")
@example(b"a=%ff%00&b=%ed%a0%80", FORM)
def test_whatever_is_sent_can_be_shown(body: bytes, content_type: str) -> None:
    found = masked_body(body, content_type)
    assert orjson.loads(orjson.dumps(found)) == found
