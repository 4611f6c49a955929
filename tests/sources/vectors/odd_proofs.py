"""What only one kind of proof has: tokens, public keys, words in lists, forms and addresses."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.sources.vectors.hashes_with_times import seconds
from tests.sources.vectors.keys_and_words import ec_of, ed25519_of, graph, mailgun, pem_of, rsa_of, token
from tests.sources.vectors.odd_requests import Odd, still, usual
from tests.sources.vectors.request import BODY, SECRET, WRONG, Sent, b64, b64url, joined, mac, sha256

# --- tokens ---------------------------------------------------------------------------------------------------------


def _claims(now: float, **more: object) -> dict[str, object]:
    claims = {"iss": "API7Zn", "nbf": int(now), "exp": int(now) + 300, "sha256": b64(sha256(BODY))} | more
    return {name: value for name, value in claims.items() if value is not None}


def _livekit(key: object = SECRET, algorithm: str = "HS256", **more: object) -> Callable[[float], Sent]:
    """A token with other claims; functions are asked with the time."""

    def sent(now: float) -> Sent:
        claims = _claims(now, **{name: value(now) if callable(value) else value for name, value in more.items()})
        return Sent((("Authorization", token(claims, key, algorithm)),))

    return sent


def _by_hand(header: Mapping[str, object], *, key: str | bytes | None = SECRET) -> Callable[[float], Sent]:
    """A token whose header no library writes; without a key it has no signature."""

    def sent(now: float) -> Sent:
        parts = [b64url(json.dumps(part).encode()) for part in (header, _claims(now))]
        signature = "" if key is None else b64url(mac(key, ".".join(parts)))
        return Sent((("Authorization", ".".join((*parts, signature))),))

    return sent


def _altered(change: Callable[[str], str]) -> Callable[[float], Sent]:
    return usual("livekit", lambda sent: sent.having(("Authorization", change(sent.value("Authorization")))))


_ATTACKER = {"kty": "oct", "k": b64url(WRONG.encode())}
_LIVEKIT: tuple[Odd, ...] = (
    ("no algorithm", False, _by_hand({"alg": "none"}, key=None)),
    ("no algorithm, signed", False, _by_hand({"alg": "none"})),
    ("no algorithm in other letters", False, _by_hand({"alg": "nOnE"}, key=None)),
    ("no word of the algorithm", False, _by_hand({"typ": "JWT"})),
    ("an empty algorithm", False, _by_hand({"alg": ""})),
    ("an algorithm in small letters", False, _by_hand({"alg": "hs256"})),
    ("a list of algorithms", False, _by_hand({"alg": ["HS256"]})),
    ("no signature", False, _by_hand({"alg": "HS256"}, key=None)),
    ("a longer hash", False, _livekit(algorithm="HS512")),
    ("an algorithm of public keys", False, _livekit(key=rsa_of(SECRET), algorithm="RS256")),
    ("a key's name that is a path", True, _by_hand({"alg": "HS256", "kid": "../../../../dev/null"})),
    ("a key's name that is SQL", True, _by_hand({"alg": "HS256", "kid": "x' UNION SELECT 'k"})),
    ("the empty key of a path", False, _by_hand({"alg": "HS256", "kid": "/dev/null"}, key="")),
    ("a key that it brings along", False, _by_hand({"alg": "HS256", "jwk": _ATTACKER}, key=WRONG)),
    ("the address of a key", False, _by_hand({"alg": "HS256", "jku": "https://evil.example.org/k"}, key=WRONG)),
    ("an extension that must be known", False, _by_hand({"alg": "HS256", "crit": ["exp2"], "exp2": 1})),
    ("a payload that is not encoded", False, _by_hand({"alg": "HS256", "b64": False, "crit": ["b64"]})),
    ("just expired within the leeway", True, _livekit(exp=lambda now: int(now) - 50)),
    ("expired", False, _livekit(exp=lambda now: int(now) - 61)),
    ("not valid yet within the leeway", True, _livekit(nbf=lambda now: int(now) + 50)),
    ("not valid yet", False, _livekit(nbf=lambda now: int(now) + 70)),
    ("issued in the future", False, _livekit(iat=lambda now: int(now) + 70)),
    ("an end that is text", False, _livekit(exp="never")),
    ("an end that is true", False, _livekit(exp=True)),
    ("an end of 400 digits", False, _livekit(exp=10**400)),
    ("an end before time", False, _livekit(exp=-1)),
    ("another issuer", False, _livekit(iss="API8Zn")),
    ("no issuer", False, _livekit(iss=None)),
    ("a list of issuers", False, _livekit(iss=["API7Zn"])),
    ("an audience that is not ours", False, _livekit(aud="another")),
    ("the hash of another body", False, _livekit(sha256=b64(sha256(b"{}")))),
    ("no hash", False, _livekit(sha256=None)),
    ("a hash that is a number", False, _livekit(sha256=7)),
    ("its hash as hex", False, _livekit(sha256=sha256(BODY).hex())),
    ("its hash without padding", False, _livekit(sha256=b64(sha256(BODY)).rstrip("="))),
    ("a fourth part", False, _altered(lambda value: f"{value}.e30")),
    ("padding", False, _altered(lambda value: f"{value}=")),
    ("another payload", False, _altered(lambda value: f"{value[: value.index('.')]}.e30{value[value.rindex('.') :]}")),
    ("the word Bearer", False, _altered(lambda value: f"Bearer {value}")),
    ("three points", False, _altered(lambda _value: "...")),
    ("a thousand points", False, _altered(lambda _value: "." * 1000)),
    ("deep brackets", False, _altered(lambda _value: f"{b64url(b'[' * 4000)}.e30.e30")),
)


def _confused(public: str, sent: Callable[[str], str]) -> Callable[[float], Sent]:
    """A token that is signed with the public key for a secret."""

    def made(now: float) -> Sent:
        claims = {"iat": int(now), "exp": int(now) + 60, "hash": sha256(BODY).hex()}
        claims["request_body_sha256"] = claims["hash"]
        parts = [b64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        signed = ".".join(parts)
        value = f"{signed}.{b64url(mac(public, signed))}"
        return Sent(((sent("header"), value),))

    return made


def _wix(algorithm: str) -> Callable[[float], Sent]:
    def sent(now: float) -> Sent:
        claims = {"iat": int(now), "exp": int(now) + 60, "hash": sha256(BODY).hex()}
        return Sent((("X-Token", jwt.encode(claims, rsa_of(SECRET), algorithm)),))

    return sent


_WIX: tuple[Odd, ...] = (
    ("the public key for a secret", False, _confused(pem_of(rsa_of(SECRET)), lambda _word: "X-Token")),
    (
        "the public key without its last line end",
        False,
        _confused(pem_of(rsa_of(SECRET)).strip(), lambda _word: "X-Token"),
    ),
    ("another hash", False, _wix("RS512")),
    ("another padding", False, _wix("PS256")),
)
_PLAID: tuple[Odd, ...] = (
    ("the public key for a secret", False, _confused(pem_of(ec_of(SECRET)), lambda _word: "Plaid-Verification")),
)


def _vonage(change: Callable[[str], str]) -> Callable[[float], Sent]:
    return usual("vonage", lambda sent: sent.having(("Authorization", change(sent.value("Authorization")))))


_VONAGE: tuple[Odd, ...] = (
    ("bearer in small letters", False, _vonage(lambda value: value.replace("Bearer", "bearer"))),
    ("two blanks", False, _vonage(lambda value: value.replace(" ", "  "))),
    ("only the word", False, _vonage(lambda _value: "Bearer")),
    ("the word twice", False, _vonage(lambda value: f"Bearer {value}")),
)

# --- public keys ----------------------------------------------------------------------------------------------------


def _discord(made: Callable[[bytes], bytes]) -> Callable[[float], Sent]:
    def sent(now: float) -> Sent:
        text = seconds(now)
        return Sent((("X-Signature-Ed25519", made(joined(text, BODY)).hex()), ("X-Signature-Timestamp", text)))

    return sent


_ORDER = 2**252 + 27742317777372353535851937790883648493


def _twisted(signed: bytes) -> bytes:
    """Its second half with the group's order added, which lax libraries take."""
    made = ed25519_of(SECRET).sign(signed)
    return made[:32] + (int.from_bytes(made[32:], "little") + _ORDER).to_bytes(32, "little")


