"""What only one sender of hashes has: versions, several keys, addresses."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import unquote

from tests.sources.vectors import hashes_with_times
from tests.sources.vectors.hashes_of_addresses import DECODED, FIELDS, PUBLIC, RAW_QUERY, form_sorted
from tests.sources.vectors.hashes_with_times import milliseconds, seconds
from tests.sources.vectors.odd_requests import Odd, still, usual
from tests.sources.vectors.request import BODY, KEYS, SECRET, WRONG, Sent, b64, mac, sha256

# --- hashes of the body ---------------------------------------------------------------------------------------------


def _github(value: str) -> Callable[[float], Sent]:
    return still(Sent((("X-Hub-Signature-256", value),)))


_SHA1 = mac(SECRET, BODY, algorithm="sha1").hex()
_GITHUB: tuple[Odd, ...] = (
    ("SHA-1 under its own name", False, _github(f"sha1={_SHA1}")),
    ("SHA-1 under the other name", False, _github(f"sha256={_SHA1}")),
    ("SHA-512", False, _github(f"sha256={mac(SECRET, BODY, algorithm='sha512').hex()}")),
    ("a hash without a key", False, _github(f"sha256={sha256(BODY).hex()}")),
    ("an empty key", False, _github(f"sha256={mac('', BODY).hex()}")),
    ("the secret in front of the body", False, _github(f"sha256={sha256(SECRET, BODY).hex()}")),
    ("the key's name for the key", False, _github(f"sha256={mac('${SECRET}', BODY).hex()}")),
    ("a key with a line feed", False, _github(f"sha256={mac(SECRET + chr(10), BODY).hex()}")),
    ("the header of old beside it", True, usual("github", lambda sent: sent.having(("X-Hub-Signature", "sha1=00")))),
    (
        "the header of old alone",
        False,
        still(Sent((("X-Hub-Signature", f"sha256={mac(SECRET, BODY).hex()}"),))),
    ),
    ("in the query", False, still(Sent((), raw_query=f"X-Hub-Signature-256=sha256={mac(SECRET, BODY).hex()}"))),
    ("zeros", False, _github(f"sha256={'0' * 64}")),
    ("the header's name with a blank line", False, _github("sha256=\t" + mac(SECRET, BODY).hex())),
)


def _docusign(*keys: str) -> Callable[[float], Sent]:
    """One header for each key, counted from one."""
    headers = ((f"X-DocuSign-Signature-{n}", b64(mac(key, BODY))) for n, key in enumerate(keys, 1))
    return still(Sent(tuple(headers)))


_MADE = b64(mac(SECRET, BODY))
_DOCUSIGN: tuple[Odd, ...] = (
    ("the first of three keys", True, _docusign(SECRET, "b", "c")),
    ("the second of three keys", True, _docusign("a", SECRET, "c")),
    ("the third of three keys", True, _docusign("a", "b", SECRET)),
    ("none of three keys", False, _docusign("a", "b", "c")),
    ("the last of twenty keys", True, _docusign(*["a"] * 19, SECRET)),
    ("the last of twenty-one keys", False, _docusign(*["a"] * 20, SECRET)),
    ("one of them twice", False, still(Sent((("X-DocuSign-Signature-1", _MADE),) * 2))),
    (
        "one of them in two spellings",
        False,
        still(Sent((("X-DocuSign-Signature-1", "AAAA"), ("x-docusign-signature-1", _MADE)))),
    ),
    ("a name that does not fit", False, still(Sent((("X-DocuSign-Signature", _MADE),)))),
    ("a name that goes on in front", False, still(Sent((("Y-X-DocuSign-Signature-1", _MADE),)))),
)


def _shopify(*headers: tuple[str, str]) -> Callable[[float], Sent]:
    return still(Sent(headers))


_SHOPIFY: tuple[Odd, ...] = (
    ("the old name", True, _shopify(("X-Shopify-Hmac-Sha256", _MADE))),
    ("both names", True, _shopify(("X-Shopify-Hmac-Sha256", _MADE), ("shopify-hmac-sha256", _MADE))),
    ("the new name twice", False, _shopify(("Shopify-Hmac-Sha256", _MADE), ("shopify-hmac-sha256", _MADE))),
    ("both wrong", False, _shopify(("X-Shopify-Hmac-Sha256", "AAAA"), ("shopify-hmac-sha256", "AAAA"))),
    ("hex", False, _shopify(("X-Shopify-Hmac-Sha256", mac(SECRET, BODY).hex()))),
)

# --- times ----------------------------------------------------------------------------------------------------------


def _stripe(form: str, *, key: str = SECRET) -> Callable[[float], Sent]:
    """`Stripe-Signature` with {t}, {v} the right signature and {w} a wrong one."""

    def sent(now: float) -> Sent:
        right = mac(key, seconds(now), ".", BODY).hex()
        return Sent((("Stripe-Signature", form.format(t=seconds(now), v=right, w="0" * 64, s=seconds(now - 5))),))

    return sent


_STRIPE: tuple[Odd, ...] = (
    ("the time behind", True, _stripe("v1={v},t={t}")),
    ("an old version beside it", True, _stripe("t={t},v0={w},v1={v}")),
    ("an old version alone", False, _stripe("t={t},v0={v}")),
    ("two, the second right", True, _stripe("t={t},v1={w},v1={v}")),
    ("two, the first right", True, _stripe("t={t},v1={v},v1={w}")),
    ("two times", False, _stripe("t={t},t={t},v1={v}")),
    ("two different times", False, _stripe("t={t},v1={v},t={s}")),
    ("no time", False, _stripe("v1={v}")),
    ("a time in capitals", False, _stripe("T={t},v1={v}")),
    ("a version in capitals", False, _stripe("t={t},V1={v}")),
    ("another time", False, _stripe("t={s},v1={v}")),
    ("a longer name", False, _stripe("t={t},xv1={v}")),
    ("a semicolon for a comma", False, _stripe("t={t};v1={v}")),
    ("a sign too many", False, _stripe("t={t},v1=={v}")),
    ("what the secret decodes to", False, _stripe("t={t},v1={v}", key=b64(sha256(SECRET)))),
)


def _standard(signatures: str, *, id_: str = "msg_1", signed_id: str = "msg_1") -> Callable[[float], Sent]:
    """`webhook-signature` with {v} the right one and {w} a wrong one."""

    def sent(now: float) -> Sent:
        right = b64(mac(KEYS["base64"](SECRET), signed_id, ".", seconds(now), ".", BODY))
        return Sent(
            (
                *((("webhook-id", id_),) if id_ != "absent" else ()),
                ("webhook-timestamp", seconds(now)),
                ("webhook-signature", signatures.format(v=right, w=b64(bytes(32)))),
            )
        )

    return sent


_STANDARD: tuple[Odd, ...] = (
    ("a public-key signature beside it", True, _standard("v1a,{w} v1,{v}")),
    ("a public-key signature behind it", True, _standard("v1,{v} v1a,{w}")),
    ("two, and one of another kind between", True, _standard("v1,{w} v1a,{w} v1,{v}")),
    ("as a public-key signature", False, _standard("v1a,{v}")),
    ("of a version to come", False, _standard("v2,{v}")),
    ("without a version", False, _standard("{v}")),
    ("a sign for the comma", False, _standard("v1={v}")),
    ("a comma for the blank", False, _standard("v1,{w},v1,{v}")),
    ("two blanks", True, _standard("v1,{w}  v1,{v}")),
    ("another id", False, _standard("v1,{v}", id_="msg_2")),
    ("no id", False, _standard("v1,{v}", id_="absent")),
    ("an empty id", False, _standard("v1,{v}", id_="", signed_id="")),
    ("an id that is not ASCII", False, _standard("v1,{v}", id_="mög", signed_id="mög")),
    (
        "its id twice",
        False,
        usual("standard webhooks", lambda sent: replace(sent, headers=(*sent.headers, ("Webhook-Id", "msg_1")))),
    ),
    (
        "the secret's text for a key",
        False,
        lambda now: Sent(
            (
                ("webhook-id", "a"),
                ("webhook-timestamp", seconds(now)),
                ("webhook-signature", f"v1,{b64(mac(f'whsec_{SECRET}', 'a.', seconds(now), '.', BODY))}"),
            )
        ),
    ),
)


def _box(*slots: tuple[str, str], **more: str) -> Callable[[float], Sent]:
    """(slot, key) of each signature; `more` replaces the other headers."""

    def sent(now: float) -> Sent:
        text = hashes_with_times.iso8601(now)
        signatures = tuple((f"BOX-SIGNATURE-{slot}", b64(mac(key, BODY, text))) for slot, key in slots)
        others = {"BOX-DELIVERY-TIMESTAMP": text, "BOX-SIGNATURE-VERSION": "1", "BOX-SIGNATURE-ALGORITHM": "HmacSHA256"}
        others |= {name.replace("_", "-"): value for name, value in more.items()}
        return Sent((*signatures, *others.items()))

    return sent


_BOX: tuple[Odd, ...] = (
    ("the second key in its slot", True, _box(("SECONDARY", hashes_with_times.SECOND_OF_BOX))),
    ("both keys", True, _box(("PRIMARY", SECRET), ("SECONDARY", hashes_with_times.SECOND_OF_BOX))),
    ("the first key retired", True, _box(("PRIMARY", WRONG), ("SECONDARY", hashes_with_times.SECOND_OF_BOX))),
    ("the second key retired", True, _box(("PRIMARY", SECRET), ("SECONDARY", WRONG))),
    ("both keys in the other's slot", False, _box(("PRIMARY", hashes_with_times.SECOND_OF_BOX), ("SECONDARY", SECRET))),
    ("another version", False, _box(("PRIMARY", SECRET), BOX_SIGNATURE_VERSION="2")),
    ("another algorithm", False, _box(("PRIMARY", SECRET), BOX_SIGNATURE_ALGORITHM="HmacSHA1")),
    ("an empty version", False, _box(("PRIMARY", SECRET), BOX_SIGNATURE_VERSION="")),
)

# --- addresses ------------------------------------------------------------------------------------------------------


def _hubspot_v3(signed: str, raw_query: str, *, method: str = "POST") -> Callable[[float], Sent]:
    def sent(now: float) -> Sent:
        made = b64(mac(SECRET, method, signed, BODY, milliseconds(now)))
        headers = (("X-HubSpot-Signature-v3", made), ("X-HubSpot-Request-Timestamp", milliseconds(now)))
        return Sent(headers, raw_query=raw_query)

    return sent


_ESCAPES = ("%3A", "%2F", "%3F", "%40", "%21", "%24", "%27", "%28", "%29", "%2A", "%2C", "%3B")
_HUBSPOT_V3: tuple[Odd, ...] = (
    ("no escape decoded", False, _hubspot_v3(f"{PUBLIC}?{RAW_QUERY}", RAW_QUERY)),
    ("every escape decoded", False, _hubspot_v3(unquote(f"{PUBLIC}?{RAW_QUERY}"), RAW_QUERY)),
    ("decoded at both ends", True, _hubspot_v3(f"{PUBLIC}?{DECODED}", DECODED)),
    ("escapes of escapes decoded", False, _hubspot_v3(f"{PUBLIC}?a=:", "a=%253A")),
    ("no query", True, _hubspot_v3(PUBLIC, "")),
    ("a query in another order", False, _hubspot_v3(f"{PUBLIC}?a=1&b=2", "b=2&a=1")),
    ("another method", False, _hubspot_v3(PUBLIC, "", method="GET")),
    ("a method in small letters", False, _hubspot_v3(PUBLIC, "", method="post")),
    ("an address with a slash at its end", False, _hubspot_v3(f"{PUBLIC}/", "")),
    ("an address without TLS", False, _hubspot_v3(PUBLIC.replace("https", "http"), "")),
    ("a blank written as a plus", False, _hubspot_v3(f"{PUBLIC}?a=%20", "a=+")),
    ("a query that was not signed", False, _hubspot_v3(PUBLIC, "a=1")),
    *((f"the escape {each}", True, _hubspot_v3(f"{PUBLIC}?a={unquote(each)}", f"a={each}")) for each in _ESCAPES),
)


def _hubspot_v1(made: bytes, *versions: str) -> Callable[[float], Sent]:
    headers = (("X-HubSpot-Signature-Version", version) for version in versions)
    return still(Sent((("X-HubSpot-Signature", made.hex()), *headers)))


_V1 = sha256(SECRET, BODY)
_HUBSPOT_V1: tuple[Odd, ...] = (
    ("another version", False, _hubspot_v1(_V1, "v2")),
    ("no version", False, _hubspot_v1(_V1)),
    ("its version twice", False, _hubspot_v1(_V1, "v1", "v1")),
    ("a version in capitals", False, _hubspot_v1(_V1, "V1")),
    ("a keyed hash", False, _hubspot_v1(mac(SECRET, BODY), "v1")),
    ("the secret behind", False, _hubspot_v1(sha256(BODY, SECRET), "v1")),
    ("the text of version 2", False, _hubspot_v1(sha256(SECRET, "POST", PUBLIC, BODY), "v1")),
)


def _twilio(address: str, raw_query: str = "", body: bytes = FIELDS, **more: str) -> Callable[[float], Sent]:
    made = b64(mac(SECRET, address, form_sorted(FIELDS), algorithm="sha1"))
    headers = ((name.replace("_", "-"), value) for name, value in more.items())
    return still(Sent((("X-Twilio-Signature", made), *headers), body, raw_query))


_EVIL = "https://evil.example.org/in/crm"
_TWILIO: tuple[Odd, ...] = (
    ("fields in another order", True, _twilio(PUBLIC, body=b"&".join(sorted(FIELDS.split(b"&"))))),
    ("an equal field once more", True, _twilio(PUBLIC, body=FIELDS + b"&MediaUrl=a")),
    ("a field once more", False, _twilio(PUBLIC, body=FIELDS + b"&MediaUrl=c")),
    ("an empty field more", False, _twilio(PUBLIC, body=FIELDS + b"&More=")),
    ("an empty field less", False, _twilio(PUBLIC, body=FIELDS.replace(b"&Empty=", b""))),
    ("a name in small letters", False, _twilio(PUBLIC, body=FIELDS.replace(b"To=", b"to="))),
    ("the same fields in other escapes", True, _twilio(PUBLIC, body=FIELDS.replace(b"+", b"%20"))),
    ("a query", True, _twilio(f"{PUBLIC}?b=2&a=%20x&a", "b=2&a=%20x&a")),
    ("a query in another order", False, _twilio(f"{PUBLIC}?b=2&a=1", "a=1&b=2")),
    ("a query in other escapes", False, _twilio(f"{PUBLIC}?a=%20", "a=+")),
    ("escapes in small letters", False, _twilio(f"{PUBLIC}?a=%2F", "a=%2f")),
    ("a query that was not signed", False, _twilio(PUBLIC, "a=1")),
    ("a query with a port", True, _twilio("https://bridge.example.com:443/in/crm?a=1", "a=1")),
    ("a port that is not ours", False, _twilio("https://bridge.example.com:8443/in/crm")),
    ("without TLS", False, _twilio("http://bridge.example.com/in/crm")),
    ("a host in capitals", False, _twilio("https://Bridge.example.com/in/crm")),
    ("the host of a forwarded header", False, _twilio(_EVIL, X_Forwarded_Host="evil.example.org")),
    ("a forwarded host", True, _twilio(PUBLIC, X_Forwarded_Host="evil.example.org", Forwarded="host=evil.example.org")),
)


def _twilio_json(digest: str, body: bytes = BODY, query: str = "bodySHA256={digest}") -> Callable[[float], Sent]:
    query = query.format(digest=digest)
    made = b64(mac(SECRET, f"{PUBLIC}?{query}" if query else PUBLIC, algorithm="sha1"))
    return still(Sent((("X-Twilio-Signature", made),), body, query))


_DIGEST = sha256(BODY).hex()
_TWILIO_JSON: tuple[Odd, ...] = (
    ("no hash of the body", False, _twilio_json("", query="")),
    ("an empty hash", False, _twilio_json("")),
    ("a hash of another body", False, _twilio_json(sha256(b"{}").hex())),
    ("another body", False, _twilio_json(_DIGEST, b"{}")),
    ("its hash in capitals", False, _twilio_json(_DIGEST.upper())),
    ("its hash twice", False, _twilio_json(_DIGEST, query="bodySHA256={digest}&bodySHA256={digest}")),
    ("a hash of another name", False, _twilio_json(_DIGEST, query="bodysha256={digest}")),
)


def _settings(text: str) -> Callable[[float], Sent]:
    name = "X-Twilio-Webhooks-Signature-Settings"
    return usual("twilio of a shared key", lambda sent: sent.having((name, text)))


_TWILIO_SHARED: tuple[Odd, ...] = (
    ("another key's name", True, _settings("key=SK2,algorithm=HMAC_SHA256")),
    ("another algorithm", False, _settings("key=SK1,algorithm=HMAC_SHA1")),
    ("no algorithm", False, _settings("key=SK1")),
    ("two algorithms", False, _settings("key=SK1,algorithm=HMAC_SHA256,algorithm=HMAC_SHA1")),
)
ODDS: Mapping[str, tuple[Odd, ...]] = {
    "github": _GITHUB,
    "docusign": _DOCUSIGN,
    "shopify of both names": _SHOPIFY,
    "stripe": _STRIPE,
    "standard webhooks": _STANDARD,
    "box": _BOX,
    "hubspot v1": _HUBSPOT_V1,
    "hubspot v3": _HUBSPOT_V3,
    "twilio": _TWILIO,
    "twilio of JSON": _TWILIO_JSON,
    "twilio of a shared key": _TWILIO_SHARED,
}
