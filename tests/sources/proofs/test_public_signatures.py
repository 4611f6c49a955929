import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from bridge.sources.proofs.public_signatures import Hash, holds, made
from tests.sources.key_pairs import AnyPrivate, ec_key, ed25519_key, rsa_key

KEYS = [ed25519_key(), ec_key("p256"), ec_key("p384"), ec_key("p521"), rsa_key()]
TEXT = b"signed text"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


def test_a_signature_of_another_library_holds() -> None:
    signer = SigningKey(bytes([1]) * 32)
    signature = signer.sign(TEXT).signature
    assert holds(ed25519_key(1).public_key(), signature, TEXT, "sha256")
    assert not holds(ed25519_key(2).public_key(), signature, TEXT, "sha256")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_what_is_made_holds_for_this_text_this_hash_and_this_key(key: AnyPrivate, algorithm: Hash) -> None:
    signature = made(key, TEXT, algorithm)
    assert holds(key.public_key(), signature, TEXT, algorithm)
    assert not holds(key.public_key(), signature, TEXT + b" ", algorithm)
    assert not holds(key.public_key(), signature[:-1], TEXT, algorithm)
    assert not holds(key.public_key(), signature + b"\0", TEXT, algorithm)
    if key is not KEYS[0]:
        other: Hash = "sha512" if algorithm != "sha512" else "sha256"
        assert not holds(key.public_key(), signature, TEXT, other)


def test_an_ecdsa_signature_has_one_spelling() -> None:
    key = ec_key()
    good = made(key, TEXT, "sha256")
    first, second = decode_dss_signature(good)
    length, rest = good[1], good[2:]
    first_length = good[3]
    padded_integer = bytes([0x30, length + 1, 0x02, first_length + 1, 0]) + good[4:]
    others = [
        bytes([0x30, 0x81, length]) + rest,  # a long form of the length
        padded_integer,  # a needless zero in front
        good + b"\0",
        bytes([0x31]) + good[1:],
        first.to_bytes(32, "big") + second.to_bytes(32, "big"),  # as in a JWT
        encode_dss_signature(0, second),
        encode_dss_signature(first, 0),
        encode_dss_signature(first, second + ORDER),
    ]
    assert holds(key.public_key(), good, TEXT, "sha256")
    assert not any(holds(key.public_key(), other, TEXT, "sha256") for other in others)


@given(signature=st.binary(max_size=300), text=st.binary(max_size=50))
@pytest.mark.parametrize("key", KEYS)
def test_no_bytes_make_it_raise_or_hold(key: AnyPrivate, signature: bytes, text: bytes) -> None:
    assert not holds(key.public_key(), signature, text, "sha256")