_DISCORD: tuple[Odd, ...] = (
    ("zeros", False, _discord(lambda _signed: bytes(64))),
    ("its second half made larger", False, _discord(_twisted)),
    ("half a signature", False, _discord(lambda signed: ed25519_of(SECRET).sign(signed)[:32])),
    ("a byte more", False, _discord(lambda signed: ed25519_of(SECRET).sign(signed) + b"\0")),
    ("a keyed hash with the public key", False, _discord(lambda signed: mac(bytes(32), signed) * 2)),
)


def _sendgrid(made: Callable[[bytes], bytes]) -> Callable[[float], Sent]:
    name, body = "X-Twilio-Email-Event-Webhook", b'[{"event":"open"}]\r\n'

    def sent(now: float) -> Sent:
        headers = ((f"{name}-Signature", b64(made(joined(seconds(now), body)))), (f"{name}-Timestamp", seconds(now)))
        return Sent(headers, body)

    return sent


def _by_ec(signed: bytes, hash_: hashes.HashAlgorithm | None = None) -> bytes:
    return ec_of(SECRET).sign(signed, ec.ECDSA(hash_ or hashes.SHA256()))


def _bare(signed: bytes) -> bytes:
    """The two numbers one after the other, as JWTs have them."""
    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(_by_ec(signed)))


