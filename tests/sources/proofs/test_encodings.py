import base64
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.places import Encoding
from bridge.sources.proofs.encodings import decode, decode_key, encode

ENCODINGS = st.sampled_from(get_args(Encoding))


@given(st.binary(min_size=1, max_size=70), ENCODINGS)
def test_what_a_sender_writes_is_read(raw: bytes, encoding: Encoding) -> None:
    assert decode(encode(raw, encoding), encoding) == raw


@given(st.text(max_size=20) | st.text("0123456789abcdefABCDEF+/-_= \n", max_size=20), ENCODINGS)
def test_every_signature_has_one_spelling(text: str, encoding: Encoding) -> None:
    raw = decode(text, encoding)
    if raw:
        written = encode(raw, encoding)
        assert text in ({written, written.rstrip("=")} if encoding == "base64url" else {written})


def test_stray_bits_at_the_end_are_another_spelling() -> None:
    assert base64.b64decode("QQ==") == base64.b64decode("QR==") == b"A"
    assert (decode("QQ==", "base64"), decode("QR==", "base64"), decode("QR", "base64url")) == (b"A", None, None)


@pytest.mark.parametrize(
    ("text", "form", "key"),
    [
        ("k\N{LATIN SMALL LETTER O WITH DIAERESIS}", "text", "kö".encode()),
        ("QUI=", "base64", b"AB"),
        ("QUI", "base64", None),
        ("_-4=", "base64url", b"\xff\xee"),
        ("_-4", "base64url", b"\xff\xee"),
        ("4142", "hex", b"AB"),
        ("414", "hex", None),
        ("\ud800", "text", None),
        ("\ud800", "base64", None),
    ],
)
def test_a_key_is_read_as_its_form_says(text: str, form: str, key: bytes | None) -> None:
    assert decode_key(text, form) == key  # type: ignore[arg-type]
