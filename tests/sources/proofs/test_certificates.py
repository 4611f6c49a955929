import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.sources.proofs.certificates import MOST_ADDRESS_CHARACTERS, CertificatePlace, host_of, is_on

PAYPAL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-7a8abba8"


def test_the_host_of_a_certificates_address_is_read() -> None:
    assert host_of(PAYPAL) == "api.sandbox.paypal.com"


@pytest.mark.parametrize(
    "address",
    [
        "",
        PAYPAL.replace("https", "http"),
        PAYPAL.replace("https", "HTTPS"),
        PAYPAL.replace("paypal", "PayPal"),
        PAYPAL.replace("paypal.com", "paypal.com:443"),
        PAYPAL.replace("api", "user@api"),
        PAYPAL.replace("https://", "https://evil.example#@"),
        PAYPAL.replace("https://", "https://evil.example\\@"),
        PAYPAL.replace("https://", "https://evil.example/../"),
        PAYPAL.replace(".paypal.com/", ".paypal.com./"),
        PAYPAL + "?x=1",
        PAYPAL + "#x",
        PAYPAL + "%2e",
        PAYPAL + " ",
        PAYPAL + "\n",
        PAYPAL + "/",
        PAYPAL.replace("certs", ".."),
        PAYPAL.replace("certs", ""),
        PAYPAL + "a" * MOST_ADDRESS_CHARACTERS,
        "https://api.paypal.com",
        "https://localhost/x",
        "https://[::1]/x",
        "https://-a.paypal.com/x",
        "https://payp\N{CYRILLIC SMALL LETTER A}l.com/x",
    ],
)
def test_an_address_has_one_spelling(address: str) -> None:
    assert host_of(address) is None


def test_a_host_must_be_one_of_those_named() -> None:
    rules = ["*.paypal.com", "certs.example.com"]
    assert is_on("api.paypal.com", rules)
    assert is_on("api.sandbox.paypal.com", rules)
    assert is_on("certs.example.com", rules)
    for host in ("paypal.com", "evilpaypal.com", "paypal.com.evil.example", "x.certs.example.com", "example.com", ""):
        assert not is_on(host, rules)


def test_a_rule_names_a_domain_and_a_star_stands_first_only() -> None:
    for rule in ("*.paypal.com", "api.paypal.com"):
        assert CertificatePlace.model_validate({"from": "header:X", "hosts": [rule]}).hosts == (rule,)
    for rule in ("*", "*.com", "*com", "*paypal.com", "a.*.com", "*.*.com", "https://a.com", "a.com/", "A.com", ""):
        with pytest.raises(ValidationError, match="no host of certificates"):
            CertificatePlace.model_validate({"from": "header:X", "hosts": [rule]})


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    assert host_of(text) is None
    assert host_of(f"https://api.paypal.com/{text}") in {None, "api.paypal.com"}
