"""What strangers and broken senders send: no 5xx, no traceback, no echo, nothing stored, and nothing left behind.

Three families, each a table over a plain socket: HTTP framing, JSON, signatures. What each case is worth stands beside
it, so that a new version of the parser that changes its mind is seen.
"""

import asyncio
import gc
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
from aiohttp import web

from bridge.sources import parse_verification, sign
from tests.canaries import ORDERS_SECRET
from tests.conftest import log_text
from tests.web.conftest import MARK, Doors, order

BODY = orjson.dumps(order())
HOST = b"Host: x\r\n"
END = b"\r\n\r\n"


def signed(doors: Doors, body: bytes) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in doors.signed(body))


async def answers(doors: Doors, said: bytes, *, hang_up: bool = False, all_of_them: bool = False) -> bytes:
    """What the server says to these bytes: its first answer, or `all_of_them` until it closes the connection."""
    reader, writer = await doors.dial()
    try:
        writer.write(said)
        if hang_up:
            writer.write_eof()
        if hang_up or all_of_them:
            return await reader.read()
        head = await reader.readuntil(END)
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        return head + await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        return error.partial
    finally:
        writer.close()


def busy() -> set[asyncio.Task[object]]:
    """Connections that are being answered or taken down, and not only kept alive by the client."""
    found = set()
    for task in asyncio.all_tasks():
        frame = getattr(task.get_coro(), "cr_frame", None)
        connection = frame.f_locals.get("self") if frame is not None else None
        if isinstance(connection, web.RequestHandler) and (
            connection.transport is None or connection._current_request is not None
        ):
            found.add(task)
    return found


@asynccontextmanager
async def unharmed(doors: Doors, *, stored: int = 0) -> AsyncIterator[None]:
    """Whatever is said inside, the bridge is as before: it answers, holds nothing, has logged no fault and no echo."""
    yield
    while left := busy():
        await asyncio.wait(left, timeout=0.01)
    assert doors.ingest._accepting == set()
    text = log_text()
    for word in ("Traceback", "http.fault", "admin.fault", MARK):
        assert word not in text
    assert (await doors.world.store.store.books()).accepted == stored
    assert (await doors.post(order(99))).status == 200


def head(*lines: bytes, path: bytes = b"/hooks/orders", method: bytes = b"POST") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
MARKED = MARK.encode()