_SENDGRID: tuple[Odd, ...] = (
    ("as it should be", True, _sendgrid(_by_ec)),
    ("two bare numbers", False, _sendgrid(_bare)),
    ("a byte more", False, _sendgrid(lambda signed: _by_ec(signed) + b"\0")),
    ("two zeros", False, _sendgrid(lambda _signed: bytes.fromhex("3006020100020100"))),
    ("another hash", False, _sendgrid(lambda signed: _by_ec(signed, hashes.SHA512()))),
)


def _freshchat(pad: padding.AsymmetricPadding, hash_: hashes.HashAlgorithm) -> Callable[[float], Sent]:
    return lambda _now: Sent((("X-Freshchat-Signature", b64(rsa_of(SECRET).sign(BODY, pad, hash_))),))


_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
_FRESHCHAT: tuple[Odd, ...] = (
    ("as it should be", True, _freshchat(padding.PKCS1v15(), hashes.SHA256())),
    ("another hash", False, _freshchat(padding.PKCS1v15(), hashes.SHA512())),
    ("another padding", False, _freshchat(_PSS, hashes.SHA256())),
    ("zeros", False, still(Sent((("X-Freshchat-Signature", b64(bytes(256))),)))),
)
_PAYPAL: tuple[Odd, ...] = (
    ("another algorithm", False, usual("paypal", lambda sent: sent.having(("PAYPAL-AUTH-ALGO", "SHA1withRSA")))),
    ("no word of the algorithm", False, usual("paypal", lambda sent: sent.without("PAYPAL-AUTH-ALGO"))),
    ("another id", False, usual("paypal", lambda sent: sent.having(("PAYPAL-TRANSMISSION-ID", "x")))),
    ("no id", False, usual("paypal", lambda sent: sent.without("PAYPAL-TRANSMISSION-ID"))),
)

# --- in the body, and words -----------------------------------------------------------------------------------------


def _graph(*words: str | None) -> Callable[[float], Sent]:
    return still(graph(b"me/messages", *words))


def _raw(body: str) -> Callable[[float], Sent]:
    return still(Sent((), body.encode()))


_GRAPH: tuple[Odd, ...] = (
    ("one element", True, _graph(SECRET)),
    ("a hundred elements", True, _graph(*[SECRET] * 100)),
    ("the last one wrong", False, _graph(SECRET, SECRET, WRONG)),
    ("the first one wrong", False, _graph(WRONG, SECRET, SECRET)),
    ("one without", False, _graph(SECRET, None, SECRET)),
    ("none with", False, _graph(None, None)),
    ("an empty word", False, _graph("")),
    ("no element", False, _raw('{"value": []}')),
    ("no list", False, _raw('{"value": {"clientState": "' + SECRET + '"}}')),
    ("nothing", False, _raw("{}")),
    ("the word outside", False, _raw('{"value": [{}], "clientState": "' + SECRET + '"}')),
    ("the word is null", False, _raw('{"value": [{"clientState": null}]}')),
    ("the word is a list", False, _raw('{"value": [{"clientState": ["' + SECRET + '"]}]}')),
    ("elements that are words", False, _raw('{"value": ["' + SECRET + '"]}')),
    ("the word twice", False, _raw('{"value": [{"clientState": "a", "clientState": "' + SECRET + '"}]}')),
    ("broken JSON", False, _raw('{"value": [{"clientState": "' + SECRET + '"}')),
)


def _mailgun(change: Callable[[dict[str, object]], object]) -> Callable[[float], Sent]:
    """Mailgun's body with other values beside its signature."""

    def sent(now: float) -> Sent:
        body = json.loads(mailgun(b"opened", SECRET, now, f"odd{seconds(now)}").body)
        change(body["signature"])
        return Sent((), json.dumps(body).encode())

    return sent


