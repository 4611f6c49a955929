import base64
import contextlib
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.proofs import keys
from bridge.sources.proofs.encodings import PublicKeyForm
from bridge.sources.proofs.keys import (
    KeyUnusable,
    demand,
    kind_of,
    read_certificate,
    read_private_key,
    read_public_key,
)
from tests.sources.builders import NOW_MS
from tests.sources.key_pairs import (
    AnyPrivate,
    base64_der,
    certificate,
    der_of,
    ec_key,
    ed25519_key,
    private_pem,
    public_pem,
    raw_of,
    rsa_key,
)

ANY_KEYS: list[AnyPrivate] = [ed25519_key(), ec_key("p256"), ec_key("p384"), ec_key("p521"), rsa_key()]


def kind(key: AnyPrivate) -> str:
    return kind_of(key)


@pytest.mark.parametrize("key", ANY_KEYS, ids=kind)
@pytest.mark.parametrize("form", ["text", "pem", "base64", "hex"])
def test_a_key_is_read_in_every_form_that_senders_show(key: AnyPrivate, form: PublicKeyForm) -> None:
    written = {"pem": public_pem(key), "base64": base64_der(key), "hex": der_of(key).hex()}
    texts = written.values() if form == "text" else [written[form]]
    for text in texts:
        assert read_public_key(text, form) == key.public_key()


@pytest.mark.parametrize(("form", "bad"), [("hex", "base64"), ("base64", "pem"), ("pem", "hex")])
def test_a_form_that_is_named_is_the_only_one(form: PublicKeyForm, bad: str) -> None:
    key = ec_key()
    written = {"pem": public_pem(key), "base64": base64_der(key), "hex": der_of(key).hex()}
    with pytest.raises(KeyUnusable, match="cannot be read"):
        read_public_key(written[bad], form)