FRAMING = {
    "two lengths that differ": head(LENGTH, b"Content-Length: 1") + BODY,
    "two lengths that are equal": head(LENGTH, LENGTH) + BODY,
    "a list of lengths": head(b"Content-Length: 5, 5") + BODY,
    "a length and chunks": head(LENGTH, CHUNKED) + CHUNKS,
    "chunks and a length": head(CHUNKED, LENGTH) + CHUNKS,
    "chunks twice": head(CHUNKED, CHUNKED) + CHUNKS,
    "chunks inside gzip": head(b"Transfer-Encoding: gzip, chunked") + CHUNKS,
    "a coding after the chunks": head(b"Transfer-Encoding: chunked, identity") + CHUNKS,
    "an unknown coding": head(b"Transfer-Encoding: " + MARKED) + CHUNKS,
    "a coding with a vertical tab": head(b"Transfer-Encoding: \x0bchunked") + CHUNKS,
    "a blank before the colon": head(b"Content-Length : 5") + BODY,
    "a negative length": head(b"Content-Length: -1") + BODY,
    "a length with a sign": head(b"Content-Length: +5") + BODY,
    "a length in hex": head(b"Content-Length: 0x10") + BODY,
    "a length of twenty digits": head(b"Content-Length: " + b"9" * 20),
    "a length of a thousand digits": head(b"Content-Length: " + b"9" * 1000),
    "a gigabyte": head(b"Content-Length: 1073741824"),
    "a chunk size that is no number": head(CHUNKED) + b"xyz\r\n" + BODY,
    "a negative chunk size": head(CHUNKED) + b"-5\r\n" + BODY,
    "a chunk size of seventeen digits": head(CHUNKED) + b"f" * 17 + b"\r\n" + BODY,
    "a chunk without its end": head(CHUNKED) + b"5\r\nhello0\r\n\r\n",
    "a chunk that is longer than said": head(CHUNKED) + b"2\r\nhello\r\n0\r\n\r\n",
    "an endless chunk extension": head(CHUNKED) + b"5;" + b"a" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
    "a bare line feed in the head": b"POST /hooks/orders HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
    "a bare carriage return in a header": head(b"X-A: a\rb", LENGTH) + BODY,
    "a NUL in a header": head(b"X-A: " + MARKED + b"\0", LENGTH) + BODY,
    "a NUL in a header's name": head(b"X-\0A: b", LENGTH) + BODY,
    "a folded header": head(b"X-A: b\r\n c", LENGTH) + BODY,
    "a header without a name": head(b": b", LENGTH) + BODY,
    "a header without a colon": head(MARKED, LENGTH) + BODY,
    "8-bit bytes in a header": head(b"X-Orders-Signature: \xff\xfe\xc3\xa9", LENGTH) + BODY,
    "8-bit bytes in the path": head(LENGTH, path=b"/hooks/\xff\xfe") + BODY,
    "a NUL in the path": head(LENGTH, path=b"/hooks/or\0ders") + BODY,
    "a blank in the path": head(LENGTH, path=b"/hooks/or ders") + BODY,
    "dots in the path": head(LENGTH, path=b"/x/%2e%2e/hooks/orders") + BODY,
    "an escaped slash": head(LENGTH, path=b"/hooks%2Forders") + BODY,
    "a broken escape": head(LENGTH, path=b"/hooks/%zz%") + BODY,
    "a path of 64 KiB": head(LENGTH, path=b"/" + b"a" * 65_536) + BODY,
    "a query of 64 KiB": head(LENGTH, path=b"/hooks/orders?" + b"a" * 65_536) + BODY,
    "absolute form, elsewhere": head(LENGTH, path=b"http://" + MARKED + b"/" + MARKED) + BODY,
    "absolute form that cannot be read": head(LENGTH, path=b"http://[::1/" + MARKED) + BODY,
    "an address with a wrong port": head(LENGTH, path=b"http://x:99999/hooks/orders") + BODY,
    "authority form": head(method=b"CONNECT", path=b"x:443"),
    "asterisk form": head(method=b"OPTIONS", path=b"*"),
    "two slashes first": head(LENGTH, path=b"//hooks/orders") + BODY,
    "a method in lower case": head(LENGTH, method=b"post") + BODY,
    "a method of our own": head(LENGTH, method=MARKED.upper()) + BODY,
    "a method with a NUL": head(LENGTH, method=b"PO\0ST") + BODY,
    "HTTP/0.9": b"GET /hooks/orders\r\n\r\n",
    "HTTP/2's greeting": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version that does not exist": b"POST /hooks/orders HTTP/7.3\r\n" + HOST + b"\r\n",
    "no Host": b"POST /hooks/orders HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "two Hosts": head(b"Host: " + MARKED, LENGTH) + BODY,
    "an upgrade": head(b"Connection: Upgrade", b"Upgrade: websocket", LENGTH) + BODY,
    "an upgrade to HTTP/2": head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", LENGTH) + BODY,
    "an unknown expectation": head(b"Expect: " + MARKED, LENGTH) + BODY,
    "a header of 32 KiB": head(b"X-A: " + b"a" * 32_768, LENGTH) + BODY,
    "a header's name of 32 KiB": head(b"a" * 32_768 + b": b", LENGTH) + BODY,
    "a thousand headers": head(*(b"X-%d: b" % number for number in range(1_000)), LENGTH) + BODY,
    "a hundred thousand headers": head(*(b"X-%d: b" % number for number in range(100_000)), LENGTH) + BODY,
    "a thousand equal headers": head(*([b"X-A: b"] * 1_000), LENGTH) + BODY,
    "blank lines before the request": b"\r\n" * 100 + head(LENGTH) + BODY,
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARKED + END,
    "an SSH greeting": b"SSH-2.0-" + MARKED + b"\r\n\r\n",
    "nothing but zeros": bytes(100) + END,
}


HTTP_BUT_WRONG = {
    "chunks inside gzip": 401,
    "an endless chunk extension": 401,
    "8-bit bytes in a header": 401,
    "an upgrade": 401,
    "an upgrade to HTTP/2": 401,
    "an unknown expectation": 401,
    "blank lines before the request": 401,
    "dots in the path": 404,
    "an escaped slash": 404,
    "a broken escape": 404,
    "absolute form, elsewhere": 404,
    "authority form": 404,
    "asterisk form": 404,
    "two slashes first": 404,
    "HTTP/0.9": 405,
    "a gigabyte": 413,
}
"""What is HTTP, and refused all the same: without a proof by 401, elsewhere by 404. Everything else is 400."""


def status_of(said: bytes) -> int:
    return int(said.split(b" ", 2)[1])


