"""Certificates by address: fetched once, kept, and of invented addresses one a minute."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.engine.certificates import MOST_KEPT, MOST_NEW, MOST_NOTED_BYTES, PREFIX, Certificates
from bridge.errors import StoreUnavailable
from bridge.outbound.outside import Outside
from bridge.store.sqlite import SqliteStore
from tests.conftest import log_text
from tests.sources.key_pairs import certificate, rsa_key

PEM = certificate(rsa_key())
HOST = "https://sns.eu-west-1.amazonaws.com"
MINUTE = 60_000


class Host:
    """Where certificates are: at addresses that end in `good.pem`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.origins: list[str] = []
        self.answer: Answer | None = None
        self.was_asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    def client(self, origin: str) -> "Host":
        self.origins.append(origin)
        return self

    async def send(
        self, request: OutboundRequest, _credentials: Mapping[str, str], *, timeout_ms: int | None = None
    ) -> Answer:
        assert timeout_ms is None
        self.asked.append(request.url)
        self.was_asked.set()
        await self.open.wait()
        if self.answer is not None:
            return self.answer
        return Answer(200, {}, PEM) if request.url.endswith("good.pem") else Answer(404, {}, b"<html>")

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "bridge.db")
    yield opened
    await opened.close()


@pytest.fixture
def certificates(host: Host, clock: ManualClock, store: SqliteStore) -> Certificates:
    return Certificates(Outside(host.client), clock, store)


async def test_a_certificate_is_fetched_once(certificates: Certificates, host: Host) -> None:
    for _ in range(3):
        assert await certificates.fetch("sns", f"{HOST}/good.pem") is None
    assert (host.asked, host.origins) == ([f"{HOST}/good.pem"], [HOST])
    assert certificates.kept == {f"{HOST}/good.pem": PEM}


async def test_many_who_need_it_at_once_share_one_fetch(certificates: Certificates, host: Host) -> None:
    host.open.clear()
    waiting = [asyncio.create_task(certificates.fetch("sns", f"{HOST}/good.pem")) for _ in range(20)]
    await host.was_asked.wait()
    assert await certificates.fetch("sns", f"{HOST}/other/good.pem") == 5
    host.open.set()
    assert set(await asyncio.gather(*waiting)) == {None}
    assert len(host.asked) == 1


async def test_of_invented_addresses_one_a_minute_is_asked(
    certificates: Certificates, host: Host, clock: ManualClock
) -> None:
    await certificates.fetch("sns", f"{HOST}/good.pem")
    waits = [await certificates.fetch("sns", f"{HOST}/invented-{number}.pem") for number in range(1000)]
    assert set(waits) == {60}
    assert len(host.asked) == 2
    assert await certificates.fetch("sns", f"{HOST}/good.pem") is None
    assert await certificates.fetch("paypal", f"{HOST}/good.pem") is None
    clock.advance(MINUTE - 1)
    assert await certificates.fetch("sns", f"{HOST}/new/good.pem") == 1
    clock.advance(1)
    assert await certificates.fetch("sns", f"{HOST}/new/good.pem") is None
    assert len(host.asked) == 3


async def test_another_source_is_not_held_up(certificates: Certificates, host: Host) -> None:
    assert await certificates.fetch("sns", f"{HOST}/invented.pem") == 60
    assert await certificates.fetch("paypal", "https://api.paypal.com/good.pem") is None
    assert len(host.asked) == 2


async def test_even_good_ones_are_asked_for_only_so_often(
    certificates: Certificates, host: Host, clock: ManualClock
) -> None:
    waits = [await certificates.fetch("sns", f"{HOST}/{number}/good.pem") for number in range(MOST_NEW + 5)]
    assert waits == [None] * MOST_NEW + [60] * 5
    assert len(host.asked) == MOST_NEW
    clock.advance(MINUTE)
    assert await certificates.fetch("sns", f"{HOST}/again/good.pem") is None


