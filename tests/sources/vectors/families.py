"""What an outsider does to the request of any sender, and what has to come of it."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from tests.sources.vectors.hashes_with_times import UNITS
from tests.sources.vectors.request import SECRET, WRITTEN, WRONG, Row, Sent

Where = Literal["everywhere", "verify"]

LARGEST = b'{"a":"' + b"x" * (2**20 - 8) + b'"}'
"""What the daemon takes unless told otherwise, 1 MiB."""


@dataclass(frozen=True)
class Vector:
    """One request and its verdict.

    Attributes:
        title: what is done to it.
        sent: Unix seconds of now -> the request.
        ok: whether it is believed.
        where: `verify` for what a clock that goes on or HTTP itself does not let through unchanged.
        secrets: the block's, if not the usual one.
        index: which of them matched.
        is_readable: whether a believed body is JSON as well, so that a door stores it.
    """

    title: str
    sent: Callable[[float], Sent]
    ok: bool
    where: Where = "everywhere"
    secrets: Sequence[str] = (SECRET,)
    index: int = 0
    is_readable: bool = True


def of(row: Row) -> Iterator[Vector]:
    """All vectors that the row's kind of signature allows."""
    yield from _of_any(row)
    yield from _of_bodies(row)
    if row.header is not None:
        yield from _of_headers(row, row.header)
        if "encoding" in row.signature and "split" not in row.signature:
            yield from _of_spellings(row, row.header)
        if "split" in row.signature:
            yield from _of_candidates(row, row.header)
    if row.limits is not None:
        yield from _of_times(row)


def _signed(row: Row, body: bytes | None = None, secret: str = SECRET, *, off_s: float = 0) -> Callable[[float], Sent]:
    return lambda now_s: row.sent(row.body if body is None else body, secret, now_s + off_s)


def _changed(row: Row, change: Callable[[Sent], Sent]) -> Callable[[float], Sent]:
    return lambda now_s: change(row.sent(row.body, SECRET, now_s))


def _revalued(row: Row, header: str, change: Callable[[str], str]) -> Callable[[float], Sent]:
    return _changed(row, lambda sent: sent.having((header, change(sent.value(header)))))


def _of_any(row: Row) -> Iterator[Vector]:
    yield Vector("valid", _signed(row), ok=True)
    yield Vector("header names in capitals", _changed(row, lambda sent: _renamed(sent, str.upper)), ok=True)
    yield Vector("header names in small letters", _changed(row, lambda sent: _renamed(sent, str.lower)), ok=True)
    yield Vector("nothing but the body", lambda _now_s: Sent((), row.body), ok=False)
    if row.credentials("x"):
        yield Vector("wrong secret", _signed(row, secret=WRONG), ok=False)
        yield Vector("the second secret", _signed(row), ok=True, where=_once(row), secrets=(WRONG, SECRET), index=1)
        yield Vector("the first secret", _signed(row), ok=True, where=_once(row), secrets=(SECRET, WRONG))
        yield Vector("a third secret", _signed(row), ok=False, where=_once(row), secrets=(WRONG, WRONG[::-1]))


def _renamed(sent: Sent, change: Callable[[str], str]) -> Sent:
    return replace(sent, headers=tuple((change(name), value) for name, value in sent.headers))


def _of_bodies(row: Row) -> Iterator[Vector]:
    if not row.covers_body:
        return
    if row.media_type == "application/json" and b"NOW" not in row.body:
        yield Vector("an empty body", _signed(row, b""), ok=True, is_readable=False)
        yield Vector("bytes that are no text", _signed(row, b"\xff\xfe\x00\x80"), ok=True, is_readable=False)
        yield Vector("broken JSON", _signed(row, b'{"kind": '), ok=True, is_readable=False)
        yield Vector("a mark of the byte order in front", _tampered(row, lambda body: b"\xef\xbb\xbf" + body), ok=False)
        if b" " in row.body:
            yield Vector("written again", _tampered(row, lambda body: body.replace(b" ", b"")), ok=False)
        yield Vector("the largest body", _signed(row, LARGEST), ok=True, where=_once(row))
    yield Vector("one more byte", _tampered(row, lambda body: body + b"\n&a=1"), ok=False)
    if row.body:
        yield Vector("another first byte", _tampered(row, lambda body: bytes([body[0] ^ 1]) + body[1:]), ok=False)
        yield Vector("a byte less", _tampered(row, lambda body: body[:-1]), ok=False)
        yield Vector("no body any more", _tampered(row, lambda _body: b""), ok=False)