async def test_no_framing_gets_through_or_leaves_anything_behind(doors: Doors) -> None:
    async with unharmed(doors):
        found = {}
        for name, raw in FRAMING.items():
            said = await answers(doors, raw)
            assert MARKED not in said, name
            assert said.count(b"HTTP/1.1 ") <= 1, name  # a second answer would be to a smuggled request
            found[name] = status_of(said)
        assert found == {name: HTTP_BUT_WRONG.get(name, 400) for name in FRAMING}


async def test_cut_off_anywhere_a_request_is_refused_or_forgotten(doors: Doors) -> None:
    raw = head(LENGTH, *signed(doors, BODY).strip().split(b"\r\n")) + BODY
    async with unharmed(doors):
        for end in range(0, len(raw), 7):
            said = await answers(doors, raw[:end], hang_up=True)
            assert said == b"" or status_of(said) == 400


async def test_requests_one_after_another_are_answered_in_order_and_none_is_smuggled(doors: Doors) -> None:
    proof = signed(doors, BODY).strip().split(b"\r\n")
    good, bad = head(LENGTH, *proof) + BODY, head(LENGTH) + BODY
    last = head(LENGTH, *proof, b"Connection: close") + BODY
    inner = head(b"Content-Length: 0", path=b"/hooks/" + MARKED)
    hidden = head(b"Content-Length: %d" % len(inner)) + inner
    async with unharmed(doors, stored=1):
        said = await answers(doors, good + bad + hidden + last, all_of_them=True)
        assert re.findall(rb"HTTP/1\.[01] ([0-9]+)", said) == [b"200", b"401", b"401", b"200"]
        assert said.count(b'"duplicate":true') == 1
        assert MARKED not in said


async def test_after_an_unread_body_the_connection_ends_so_that_it_is_no_request(doors: Doors) -> None:
    inner = head(b"Content-Length: 0", path=b"/readyz", method=b"GET")
    async with unharmed(doors):
        said = await answers(doors, head(b"Content-Length: 2000000") + inner * 10, all_of_them=True)
        assert said.count(b"HTTP/1.1 ") == 1
        assert status_of(said) == 413


# --- JSON ------------------------------------------------------------------------------------------------------


def with_note(note: bytes) -> bytes:
    return b'{"kind":"placed","id":"o1","customer":"c1","note":' + note + b"}"


REFUSED_JSON = {
    "nothing": b"",
    "blanks": b"  \n",
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "UTF-16": BODY.decode().encode("utf-16"),
    "UTF-32": BODY.decode().encode("utf-32"),
    "Latin-1": with_note(b'"\xe9"'),
    "an overlong slash": with_note(b'"\xc0\xaf"'),
    "a surrogate in UTF-8": with_note(b'"\xed\xa0\x80"'),
    "beyond Unicode": with_note(b'"\xf4\x90\x80\x80"'),
    "cut off": BODY[:-1],
    "cut off in a text": with_note(b'"' + MARKED)[:-1],
    "cut off in an escape": with_note(b'"\\u12'),
    "more after the end": BODY + b"{}",
    "two values": BODY + b"\n" + BODY,
    "the same key twice": with_note(b'1,"note":2'),
    "the same key twice, escaped": with_note(b'1,"\\u006eote":2'),
    "NaN": with_note(b"NaN"),
    "Infinity": with_note(b"Infinity"),
    "minus Infinity": with_note(b"-Infinity"),
    "a number beyond floats": with_note(b"1e999"),
    "a negative number beyond floats": with_note(b"-1e999"),
    "an exponent of a thousand digits": with_note(b"1e" + b"9" * 1_000),
    "a whole number of 5,000 digits": with_note(b"9" * 5_000),
    "a number with a leading zero": with_note(b"0123"),
    "a number with a plus": with_note(b"+1"),
    "a number in hex": with_note(b"0x1f"),
    "a number without its end": with_note(b"1."),
    "a lone high surrogate": with_note(b'"\\ud800"'),
    "a lone low surrogate": with_note(b'"\\udc00"'),
    "surrogates in the wrong order": with_note(b'"\\udc00\\ud800"'),
    "U+0000": with_note(b'"a\\u0000b"'),
    "U+0000 in a key": with_note(b'{"a\\u0000b":1}'),
    "a raw control character": with_note(b'"a\x01b"'),
    "a raw line feed": with_note(b'"a\nb"'),
    "an unknown escape": with_note(b'"\\x41"'),
    "single quotes": b"{'kind':'placed','id':'o1','customer':'c1'}",
    "a trailing comma": with_note(b"1,"),
    "a comment": with_note(b"/* " + MARKED + b" */ 1"),
    "no quotes": b"{kind:placed,id:o1}",
    "65 levels": with_note(b"[" * 64 + b"]" * 64),
    "100,000 levels": with_note(b"[" * 100_000 + b"]" * 100_000),
    "100,000 levels, not closed": b'{"a":' * 100_000,
    "a bare text": b'"' + MARKED + b'"',
    "a bare number": b"1",
    "null": b"null",
    "true": b"true",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a kind that is a list": b'{"kind":["placed"],"id":"o1","customer":"c1"}',
    "an id that is an object": b'{"kind":"placed","id":{},"customer":"c1"}',
    "an id of a megabyte": b'{"kind":"placed","id":"' + b"a" * 1_000_000 + b'"}',
    "PHP": b'a:1:{s:4:"kind";s:6:"placed";}',
    "XML": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
}
TAKEN_JSON = {
    "64 levels": with_note(b"[" * 63 + b"]" * 63),
    "a whole number beyond 64 bits": with_note(b"18446744073709551616"),
    "a pair of surrogates": with_note(b'"\\ud83d\\ude00"'),
    "a key of a kilobyte": with_note(b'{"' + b"a" * 1_024 + b'":1}'),
    "10,000 keys": with_note(b"{" + b",".join(b'"k%d":1' % number for number in range(10_000)) + b"}"),
    "minus nothing": with_note(b"-0.0"),
    "U+2028": with_note('"\u2028"'.encode()),
    "text that turns around": with_note('"\u202e"'.encode()),
}