def test_the_32_bytes_of_an_ed25519_key_are_a_key() -> None:
    key = ed25519_key()
    raw = raw_of(key)
    texts = [raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    for text in texts:
        assert read_public_key(text) == key.public_key()
    assert read_public_key(texts[3].rstrip("="), "base64url") == key.public_key()


def test_line_ends_may_be_lost_or_written_out() -> None:
    key = rsa_key()
    assert read_public_key(public_pem(key).replace("\n", "\\n"), "pem") == key.public_key()
    assert read_public_key(public_pem(key).replace("\n", " "), "pem") == key.public_key()
    assert read_public_key(certificate(key).decode().replace("\n", "\r\n")) == key.public_key()
    wrapped = "\n  ".join(base64_der(key)[start : start + 64] for start in range(0, 400, 64))
    assert read_public_key(wrapped, "base64") == key.public_key()


def test_a_certificate_in_the_configuration_is_a_container_of_a_key_whatever_its_dates() -> None:
    pem = certificate(rsa_key(), begins=timedelta(days=-900), ends=timedelta(days=-800)).decode()
    assert read_public_key(pem) == rsa_key().public_key()


@pytest.mark.parametrize("bits", [1024, 2047])
def test_a_short_rsa_key_is_refused(bits: int) -> None:
    with pytest.raises(KeyUnusable, match=f"has {bits} bits"):
        read_public_key(public_pem(rsa_key(bits)))


def test_an_enormous_rsa_key_is_refused_because_it_would_cost_time() -> None:
    public = RSAPublicNumbers(65537, (1 << 9000) | 1).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(KeyUnusable, match="has 9001 bits"):
        read_public_key(pem)
    slow = RSAPublicNumbers((1 << 200) | 1, rsa_key().public_key().public_numbers().n).public_key()
    with pytest.raises(KeyUnusable, match="exponent"):
        read_public_key(slow.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.mark.parametrize("y", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18])
def test_an_ed25519_key_of_small_order_is_refused(y: int) -> None:
    for sign in (0, 1 << 255):
        with pytest.raises(KeyUnusable, match="anybody can sign"):
            read_public_key((y | sign).to_bytes(32, "little").hex())


def test_such_a_key_would_believe_a_signature_that_nobody_made() -> None:
    neutral = (1).to_bytes(32, "little")
    forged = neutral + bytes(32)
    # Raises nothing: the library itself takes it, for any text.
    ed25519.Ed25519PublicKey.from_public_bytes(neutral).verify(forged, b"anything at all")


def test_the_two_points_of_order_eight_are_what_the_curve_says() -> None:
    prime = keys._PRIME
    d = -121665 * pow(121666, -1, prime) % prime
    others = keys._SMALL_ORDERS - {0, 1, prime - 1, prime, prime + 1}
    assert len(others) == 2
    for y in others:  # twice a point of order 8 is one of order 4, whose y is 0: so x² + y² is 0
        x_squared = (y * y - 1) * pow(d * y * y + 1, -1, prime) % prime
        assert (x_squared + y * y) % prime == 0


def test_a_private_key_is_never_taken_for_a_public_one() -> None:
    with pytest.raises(KeyUnusable, match="is a private one"):
        read_public_key(private_pem(ec_key()))


def test_keys_of_other_kinds_are_refused() -> None:
    others: list[dsa.DSAPublicKey | ed448.Ed448PublicKey | ec.EllipticCurvePublicKey] = [
        dsa.generate_private_key(2048).public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        ec_key("k256").public_key(),
    ]
    for other in others:
        with pytest.raises(KeyUnusable):
            read_public_key(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_a_scheme_demands_its_kind() -> None:
    demand(ec_key().public_key(), frozenset({"p256"}))
    with pytest.raises(KeyUnusable, match="is EC P-384"):
        demand(ec_key("p384").public_key(), frozenset({"p256"}))
    with pytest.raises(KeyUnusable, match="is RSA"):
        demand(rsa_key(), frozenset({"ed25519"}))


@given(text=st.text() | st.binary(max_size=200).map(lambda raw: raw.hex()))
@pytest.mark.parametrize("form", ["text", "pem", "base64", "base64url", "hex"])
def test_no_text_makes_it_raise_anything_else(form: PublicKeyForm, text: str) -> None:
    with contextlib.suppress(KeyUnusable):  # 32 bytes may be a key
        kind_of(read_public_key(text, form))


@given(body=st.binary(max_size=600))
def test_no_pem_makes_it_raise_anything_else(body: bytes) -> None:
    for label in ("CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY"):
        pem = f"-----BEGIN {label}-----\n{base64.encodebytes(body).decode()}-----END {label}-----\n"
        with pytest.raises(KeyUnusable):
            read_public_key(pem, "pem")
        with pytest.raises(KeyUnusable):
            read_certificate(pem.encode())


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_certificate_is_refused_or_read_and_never_raises_anything_else(position: int, value: int) -> None:
    damaged = bytearray(certificate(rsa_key()))
    damaged[position % len(damaged)] = value
    with contextlib.suppress(KeyUnusable):  # a changed name or date leaves a certificate
        assert read_certificate(bytes(damaged)).until_ms


def test_a_certificate_is_good_within_its_time_only() -> None:
    read = read_certificate(certificate(rsa_key(), begins=timedelta(0), ends=timedelta(hours=1)))
    assert read.key == rsa_key().public_key()
    assert read.is_valid(NOW_MS)
    assert read.is_valid(NOW_MS + 3_600_000)
    assert not read.is_valid(NOW_MS - 1000)
    assert not read.is_valid(NOW_MS + 3_601_000)


def test_of_a_chain_the_first_certificate_is_the_signers() -> None:
    chain = certificate(rsa_key()) + certificate(ec_key())
    assert read_certificate(chain).key == rsa_key().public_key()


def test_a_certificate_of_a_weak_key_or_an_enormous_text_is_refused() -> None:
    with pytest.raises(KeyUnusable, match="has 1024 bits"):
        read_certificate(certificate(rsa_key(1024)))
    with pytest.raises(KeyUnusable, match="too long"):
        read_certificate(certificate(rsa_key()) + b"\n" * 70_000)


def test_a_private_key_is_read_to_sign_tests_with() -> None:
    for key in ANY_KEYS:
        assert kind_of(read_private_key(private_pem(key))) == kind_of(key)
    locked = ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    with pytest.raises(KeyUnusable, match="encrypted"):
        read_private_key(locked.decode())
    with pytest.raises(KeyUnusable, match="no private key"):
        read_private_key(public_pem(ec_key()))
    other = ed448.Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyUnusable, match="neither"):
        read_private_key(other.decode())
