"""Posting signed requests: one, several one after another, or many at once, and what came of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp
import orjson
from yarl import URL

from bridge.sources import SignedRequest

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
AT_ONCE = 64
"""So many requests are under way at a time; a bridge lets one address have as many connections."""

Headers = Sequence[tuple[str, str]]


class Posted(NamedTuple):
    """An answer; `is_duplicate` as its `Webhook-Duplicate` says, which stands there whatever the body is."""

    status: int
    text: str
    is_duplicate: bool


@dataclass(frozen=True, slots=True)
class Shot:
    """One request and its answer; `problem` says why there is none."""

    number: int
    status: int | None
    text: str
    took_ms: float
    problem: str | None = None
    is_duplicate: bool = False

    @property
    def answer(self) -> Any:
        """The answer as JSON, else as text."""
        try:
            return orjson.loads(self.text)
        except orjson.JSONDecodeError:
            return self.text or None

    @property
    def duplicates(self) -> int:
        """How many of its events were known."""
        answer = self.answer if isinstance(self.answer, dict) else {}
        several = answer.get("duplicates")
        return sum(map(bool, several)) if isinstance(several, list) else int(self.is_duplicate)

    def to_json(self) -> dict[str, object]:
        """For scripts."""
        return {
            "number": self.number,
            "status": self.status,
            "took_ms": round(self.took_ms, 1),
            "duplicates": self.duplicates,
            "answer": self.answer,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class Volley:
    """All that was sent, in the order sent."""

    shots: Sequence[Shot]

    @property
    def statuses(self) -> dict[str, int]:
        """How many of each status; `none` for those without an answer."""
        return dict(sorted(Counter(str(shot.status or "none") for shot in self.shots).items()))

    @property
    def duplicates(self) -> int:
        """How many events were known."""
        return sum(shot.duplicates for shot in self.shots)

    @property
    def slowest(self) -> Shot:
        """The one that took longest."""
        return max(self.shots, key=lambda shot: shot.took_ms)

    def to_json(self) -> dict[str, object]:
        """For scripts."""
        return {
            "sent": len(self.shots),
            "statuses": self.statuses,
            "duplicates": self.duplicates,
            "slowest_ms": round(self.slowest.took_ms, 1),
            "requests": [shot.to_json() for shot in self.shots],
        }


Make = Callable[[int], tuple[SignedRequest, Headers]]
"""Signs the request with this number anew; gives it with all its headers."""


async def one_after_another(url: str, make: Make, count: int, tell: Callable[[Shot], None]) -> Volley:
    """Each is sent when the one before was answered; `tell` hears of each. It ends early when nobody answers."""
    shots = []
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        for number in range(1, count + 1):
            shots.append(await _shoot(session, url, number, *make(number)))
            tell(shots[-1])
            if shots[-1].problem is not None:
                break
    return Volley(shots)


async def at_once(url: str, make: Make, count: int) -> Volley:
    """All are signed first, and leave together, at most `AT_ONCE` under way."""
    made = [make(number) for number in range(1, count + 1)]
    places = asyncio.Semaphore(AT_ONCE)
    connector = aiohttp.TCPConnector(limit=AT_ONCE)

    async def placed(shot: Callable[[], Awaitable[Shot]]) -> Shot:
        async with places:
            return await shot()

    async with aiohttp.ClientSession(timeout=TIMEOUT, connector=connector) as session:
        shots = await asyncio.gather(
            *(
                placed(lambda number=number, each=each: _shoot(session, url, number, *each))  # type: ignore[misc]
                for number, each in enumerate(made, start=1)
            )
        )
    return Volley(shots)


async def _shoot(
    session: aiohttp.ClientSession, url: str, number: int, signed: SignedRequest, headers: Headers
) -> Shot:
    began = time.perf_counter()
    try:
        answer = await posted(session, url, signed, headers)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Shot(number, None, "", _since(began), type(error).__name__)
    return Shot(number, answer.status, answer.text, _since(began), is_duplicate=answer.is_duplicate)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


async def posted(session: aiohttp.ClientSession, url: str, signed: SignedRequest, headers: Headers) -> Posted:
    """Post what was signed. The address's query is that of the signed request."""
    base = str(URL(url).with_query(None).with_fragment(None))
    address = URL(f"{base}?{signed.raw_query}" if signed.query else base, encoded=True)  # letter for letter as signed
    async with session.post(address, data=signed.body, headers=headers, allow_redirects=False) as response:
        return Posted(response.status, await response.text(), "Webhook-Duplicate" in response.headers)
