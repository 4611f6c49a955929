"""Every vector again, through `POST /hooks/{source}` of a daemon with all the sources, under the real clock."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from yarl import URL

from tests.e2e.daemon import DaemonProcess
from tests.sources.vectors.examined import headers_of, vectors_of
from tests.sources.vectors.families import Vector
from tests.sources.vectors.keys_and_words import mailgun
from tests.sources.vectors.request import BODY, FORM, SECRET, WRONG, Row, Sent
from tests.sources.vectors.rows import ROWS

AT_ONCE = 24


@dataclass(frozen=True)
class Visit:
    """One vector on its way to the source that has its secrets."""

    source: str
    row: Row
    vector: Vector

    @property
    def title(self) -> str:
        return f"{self.row.name}: {self.vector.title}"

    @property
    def status(self) -> int:
        if not self.vector.ok:
            return 401
        return 200 if self.vector.is_readable else 400


def visits() -> Iterator[Visit]:
    for number, row in enumerate(ROWS):
        kept = [vector for vector in vectors_of(row) if vector.where == "everywhere"]
        secrets = list(dict.fromkeys(tuple(vector.secrets) for vector in kept))
        for vector in kept:
            yield Visit(f"s{number}-{secrets.index(tuple(vector.secrets))}", row, vector)


def configuration(visits: Sequence[Visit]) -> dict[str, object]:
    sources = {
        visit.source: {
            "verify": visit.row.block(*visit.vector.secrets),
            "body": "form" if visit.row.media_type == FORM else "json",
            "event": {"type": "paid", "id": "body"},
        }
        for visit in visits
    }
    return {
        "version": 1,
        "server": {"listen": "127.0.0.1:0", "drain_delay": "0s"},
        "admin": {"listen": "127.0.0.1:0"},
        "store": {"url": "sqlite:///var/bridge.db"},
        "dead_letters": {"file": "var/dead-letters.jsonl"},
        "log": {"format": "json"},
        "sources": sources,
    }


class Line:
    """A connection that stays open, and writes headers as they are: repeated, in any case, with bytes of any kind."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def post(self, source: str, row: Row, sent: Sent) -> tuple[int, bytes]:
        """Send a request; status and body of the answer."""
        query = f"?{sent.raw_query}" if sent.raw_query else ""
        headers = (("Host", "bridge"), ("Content-Length", str(len(sent.body))), *headers_of(row, sent))
        head = f"POST /hooks/{source}{query} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._writer.write(f"{head}\r\n".encode() + sent.body)
        status = await self._reader.readuntil(b"\r\n\r\n")
        (length,) = re.findall(rb"\r\ncontent-length: (\d+)\r\n", status.lower())
        return int(status[9:12]), await self._reader.readexactly(int(length))

    def close(self) -> None:
        self._writer.close()


def echoed(sent: Sent, answer: bytes) -> str | None:
    """What of the request stands in the answer."""
    text = answer.decode()
    given = [value for _, value in sent.headers if len(value) > 16] + [SECRET, WRONG, BODY.decode()[:30]]
    return next((each for each in given if each in text), None)


async def test_every_vector_has_the_same_verdict_at_the_door(tmp_path: Path) -> None:
    all_visits = list(visits())
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(configuration(all_visits), ensure_ascii=False, indent=1))
    daemon = DaemonProcess(config)
    await daemon.start()
    wrong: list[str] = []
    try:
        at = URL(daemon.public)
        waiting = iter(all_visits)

        async def go_on() -> None:
            line = Line(*await asyncio.open_connection(at.host, at.port))
            for visit in waiting:
                sent = visit.vector.sent(time.time())
                status, answer = await line.post(visit.source, visit.row, sent)
                if status != visit.status:
                    wrong.append(f"{visit.title}: {status} {answer.decode()}")
                elif status >= 400 and echoed(sent, answer):
                    wrong.append(f"{visit.title}: echoes {echoed(sent, answer)}")
            line.close()

        await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))
        (source,) = {visit.source for visit in all_visits if visit.row.name == "mailgun"}
        line = Line(*await asyncio.open_connection(at.host, at.port))
        await check_repeats(line, source)
        line.close()
    finally:
        assert await daemon.terminate() == 0
    assert not wrong, "\n".join(wrong)
    check_log(daemon.lines, {visit.source: visit.row for visit in all_visits})


async def check_repeats(line: Line, source: str) -> None:
    """Mailgun signs its token and not the event: a token is good for one body."""
    (row,) = (row for row in ROWS if row.name == "mailgun")
    now = time.time()
    first = mailgun(b"opened", SECRET, now, "said-once")
    other = mailgun(b"unsubscribed", SECRET, now, "said-once")
    answers = [await line.post(source, row, sent) for sent in (first, first, other, first)]
    assert [status for status, _ in answers] == [200, 200, 401, 200]
    assert [orjson.loads(body).get("duplicate") for _, body in answers] == [False, True, None, True]


def check_log(lines: Sequence[Mapping[str, object]], rows: Mapping[str, Row]) -> None:
    """Each refusal says what was to be proven and why it was not, and shows no value."""
    refused = [line for line in lines if line["event"] == "hook.refused" and line["status"] == 401]
    refusals = [line for line in refused if line["code"] != "replayed"]  # of a proof that holds
    assert {line["source"] for line in refusals} >= {name for name in rows if name.endswith("-0")}
    for line in refusals:
        assert line["scheme"], line
        assert str(line["why"]).startswith(str(line["scheme"])), line
        text = orjson.dumps(line).decode()
        assert not any(value in text for value in (SECRET, WRONG, "NaN", "sha256=0")), line
        if line["code"] == "timestamp_outside":
            assert "our clock" in text, line
