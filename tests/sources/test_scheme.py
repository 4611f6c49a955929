import pytest
from pydantic import ValidationError

from bridge.sources import HmacScheme, SourceConfig, parse_verification
from bridge.sources.places import Place
from bridge.sources.proofs.message import Token
from tests.canaries import ORDERS_SECRET
from tests.sources.builders import hmac_scheme

PLACE = {"from": "header:X-Orders-Signature"}

REFUSED: dict[str, dict[str, object]] = {
    "no type": {"signature": PLACE},
    "an unknown type": {"type": "rot13", "signature": PLACE},
    "an unknown algorithm": {"type": "hmac", "algorithm": "md5", "signature": PLACE},
    "an unknown key": {"type": "hmac", "signature": PLACE, "secrte": "x"},
    "no signature": {"type": "hmac"},
    "a signature from nowhere": {"type": "hmac", "signature": {"from": "cookie:sig"}},
    "an address that is not signed": {"type": "hmac", "signature": PLACE, "url": {"public": "https://b.example.com/"}},
    "a signed address that nothing says": {"type": "hmac", "signature": PLACE, "message": "{url}{body}"},
    "an address with a place in a page": {
        "type": "hmac",
        "signature": PLACE,
        "url": {"public": "https://b.example.com/hooks/x?a=1#top"},
        "message": "{url}{body}",
    },
    "an address without a host": {
        "type": "hmac",
        "signature": PLACE,
        "url": {"public": "/hooks/x"},
        "message": "{url}{body}",
    },
    "a token in an encoding": {"type": "token", "signature": {**PLACE, "encoding": "base64"}},
    "a token in elements": {"type": "token", "signature": {**PLACE, "split": ","}},
    "a user without a password": {"type": "basic", "secrets": [ORDERS_SECRET]},
    "two words at one place": {
        "every_of": [
            {"type": "token", "signature": {"from": "query:k"}},
            {"type": "token", "signature": {"from": "query:k"}},
        ],
    },
    "a header name with a blank": {"type": "hmac", "signature": {"from": "header:X Sig"}},
    "a text without the body": {"type": "hmac", "signature": PLACE, "message": "{header:X-Id}"},
    "a text with the body twice": {"type": "hmac", "signature": PLACE, "message": "{body}{body}"},
    "an unknown token": {"type": "hmac", "signature": PLACE, "message": "{body}{secret}"},
    "a lone brace": {"type": "hmac", "signature": PLACE, "message": "{body}}"},
    "a token for a time that is nowhere": {"type": "hmac", "signature": PLACE, "message": "{timestamp}{body}"},
    "a time that is not signed": {"type": "hmac", "signature": PLACE, "timestamp": {"from": "header:X-Time"}},
    "a time in elements that have no names": {
        "type": "hmac",
        "signature": PLACE,
        "timestamp": {"from": "sig:t"},
        "message": "{timestamp}{body}",
    },
    "a negative window": {
        "type": "hmac",
        "signature": PLACE,
        "timestamp": {"from": "header:X-Time", "past_s": -1},
        "message": "{timestamp}{body}",
    },
    "a secret that does not decode": {"type": "hmac", "signature": PLACE, "key": "hex", "secrets": [ORDERS_SECRET]},
    "a secret that decodes to too little": {
        "type": "hmac",
        "signature": PLACE,
        "key": "hex",
        "secrets": ["00112233445566778899"],
    },
    "one header read twice": {
        "every_of": [
            {"type": "hmac", "signature": PLACE},
            {"type": "hmac", "signature": {"from": "header:x-orders-signature"}},
        ],
    },
    "no alternatives": {"every_of": []},
}


@pytest.mark.parametrize("written", REFUSED.values(), ids=REFUSED.keys())
def test_a_scheme_that_could_not_protect_is_refused_without_showing_values(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        SourceConfig.model_validate({"verify": written})
    assert ORDERS_SECRET not in str(caught.value)


def test_a_published_secret_is_good_enough_for_an_example_and_for_no_configuration() -> None:
    written = {"type": "hmac", "signature": PLACE, "secrets": ["12345"]}
    scheme = parse_verification(written)
    assert isinstance(scheme, HmacScheme)
    assert scheme.keys == (b"12345",)
    with pytest.raises(ValidationError):
        SourceConfig.model_validate({"verify": written})


@pytest.mark.parametrize("more", [{"secrets": [""]}, {"secrets": ["whsec_"], "strip_prefix": "whsec_"}])
def test_an_empty_secret_is_good_enough_for_nothing(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        parse_verification({"type": "hmac", "signature": PLACE, **more})


def test_a_single_secret_may_stand_without_a_list() -> None:
    assert hmac_scheme(secrets=ORDERS_SECRET).keys == (ORDERS_SECRET.encode(),)


def test_the_signed_text_is_taken_apart_in_order() -> None:
    scheme = hmac_scheme(message="v0:{header:X-Id}:{body}é")
    assert scheme.parts == (b"v0:", Token("place", place=Place("header", "X-Id")), b":", Token("body"), "é".encode())


def test_secrets_do_not_show_in_a_dump() -> None:
    assert ORDERS_SECRET not in hmac_scheme().model_dump_json()