def _once(row: Row) -> Where:
    """One door is enough for what costs much: a large body, a source more."""
    return "everywhere" if row.name == "github" else "verify"


def _tampered(row: Row, change: Callable[[bytes], bytes]) -> Callable[[float], Sent]:
    return _changed(row, lambda sent: replace(sent, body=change(sent.body)))


def _of_headers(row: Row, header: str) -> Iterator[Vector]:
    yield Vector("no signature", _changed(row, lambda sent: sent.without(header)), ok=False)
    yield Vector("an empty signature", _revalued(row, header, lambda _value: ""), ok=False)
    yield Vector("a blank for a signature", _revalued(row, header, lambda _value: " "), ok=False)
    yield Vector("a letter less", _revalued(row, header, lambda value: value[:-1]), ok=False)
    yield Vector("half of it", _revalued(row, header, lambda value: value[: len(value) // 2]), ok=False)
    yield Vector("the last letter only", _revalued(row, header, lambda value: value[-1]), ok=False)
    yield Vector("a letter that is not ASCII", _revalued(row, header, lambda value: value + "é"), ok=False)
    yield Vector("wide digits", _revalued(row, header, _widened), ok=False)
    yield Vector("the word none", _revalued(row, header, lambda _value: "none"), ok=False)
    yield Vector(
        "the same header twice", _changed(row, lambda sent: _again(sent, header, sent.value(header))), ok=False
    )
    yield Vector("twice, the second wrong", _changed(row, lambda sent: _again(sent, header, "AAAA")), ok=False)
    yield Vector("twice, the first wrong", _changed(row, lambda sent: _before(sent, header, "AAAA")), ok=False)
    yield Vector("once more in capitals", _changed(row, lambda sent: _again(sent, header.swapcase(), "AAAA")), ok=False)
    if "split" not in row.signature:
        yield Vector("joined by a comma", _revalued(row, header, lambda value: f"{value},{value}"), ok=False)
        yield Vector("joined by a proxy", _revalued(row, header, lambda value: f"{value}, {value}"), ok=False)
        yield Vector("a blank in front", _revalued(row, header, lambda value: f" {value}"), ok=False, where="verify")
        yield Vector("a blank behind", _revalued(row, header, lambda value: f"{value} "), ok=False, where="verify")
        yield Vector("a line feed behind", _revalued(row, header, lambda value: f"{value}\n"), ok=False, where="verify")
        yield Vector("a tab inside", _revalued(row, header, lambda value: f"{value[:9]}\t{value[9:]}"), ok=False)
        yield Vector("in quotes", _revalued(row, header, lambda value: f'"{value}"'), ok=False)
    prefix = row.signature.get("prefix")
    if prefix:
        yield Vector("without its prefix", _revalued(row, header, lambda value: value.removeprefix(prefix)), ok=False)
        yield Vector("its prefix twice", _revalued(row, header, lambda value: prefix + value), ok=False)
        yield Vector(
            "its prefix in capitals",
            _revalued(row, header, lambda value: value.replace(prefix, prefix.upper())),
            ok=prefix.isupper(),
        )


def _widened(value: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in value) + "\uff11"


def _again(sent: Sent, header: str, value: str) -> Sent:
    return replace(sent, headers=(*sent.headers, (header, value)))


def _before(sent: Sent, header: str, value: str) -> Sent:
    return replace(sent, headers=((header, value), *sent.headers))


def _of_spellings(row: Row, header: str) -> Iterator[Vector]:
    """Other spellings of the same bytes: each signature has one."""
    prefix, encoding = row.signature.get("prefix", ""), row.signature["encoding"]
    for title, respell in _respelled(encoding):
        yield Vector(title, _respelling(row, header, respell), ok=False)
    if prefix in {"sha256=", "sha1="}:
        other = "sha1=" if prefix == "sha256=" else "sha256="
        yield Vector(
            "named for another hash", _revalued(row, header, lambda value: value.replace(prefix, other)), ok=False
        )


def _respelling(row: Row, header: str, respell: Callable[[bytes], str]) -> Callable[[float], Sent]:
    prefix, encoding = row.signature.get("prefix", ""), row.signature["encoding"]
    return _revalued(row, header, lambda value: prefix + respell(_bytes(value, prefix, encoding)))


def _bytes(value: str, prefix: str, encoding: str) -> bytes:
    text = value.removeprefix(prefix)
    if encoding == "hex":
        return bytes.fromhex(text)
    return base64.b64decode(text) if encoding == "base64" else base64.urlsafe_b64decode(text + "==")


def _respelled(encoding: str) -> Sequence[tuple[str, Callable[[bytes], str]]]:
    if encoding == "hex":
        return (
            ("hex in capitals", lambda raw: raw.hex().upper()),
            ("hex with one capital", lambda raw: raw.hex().replace("a", "A").replace("b", "B").replace("c", "C")),
            ("hex with a prefix of its own", lambda raw: f"0x{raw.hex()}"),
            ("hex with colons", lambda raw: raw.hex(":")),
            ("hex with blanks", lambda raw: raw.hex(" ")),
            ("base64 in place of hex", WRITTEN["base64"]),
            ("hex of fewer bytes", lambda raw: raw[:-1].hex()),
            ("hex of more bytes", lambda raw: raw.hex() + "00"),
        )
    return (
        ("hex in place of base64", bytes.hex),
        ("base64 without its padding", lambda raw: WRITTEN["base64"](raw).rstrip("=")[: None if len(raw) % 3 else -1]),
        ("base64 with more padding", lambda raw: WRITTEN["base64"](raw) + "="),
        ("base64 with stray bits", _stray),
        ("base64 with letters of addresses", lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=") + "-_"),
        ("base64 with a tab inside", lambda raw: WRITTEN["base64"](raw)[:8] + "\t" + WRITTEN["base64"](raw)[8:]),
        ("base64 with junk inside", lambda raw: WRITTEN["base64"](raw)[:8] + "!" + WRITTEN["base64"](raw)[8:]),
        ("base64 of base64", lambda raw: WRITTEN["base64"](WRITTEN["base64"](raw).encode())),
        ("base64 of fewer bytes", lambda raw: WRITTEN["base64"](raw[:-3])),
    )


def _stray(raw: bytes) -> str:
    """The same bytes with another last letter, or one byte more where no bits are left over."""
    text = WRITTEN["base64"](raw)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bare = text.rstrip("=")
    if bare == text:
        return text + "AA=="
    return bare[:-1] + letters[letters.index(bare[-1]) + 1] + "=" * (len(text) - len(bare))


def _of_candidates(row: Row, header: str) -> Iterator[Vector]:
    """Several signatures in one header, of which one is right."""
    split = row.signature["split"]
    start = f"{row.signature['field']}=" if "field" in row.signature else row.signature.get("prefix", "")
    junk = start + WRITTEN[row.signature.get("encoding", "hex")](
        b"\0" * (64 if row.verify["type"] == "ed25519" else 32)
    )

    def among(first: int, last: int) -> Callable[[float], Sent]:
        """So many wrong ones before it, and after it."""

        def change(value: str) -> str:
            elements = value.split(split)
            rest = [each for each in elements if not each.startswith(start)]
            right = elements[-1]
            return split.join([*rest, *[junk] * first, right, *[junk] * last])

        return _revalued(row, header, change)

    for count in (2, 5, 20):
        yield Vector(f"first of {count}", among(0, count - 1), ok=True)
        yield Vector(f"in the middle of {count}", among(count // 2, count - 1 - count // 2), ok=True)
        yield Vector(f"last of {count}", among(count - 1, 0), ok=True)
    yield Vector("last of 21", among(20, 0), ok=False)
    yield Vector("last of 100", among(99, 0), ok=False, where="verify")
    yield Vector("last of 1,000", among(999, 0), ok=False, where="verify")
    for other in ("v0=", "v0,", "v2,", "v1b,", "h2="):
        if not start.startswith(other):
            beside = split + other + WRITTEN["base64"](b"\1" * 32)
            yield Vector(f"`{other}` beside it", _revalued(row, header, partial(_followed, beside)), ok=True)
    yield Vector("an empty element beside it", _revalued(row, header, lambda value: f"{value}{split}{split}"), ok=True)
    yield Vector(
        "a name without a value beside it", _revalued(row, header, lambda value: f"{value}{split}{start}"), ok=True
    )
    yield Vector(
        "the whole header once more",
        _revalued(row, header, lambda value: f"{value}{split}{value}"),
        ok="sig" not in str(row.limits),
    )
    if start:
        yield Vector(
            "under another name", _revalued(row, header, lambda value: value.replace(start, "v9" + start[2:])), ok=False
        )
    yield Vector("only its names", _revalued(row, header, lambda _value: f"t=1{split}{start}"), ok=False)


def _followed(end: str, value: str) -> str:
    return value + end


TIMES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("none", lambda _now: ""),
    ("not a number", lambda _now: "NaN"),
    ("endless", lambda _now: "inf"),
    ("endless before", lambda _now: "-inf"),
    ("a power", lambda _now: "1e9"),
    ("a power that fits", lambda now: f"{now[0]}.{now[1:]}e{len(now) - 1}"),
    ("a plus", lambda now: f"+{now}"),
    ("a small plus", lambda _now: "+5"),
    ("a minus", lambda now: f"-{now}"),
    ("wide digits", lambda now: _widened(now)[: len(now)]),
    ("Arabic digits", lambda now: "".join(chr(0x660 + int(digit)) if digit.isdigit() else digit for digit in now)),
    ("an underscore", lambda now: f"{now[0]}_{now[1:]}"),
    ("a fraction", lambda now: f"{now}.0"),
    ("a comma", lambda now: f"{now[0]},{now[1:]}"),
    ("hexadecimal", lambda now: hex(int(now)) if now.isdigit() else "0x0"),
    ("a word", lambda _now: "now"),
    ("17 digits", lambda now: now.rjust(17, "0") if now.isdigit() else "0" * 17),
    ("many digits", lambda now: now * 40),
    ("twice", lambda now: f"{now},{now}"),
    ("a blank inside", lambda now: f"{now[:4]} {now[4:]}"),
    ("a zone in words", lambda now: now.replace("Z", " UTC") if "Z" in now else f"{now}Z"),
)
BLANKS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("a blank in front", lambda now: f" {now}"),
    ("a blank behind", lambda now: f"{now} "),
    ("a line feed behind", lambda now: f"{now}\n"),
    ("a hard blank behind", lambda now: f"{now}\u00a0"),
)
"""HTTP takes the first two away around a header's value."""


def _of_times(row: Row) -> Iterator[Vector]:
    """A time that is rightly signed, and is out of the limits or is none."""
    assert row.limits is not None
    yield from _of_limits(row, row.limits)
    if row.verify["type"] == "jwt":
        return
    unit = str(row.limits.get("unit", "s"))
    for other in UNITS:
        if other != unit:
            yield Vector(f"{other} in place of {unit}", _timed(row, other, str), ok=False)
    for title, change in TIMES:
        yield Vector(f"time: {title}", _timed(row, unit, change), ok=False)
    for title, change in BLANKS:
        if not str(row.limits["from"]).startswith("json:"):
            yield Vector(f"time: {title}", _timed(row, unit, change), ok=False, where="verify")
    if row.time is not None:
        yield from _of_time_headers(row, row.time, unit)


def _of_limits(row: Row, limits: Mapping[str, object]) -> Iterator[Vector]:
    past_s, future_s = limits.get("past_s", 300), limits.get("future_s", 300)
    if isinstance(past_s, int):
        yield Vector("just not too old", _signed(row, off_s=-past_s), ok=True, where="verify")
        yield Vector("too old by a second", _signed(row, off_s=-past_s - 1), ok=False)
    yield Vector("of yesterday", _signed(row, off_s=-86_400), ok=past_s is None)
    if isinstance(future_s, int):
        yield Vector("just not too early", _signed(row, off_s=future_s), ok=True, where="verify")
        yield Vector("too early by a second", _signed(row, off_s=future_s + 1), ok=False, where="verify")
        yield Vector("too early by a minute", _signed(row, off_s=future_s + 60), ok=False)


def _of_time_headers(row: Row, time: str, unit: str) -> Iterator[Vector]:
    yield Vector("no time at all", _changed(row, lambda sent: sent.without(time)), ok=False)
    yield Vector("its time twice", _changed(row, lambda sent: _again(sent, time, sent.value(time))), ok=False)
    yield Vector("a time that is not the signed one", _restamped(row, time, unit), ok=False)
    if unit != "iso8601":
        yield Vector("time: 16 digits", _timed(row, unit, lambda now: now.rjust(16, "0")), ok=True)


def _timed(row: Row, unit: str, change: Callable[[str], str]) -> Callable[[float], Sent]:
    return lambda now_s: row.sent(row.body, SECRET, change(UNITS[unit](now_s)))


def _restamped(row: Row, time: str, unit: str) -> Callable[[float], Sent]:
    return lambda now_s: row.sent(row.body, SECRET, now_s).having((time, UNITS[unit](now_s - 2)))
