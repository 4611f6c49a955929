"""Blocks of the sheet's form put together at random, and for each a sender: believed until anything changes.

The rows are what senders do today; this is what the form allows besides.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from bridge.sources import AnyScheme, parse_verification, verify
from tests.sources.vectors.request import FORM, JSON, NOW_S, b64, mac

BLOCKS = 150
PATH = "/hooks/x"
TEXTS = ("a", "ä", "x y", "1", "", "%", "&=", "€", "a+b", "Z", "_")
KEYS: Mapping[str, Callable[[bytes], str]] = {
    "text": bytes.hex,
    "hex": bytes.hex,
    "base64": b64,
    "base64url": lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
}
WRITTEN: Mapping[str, Callable[[bytes], str]] = {name: write for name, write in KEYS.items() if name != "text"}
TIMES: Mapping[str, Callable[[int], str]] = {
    "s": str,
    "ms": lambda moment: str(moment * 1000),
    "iso8601": lambda moment: datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
}


@dataclass(frozen=True)
class Drawn:
    """A block and one request that its sender makes."""

    block: Mapping[str, Any]
    scheme: AnyScheme
    secret_index: int
    pieces: frozenset[str]
    limits_s: tuple[int, int] | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    query: tuple[tuple[str, str], ...]
    method: str = "POST"
    now_ms: int = NOW_S * 1000

    @property
    def raw_query(self) -> str:
        return "&".join(f"{quote(name)}={quote(value)}" for name, value in self.query)

    def verdict(self) -> Any:
        return verify(
            self.scheme,
            headers=[*self.headers, ("Content-Type", FORM if self.body[:1] != b"{" else JSON)],
            query=self.query,
            body=self.body,
            now_ms=self.now_ms,
            method=self.method,
            raw_query=self.raw_query,
        )


@dataclass
class Sender:
    """Draws the parts of one block, and what is sent for them."""

    draw: Random
    block: dict[str, Any] = field(default_factory=dict)
    values: dict[str, bytes] = field(default_factory=dict)
    headers: list[tuple[str, str]] = field(default_factory=list)
    query: list[tuple[str, str]] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    stamped: dict[str, str] = field(default_factory=dict)
    limits_s: tuple[int, int] | None = None

    def made(self) -> Drawn:
        key, index = self._key()
        place = self.draw.choice(["header", "header", "header_pattern", "query"])
        split = self.draw.choice([None, ",", ";", " ", ", "]) if place == "header" else None
        name = self.draw.choice([None, "v1"]) if split else None
        prefix = "v1," if split == " " and name is None else self.draw.choice(["", "v0=", "HMAC "]) if not split else ""
        encoding = self.draw.choice(sorted(WRITTEN))
        self._time(name)
        body = self._body()
        pieces = self._pieces(body, url=place != "query")
        joint = self.draw.choice(["", ".", ":", "|", "\n"])
        self.block["message"] = joint.join(pieces)
        text = joint.encode().join(self.values[piece] if piece != "{secret}" else key for piece in pieces)
        self._sign(place, split, name, prefix, encoding, self._hash(key, text))
        scheme = parse_verification(self.block)
        headers, query = tuple(self.headers), tuple(self.query)
        return Drawn(self.block, scheme, index, frozenset(pieces), self.limits_s, headers, body, query)

    def _key(self) -> tuple[bytes, int]:
        form = self.draw.choice(sorted(KEYS))
        raw, other = self.draw.randbytes(24), self.draw.randbytes(24)
        secrets = [KEYS[form](raw)]
        if self.draw.random() < 0.4:
            secrets.insert(0, KEYS[form](other))
        if form != "text" and self.draw.random() < 0.5:
            self.block["strip_prefix"] = "whsec_"
            secrets = [f"whsec_{secret}" for secret in secrets]
        type_, algorithm = self.draw.choice(["hmac", "hash"]), self.draw.choice(["sha1", "sha256", "sha384", "sha512"])
        self.block |= {"type": type_, "algorithm": algorithm, "secrets": secrets, "key": form}
        return secrets[-1].encode() if form == "text" else raw, len(secrets) - 1

    def _hash(self, key: bytes, text: bytes) -> bytes:
        algorithm = self.block["algorithm"]
        if self.block["type"] == "hmac":
            return mac(key, text, algorithm=algorithm)
        return hashlib.new(algorithm, text, usedforsecurity=False).digest()

    def _time(self, element: str | None) -> None:
        places = [None, "header:X-Time", "query:ts", "body", *(["sig:t"] if element else [])]
        place = self.draw.choice(places)
        if place is None:
            return
        unit, past_s = self.draw.choice(sorted(TIMES)), self.draw.choice([0, 5, 300])
        off_s = self.draw.randint(0, past_s)
        written = TIMES[unit](NOW_S - off_s)
        self.limits_s = (off_s, past_s - off_s)
        self.values["{timestamp}"] = written.encode()
        self.block["timestamp"] = {"from": place, "unit": unit, "past_s": past_s, "future_s": 0}
        if place == "header:X-Time":
            self.headers.append((self.draw.choice(["X-Time", "x-time"]), written))
        elif place == "query:ts":
            self.query.append(("ts", written))
        elif place == "sig:t":
            self.elements.append(f"t={written}")
        else:
            self.stamped["t"] = written

    def _body(self) -> bytes:
        is_form = self.draw.random() < 0.5
        if self.stamped:
            self.block["timestamp"]["from"] = "form:t" if is_form else "json:t"
        if not is_form:
            value = {"a": self.draw.choice(TEXTS), "n": 1.5, **self.stamped}
            return json.dumps(value, ensure_ascii=self.draw.random() < 0.5, indent=self.draw.choice([None, 1])).encode()
        fields = [(self.draw.choice("abcA"), self.draw.choice(TEXTS)) for _ in range(5)] + list(self.stamped.items())
        by_name: dict[str, set[str]] = {}
        for name, text in fields:
            by_name.setdefault(name, set()).add(text)
        joined = "".join(name + text for name in sorted(by_name) for text in sorted(by_name[name]))
        self.values["{form_sorted}"] = joined.encode()
        return "&".join(f"{name}={self.draw.choice([quote, quote_plus])(text)}" for name, text in fields).encode()

    def _pieces(self, body: bytes, *, url: bool) -> list[str]:
        self.values["{body}"] = body
        covers = self.draw.choice(["{body}", *(["{form_sorted}"] if "{form_sorted}" in self.values else [])])
        pieces = [covers] + [each for each in ("{timestamp}",) if each in self.values]
        pieces += ["{secret}"] if self.block["type"] == "hash" else []
        self.headers.append((self.draw.choice(["X-Id", "x-id"]), "id1"))
        self.query.append(("q", self.draw.choice(TEXTS)))
        self.values |= {"{method}": b"POST", "{header:X-Id}": b"id1", "{query:q}": self.query[-1][1].encode()}
        pieces += [each for each in ("{method}", "{header:X-Id}", "{query:q}") if self.draw.random() < 0.3]
        if self.draw.random() < 0.3:
            self.block["config"], self.values["{config:C}"] = {"C": "cfg ö"}, "cfg ö".encode()
            pieces.append("{config:C}")
        if url and self.draw.random() < 0.5:
            host = "https://b.example.com" + self.draw.choice(["", ":8443"])
            raw = "&".join(f"{quote(name)}={quote(value)}" for name, value in self.query)
            self.block["url"] = {"public": host + PATH}
            self.values |= {"{url}": f"{host}{PATH}?{raw}".encode(), "{path_query}": f"{PATH}?{raw}".encode()}
            pieces.append(self.draw.choice(["{url}", "{path_query}"]))
        self.draw.shuffle(pieces)
        return pieces

    def _sign(self, place: str, split: str | None, name: str | None, prefix: str, encoding: str, digest: bytes) -> None:
        def written(raw: bytes) -> str:
            return (f"{name}=" if name else "") + prefix + WRITTEN[encoding](raw)

        where = {"header": "header:X-Sig", "header_pattern": "header_pattern:X-Sig-*", "query": "query:sig"}[place]
        self.block["signature"] = {"from": where, "split": split, "field": name, "prefix": prefix, "encoding": encoding}
        right, wrong = written(digest), written(self.draw.randbytes(len(digest)))
        if place == "query":
            self.query.append(("sig", right))
        elif place == "header_pattern":
            self.headers += [("X-Sig-1", wrong), ("x-sig-2", right)]
        else:
            elements = [*self.elements, right, *([wrong, "v9=zz"] if split else [])]
            self.draw.shuffle(elements)
            self.headers.append((self.draw.choice(["X-Sig", "x-sig"]), (split or "").join(elements)))


def changed(good: Drawn) -> dict[str, Drawn]:
    """Requests of which none may be believed."""
    at = len(good.body) // 2
    found = {
        "another byte": replace(good, body=good.body[:at] + bytes([good.body[at] ^ 2]) + good.body[at + 1 :]),
        "a field more": replace(good, body=good.body + b"&zz=1"),
    }
    if good.limits_s is not None:
        before, after = good.limits_s
        found["too late"] = replace(good, now_ms=good.now_ms + after * 1000 + 1)
        found["too early"] = replace(good, now_ms=good.now_ms - before * 1000 - 1)
    if "{method}" in good.pieces:
        found["another method"] = replace(good, method="PUT")
    if "{header:X-Id}" in good.pieces:
        found["a signed header twice"] = replace(good, headers=(*good.headers, ("x-ID", "id1")))
    if good.pieces & {"{url}", "{path_query}"}:
        found["a longer address"] = replace(good, query=(*good.query, ("z", "1")))
    if "{query:q}" in good.pieces:
        found["a signed parameter twice"] = replace(good, query=(*good.query, ("q", "1")))
    signatures = [pair for pair in good.headers if pair[0].lower().startswith("x-sig")]
    if signatures:
        found["a signature twice"] = replace(good, headers=(*good.headers, signatures[-1]))
        found["no signature"] = replace(good, headers=tuple(each for each in good.headers if each not in signatures))
    other = {**good.block, "secrets": [KEYS[good.block["key"]](b"another key, all the same")]}
    found["another key"] = replace(good, scheme=parse_verification(other))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_what_the_form_allows_means_what_it_says(seed: int) -> None:
    draw = Random(seed)  # noqa: S311 - the same blocks each time
    for _ in range(BLOCKS):
        good = Sender(draw).made()
        verdict = good.verdict()
        assert verdict.ok, (verdict, good)
        assert verdict.secret_index == good.secret_index
        if good.limits_s is not None:
            assert replace(good, now_ms=good.now_ms + good.limits_s[1] * 1000).verdict().ok
        for title, bad in changed(good).items():
            assert not bad.verdict().ok, (title, bad)