_MAILGUN: tuple[Odd, ...] = (
    ("another token", False, _mailgun(lambda part: part.update(token="a"))),
    ("no token", False, _mailgun(lambda part: part.pop("token"))),
    ("a token that is null", False, _mailgun(lambda part: part.update(token=None))),
    ("a signature that is a list", False, _mailgun(lambda part: part.update(signature=[part["signature"]]))),
    ("a time that is a number", True, _mailgun(lambda part: part.update(timestamp=int(str(part["timestamp"]))))),
    ("a time that is broken", False, _mailgun(lambda part: part.update(timestamp=float(str(part["timestamp"]))))),
    ("a signature in capitals", False, _mailgun(lambda part: part.update(signature=str(part["signature"]).upper()))),
    ("a list", False, _raw("[]")),
    ("a word", False, _raw('"signature"')),
    ("deep brackets", False, _raw("[" * 5000)),
)
_MAILGUN_FORM: tuple[Odd, ...] = (
    (
        "its signature twice",
        False,
        usual("mailgun inbound", lambda sent: replace(sent, body=sent.body + b"&signature=00")),
    ),
    (
        "its token twice",
        False,
        usual("mailgun inbound", lambda sent: replace(sent, body=sent.body + b"&token=f4a9d1c2")),
    ),
    ("JSON", False, _raw('{"signature": "a"}')),
)
_DROPBOX_SIGN: tuple[Odd, ...] = (
    ("its field twice", False, usual("dropbox sign", lambda sent: replace(sent, body=sent.body + b"&json=%7B%7D"))),
    ("a field that is no JSON", False, _raw("json=%7B")),
    ("no field", False, _raw("other=1")),
)


def _basic(value: str) -> Callable[[float], Sent]:
    return still(Sent((("Authorization", value),)))


def _pair(user: str, password: str) -> str:
    return b64(f"{user}:{password}".encode())


_PASSWORD = f"{SECRET}:ü"
_POSTMARK: tuple[Odd, ...] = (
    ("another user", False, _basic(f"Basic {_pair('admin', _PASSWORD)}")),
    ("no user", False, _basic(f"Basic {_pair('', _PASSWORD)}")),
    ("no password", False, _basic(f"Basic {_pair('postmark', '')}")),
    ("half of the password", False, _basic(f"Basic {_pair('postmark', SECRET)}")),
    ("another alphabet", False, _basic(f"Basic {b64(f'postmark:{_PASSWORD}'.encode('latin-1'))}")),
    ("without its padding", False, _basic(f"Basic {_pair('postmark', _PASSWORD).rstrip('=')}!")),
    ("not encoded", False, _basic(f"Basic postmark:{SECRET}")),
    ("another scheme", False, _basic(f"Bearer {_pair('postmark', _PASSWORD)}")),
    ("only the word", False, _basic("Basic")),
    (
        "twice",
        False,
        still(Sent((("Authorization", f"Basic {_pair('postmark', _PASSWORD)}"),) * 2)),
    ),
)


def _parameter(raw_query: str) -> Callable[[float], Sent]:
    return still(Sent((), b"type=subscribe", raw_query))


_MAILCHIMP: tuple[Odd, ...] = (
    ("escaped", True, _parameter(f"token=%{ord(SECRET[0]):X}{SECRET[1:]}")),
    ("twice", False, _parameter(f"token={SECRET}&token={SECRET}")),
    ("twice, one wrong", False, _parameter(f"token={SECRET}&token=x")),
    ("empty", False, _parameter("token=")),
    ("without a value", False, _parameter("token")),
    ("another name", False, _parameter(f"Token={SECRET}")),
    ("a name with brackets", False, _parameter(f"token[]={SECRET}")),
    ("a blank behind", False, _parameter(f"token={SECRET}%20")),
    ("an end of text behind", False, _parameter(f"token={SECRET}%00")),
    ("escapes that are no text", False, _parameter("token=%FF%FE")),
    ("half of it", False, _parameter(f"token={SECRET[:20]}")),
)

ODDS: Mapping[str, tuple[Odd, ...]] = {
    "livekit": _LIVEKIT,
    "wix": _WIX,
    "plaid": _PLAID,
    "vonage": _VONAGE,
    "discord": _DISCORD,
    "sendgrid": _SENDGRID,
    "freshchat": _FRESHCHAT,
    "paypal": _PAYPAL,
    "graph": _GRAPH,
    "mailgun": _MAILGUN,
    "mailgun inbound": _MAILGUN_FORM,
    "dropbox sign": _DROPBOX_SIGN,
    "postmark": _POSTMARK,
    "mailchimp": _MAILCHIMP,
}