async def test_no_json_gets_through_that_others_might_read_otherwise(doors: Doors) -> None:
    async with unharmed(doors):
        found = {name: (await doors.post(body)).status for name, body in REFUSED_JSON.items()}
        assert found == dict.fromkeys(REFUSED_JSON, 400)


async def test_unproven_json_is_401_however_broken_it_is(doors: Doors) -> None:
    async with unharmed(doors):
        wrong = {"X-Orders-Signature": "00" * 32}
        url = f"{doors.public}/hooks/orders"
        found = {
            name: (await doors.ask("POST", url, data=body, headers=wrong)).status for name, body in REFUSED_JSON.items()
        }
        assert found == dict.fromkeys(REFUSED_JSON, 401)


@pytest.mark.parametrize("name", TAKEN_JSON)
async def test_odd_json_that_means_one_thing_only_is_taken(doors: Doors, name: str) -> None:
    async with unharmed(doors, stored=1):
        assert (await doors.post(TAKEN_JSON[name])).status == 200


# --- signatures ------------------------------------------------------------------------------------------------

RIGHT = "{right}"
"""Stands for the right signature, so that a case says what is wrong beside it."""
WRONG_SIGNATURES: dict[str, list[str]] = {
    "none": [],
    "empty": [""],
    "blanks": ["   "],
    "twice the same": [RIGHT, RIGHT],
    "right and wrong": [RIGHT, "00" * 32],
    "wrong and right": ["00" * 32, RIGHT],
    "a list": [f"{RIGHT},{RIGHT}"],
    "a list with blanks": [f"{RIGHT} {RIGHT}"],
    "another one": ["ab" * 32],
    "in capitals": ["{RIGHT}"],
    "with a prefix": [f"sha256={RIGHT}"],
    "with 0x": [f"0x{RIGHT}"],
    "in quotes": [f'"{RIGHT}"'],
    "with more after it": [f"{RIGHT}00"],
    "with a letter after it": [f"{RIGHT}z"],
    "cut": ["{short}"],
    "one letter": ["a"],
    "no hex": [MARK * 8],
    "with a blank inside": [f"{'ab ' * 21}a"],
    "not ASCII": ["\u00e9" * 64],
    "other digits": ["\u0661" * 64],
    "a word": ["null"],
    "a path": ["../../etc/passwd"],
    "1,000 of them": [",".join(["ab" * 32] * 100)],
    "8,000 letters": ["a" * 8_000],
}


async def test_no_spelling_of_a_signature_but_the_one_gets_through(doors: Doors) -> None:
    body = BODY
    right = dict(doors.signed(body))["X-Orders-Signature"]
    async with unharmed(doors):
        for name, values in WRONG_SIGNATURES.items():
            spelled = [
                value.replace("{right}", right).replace("{RIGHT}", right.upper()).replace("{short}", right[:-2])
                for value in values
            ]
            lines = [f"X-Orders-Signature: {value}".encode() for value in spelled]
            said = await answers(doors, head(LENGTH, *lines) + body)
            assert status_of(said) == 401, name
            assert right.encode() not in said
            assert MARKED not in said
            doors.world.clock.advance(10_000)  # strangers get their tokens back: each case is looked at
        assert right not in log_text()