async def test_only_so_many_are_kept(certificates: Certificates, host: Host, clock: ManualClock) -> None:
    for number in range(MOST_KEPT + 3):
        assert await certificates.fetch("sns", f"{HOST}/{number}/good.pem") is None
        await certificates.fetch("sns", f"{HOST}/0/good.pem")
        clock.advance(MINUTE)
    assert len(certificates.kept) == MOST_KEPT
    assert f"{HOST}/0/good.pem" in certificates.kept
    assert f"{HOST}/1/good.pem" not in certificates.kept
    assert len(host.asked) == MOST_KEPT + 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(302, {"location": f"{HOST}/good.pem"}, PEM),
        Answer(500, {}, PEM),
        Answer(200, {}, b"<html>"),
        Answer(200, {}, PEM, trouble=Trouble.CUT, detail="longer than 0 MiB"),
        Answer(None, trouble=Trouble.ADDRESS, detail="a private address"),
    ],
)
async def test_what_is_no_certificate_is_not_kept(certificates: Certificates, host: Host, answer: Answer) -> None:
    host.answer = answer
    assert await certificates.fetch("sns", f"{HOST}/good.pem") == 60
    assert certificates.kept == {}
    assert "certificate.not_fetched" in log_text()


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.eu-west-1.amazonaws.com/good.pem",
        f"{HOST}/good.pem?x=good.pem",
        f"{HOST}/good.pem#good.pem",
        f"{HOST}:443/good.pem",
        "https://user@sns.eu-west-1.amazonaws.com/good.pem",
        "https://SNS.eu-west-1.amazonaws.com/good.pem",
        f"{HOST}/../good.pem",
        f"{HOST}//good.pem",
        f"{HOST}/%2e/good.pem",
        f"{HOST}/",
        HOST,
        "https://[::1]/good.pem",
        "https://[/good.pem",
        "",
    ],
)
async def test_an_address_with_other_spellings_is_never_asked(
    certificates: Certificates, host: Host, address: str
) -> None:
    assert await certificates.fetch("sns", address) == 60
    assert host.asked == []


async def test_after_a_restart_no_stranger_keeps_out_whoever_was_known_before(
    certificates: Certificates, host: Host, clock: ManualClock, store: SqliteStore
) -> None:
    assert await certificates.fetch("sns", f"{HOST}/good.pem") is None
    anew = Certificates(Outside(host.client), clock, store)
    await anew.restore()
    assert await anew.fetch("sns", f"{HOST}/invented.pem") == 60
    assert await anew.fetch("sns", f"{HOST}/good.pem") is None
    assert host.asked == [f"{HOST}/good.pem", f"{HOST}/invented.pem"]
    assert anew.kept == {f"{HOST}/good.pem": PEM}


async def test_what_is_past_its_time_or_no_certificate_is_not_taken_up(
    host: Host, clock: ManualClock, store: SqliteStore
) -> None:
    late = ManualClock(clock.now_ms() + 100 * 365 * 86_400_000)
    damaged = {"address": f"{HOST}/damaged.pem", "pem": "-----BEGIN CERTIFICATE-----"}
    await store.write_notes({f"{PREFIX}1": damaged, f"{PREFIX}2": ["other"], f"{PREFIX}3": {"address": 1, "pem": 2}})
    assert await Certificates(Outside(host.client), clock, store).fetch("sns", f"{HOST}/good.pem") is None
    for now, kept in ((clock, {f"{HOST}/good.pem"}), (late, set[str]())):
        anew = Certificates(Outside(host.client), now, store)
        await anew.restore()
        assert set(anew.kept) == kept


async def test_what_is_forgotten_is_forgotten_in_the_store_and_a_very_long_one_is_not_written(
    certificates: Certificates, host: Host, clock: ManualClock, store: SqliteStore
) -> None:
    for number in range(MOST_KEPT + 2):
        assert await certificates.fetch("sns", f"{HOST}/{number}/good.pem") is None
        clock.advance(MINUTE)
    assert len(await store.notes(PREFIX)) == MOST_KEPT
    host.answer = Answer(200, {}, PEM + b"#" * MOST_NOTED_BYTES)
    assert await certificates.fetch("sns", f"{HOST}/long.pem") is None
    assert len(await store.notes(PREFIX)) == MOST_KEPT - 1


async def test_a_store_that_cannot_write_now_keeps_nobody_out(
    certificates: Certificates, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_notes: Mapping[str, object | None]) -> None:
        raise StoreUnavailable("busy")

    monkeypatch.setattr(store, "write_notes", refuse)
    assert await certificates.fetch("sns", f"{HOST}/good.pem") is None
    assert certificates.kept
    assert "certificate.not_noted" in log_text()