TIMED = {
    "type": "hmac",
    "secrets": [ORDERS_SECRET],
    "signature": {"from": "header:X-Orders-Signature", "split": ",", "field": "v1"},
    "timestamp": {"from": "sig:t", "past_s": 300, "future_s": 300},
    "message": "{timestamp}.{body}",
}
WRONG_TIMES = [
    "",
    "NaN",
    "nan",
    "inf",
    "-1",
    "+{now}",
    "{now}.0",
    "{now}e0",
    "{now} ",
    " {now}",
    "0{now}" + "0" * 10,
    "1_780_369_300",
    "0x6a1e5f94",
    "9" * 16,
    "9" * 17,
    "9" * 5_000,
    "{now}\u0660",
    "1e9",
    "0",
    "{now}000",
    "null",
    MARK,
]


@pytest.mark.parametrize("set_on_ms", [3_600_000, -3_600_000, 86_400_000])
async def test_a_signed_time_is_compared_with_the_wall_clock_as_it_is_now(doors: Doors, set_on_ms: int) -> None:
    """The machine slept, or its clock was set: the senders have the right time all along."""
    clock, present = doors.world.clock, doors.world.engine.present
    timed = replace(present.configuration.sources["orders"], verification=parse_verification(TIMED))
    present.configuration = replace(present.configuration, sources={"orders": timed})
    old = [*sign(timed.verification, BODY, now_ms=clock.now_ms()).headers, ("Content-Type", "application/json")]
    clock.wall_ahead_ms = set_on_ms
    new = [*sign(timed.verification, BODY, now_ms=clock.wall_ms()).headers, ("Content-Type", "application/json")]
    url = f"{doors.public}/hooks/orders"
    assert (await doors.ask("POST", url, data=BODY, headers=old)).status == 401
    assert (await doors.ask("POST", url, data=BODY, headers=new)).status == 200


async def test_no_time_but_one_of_plain_digits_near_our_own_gets_through(doors: Doors) -> None:
    present = doors.world.engine.present
    timed = replace(present.configuration.sources["orders"], verification=parse_verification(TIMED))
    present.configuration = replace(present.configuration, sources={"orders": timed})
    now = str(doors.world.clock.now_ms() // 1000)

    def post(text: str) -> bytes:
        proof = hmac.digest(ORDERS_SECRET.encode(), text.encode() + b"." + BODY, "sha256").hex()
        return head(LENGTH, f"X-Orders-Signature: t={text},v1={proof}".encode()) + BODY

    for text in WRONG_TIMES:
        said = await answers(doors, post(text.replace("{now}", now)))
        assert status_of(said) in {400, 401}, text
        assert MARKED not in said
    for proofs in (["v1=" + "ab" * 32] * 1_000, ["v1="] * 1_000, ["t=1"] * 1_000, ["v0=ab"] * 1_000, ["="] * 3_000):
        said = await answers(
            doors, head(LENGTH, f"X-Orders-Signature: t={now},{','.join(proofs)}".encode()[:8_000]) + BODY
        )
        assert status_of(said) == 401
    async with unharmed(doors, stored=1):
        assert status_of(await answers(doors, post(now))) == 200


# --- memory ----------------------------------------------------------------------------------------------------


async def kept() -> int:
    """How many connections, requests and tasks there are, once all is calm."""
    while left := busy():
        await asyncio.wait(left, timeout=0.01)
    gc.collect()
    return sum(isinstance(each, web.BaseRequest | web.RequestHandler | asyncio.Task) for each in gc.get_objects())


async def test_nothing_is_kept_of_what_was_refused(doors: Doors) -> None:
    """A count of objects, not of bytes: hundreds of refusals leave no more than a few, which the next ones replace."""

    async def refuse(rounds: int) -> None:
        for _ in range(rounds):
            for name in ("two Hosts", "a thousand headers", "an upgrade"):
                await answers(doors, FRAMING[name])
            for body in (b"{", b"\xff", b'{"a":NaN}', b"x" * 100_000):
                await doors.post(body)
                await doors.ask("POST", f"{doors.public}/hooks/orders", data=body)

    await refuse(2)
    before = await kept()
    await refuse(20)
    assert await kept() <= before + 5
