"""Certificates by address: fetched once, kept, and no invented address keeps another one out."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.engine.certificates import (
    MOST_AT_ONCE,
    MOST_FRESH,
    MOST_HELD_OFF,
    MOST_KEPT,
    MOST_NEW,
    MOST_NOTED_BYTES,
    MOST_WAITING,
    PREFIX,
    Certificates,
)
from bridge.engine.lines import LINES
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


async def believed(certificates: Certificates, address: str) -> None:
    """A request was signed with the certificate at an address."""
    assert await certificates.fetch("sns", address) is None
    assert certificates.with_fresh(address)[address] == PEM
    await certificates.keep(address)


async def test_a_certificate_is_fetched_once(certificates: Certificates, host: Host) -> None:
    for _ in range(3):
        await believed(certificates, f"{HOST}/good.pem")
    assert (host.asked, host.origins) == ([f"{HOST}/good.pem"], [HOST])
    assert certificates.kept == {f"{HOST}/good.pem": PEM}


async def test_many_who_need_it_at_once_share_one_fetch(certificates: Certificates, host: Host) -> None:
    host.open.clear()
    waiting = [asyncio.create_task(certificates.fetch("sns", f"{HOST}/good.pem")) for _ in range(MOST_WAITING + 4)]
    assert [await each for each in waiting[MOST_WAITING:]] == [5] * 4  # who is one too many holds no connection
    host.open.set()
    assert await asyncio.gather(*waiting[:MOST_WAITING]) == [None] * MOST_WAITING
    assert len(host.asked) == 1
    assert certificates._waiting == {}


async def test_who_hangs_up_ends_no_fetch_that_others_wait_for(certificates: Certificates, host: Host) -> None:
    host.open.clear()
    first, second = (asyncio.create_task(certificates.fetch("sns", f"{HOST}/good.pem")) for _ in range(2))
    await host.was_asked.wait()
    first.cancel()
    host.open.set()
    assert await second is None


async def test_so_many_are_asked_at_a_time_and_who_hangs_takes_no_more(certificates: Certificates, host: Host) -> None:
    host.open.clear()
    waiting = [asyncio.create_task(certificates.fetch("sns", f"{HOST}/{number}.pem")) for number in range(20)]
    refused = [await each for each in waiting[MOST_AT_ONCE:]]
    assert (refused, len(host.asked)) == ([5] * (20 - MOST_AT_ONCE), MOST_AT_ONCE)
    host.open.set()
    await asyncio.gather(*waiting)
    assert await certificates.fetch("sns", f"{HOST}/good.pem") is None


async def test_no_stranger_with_a_bad_address_again_and_again_keeps_a_new_one_out(
    certificates: Certificates, clock: ManualClock
) -> None:
    for number in range(MOST_NEW - 1):
        assert await certificates.fetch("sns", f"{HOST}/invented-{number}.pem") == 60
    assert await certificates.fetch("sns", f"{HOST}/good.pem") is None
    clock.advance(MINUTE)
    await certificates.fetch("sns", f"{HOST}/invented-again.pem")
    assert await certificates.fetch("sns", f"{HOST}/another/good.pem") is None


async def test_an_address_that_gave_no_certificate_is_left_alone_for_a_minute(
    certificates: Certificates, host: Host, clock: ManualClock
) -> None:
    assert await certificates.fetch("sns", f"{HOST}/invented.pem") == 60
    clock.advance(MINUTE - 1)
    assert [await certificates.fetch(source, f"{HOST}/invented.pem") for source in ("sns", "paypal")] == [1, 1]
    assert len(host.asked) == 1
    clock.advance(1)
    assert await certificates.fetch("sns", f"{HOST}/invented.pem") == 60
    assert len(host.asked) == 2


async def test_in_a_flood_of_invented_addresses_only_so_many_are_asked_and_what_is_kept_serves(
    certificates: Certificates, host: Host, clock: ManualClock
) -> None:
    await believed(certificates, f"{HOST}/good.pem")
    for _ in range(20):
        for number in range(200):
            await certificates.fetch("sns", f"{HOST}/invented-{len(host.asked)}-{number}.pem")
        assert await certificates.fetch("sns", f"{HOST}/good.pem") is None
        assert await certificates.fetch("paypal", f"{HOST}/good.pem") is None
        clock.advance(MINUTE)
    assert len(host.asked) == 20 * MOST_NEW
    assert len(certificates._held_off) == MOST_HELD_OFF
    assert log_text().count("certificate.not_fetched") == 20 * LINES


async def test_another_source_is_not_held_up(certificates: Certificates, host: Host) -> None:
    for number in range(MOST_NEW + 1):
        await certificates.fetch("sns", f"{HOST}/invented-{number}.pem")
    assert await certificates.fetch("sns", f"{HOST}/good.pem") == 60
    assert await certificates.fetch("paypal", "https://api.paypal.com/good.pem") is None
    assert len(host.asked) == MOST_NEW + 1


async def test_no_certificate_that_proves_nothing_drives_out_one_that_does(
    certificates: Certificates, clock: ManualClock, store: SqliteStore
) -> None:
    await believed(certificates, f"{HOST}/good.pem")
    for number in range(2 * MOST_KEPT):
        assert await certificates.fetch("sns", f"{HOST}/{number}/good.pem") is None
        clock.advance(MINUTE)
    assert certificates.kept == {f"{HOST}/good.pem": PEM}
    assert len(certificates._fresh) == MOST_FRESH
    assert len(await store.notes(PREFIX)) == 1


async def test_only_so_many_are_kept(certificates: Certificates, clock: ManualClock) -> None:
    for number in range(MOST_KEPT + 3):
        await believed(certificates, f"{HOST}/{number}/good.pem")
        clock.advance(MINUTE)
    assert len(certificates.kept) == MOST_KEPT
    assert f"{HOST}/2/good.pem" not in certificates.kept
    assert f"{HOST}/3/good.pem" in certificates.kept


async def test_one_whose_time_is_over_is_fetched_anew_at_the_same_address(
    certificates: Certificates, host: Host, clock: ManualClock
) -> None:
    url = f"{HOST}/good.pem"
    later = certificate(rsa_key(), ends=timedelta(90))
    await believed(certificates, url)
    host.answer = Answer(200, {}, later)
    assert await certificates.fetch("sns", url) is None
    assert certificates.kept == {url: PEM}
    clock.advance(40 * 86_400_000)
    assert certificates.kept == {}
    assert await certificates.fetch("sns", url) is None
    await certificates.keep(url)
    assert (certificates.kept, len(host.asked)) == ({url: later}, 2)


async def test_an_old_one_that_is_still_there_is_asked_for_once_a_minute_until_the_new_one_comes(
    certificates: Certificates, host: Host, clock: ManualClock
) -> None:
    clock.advance(40 * 86_400_000)
    for _ in range(5):
        for _ in range(3):
            assert await certificates.fetch("sns", f"{HOST}/good.pem") is None
        clock.advance(MINUTE)
    assert len(host.asked) == 5


async def test_at_the_stop_who_waits_is_told_to_come_again_and_nothing_goes_on(
    certificates: Certificates, host: Host
) -> None:
    host.open.clear()
    waiting = asyncio.create_task(certificates.fetch("sns", f"{HOST}/good.pem"))
    await host.was_asked.wait()
    await certificates.close()
    assert await waiting == 5
    assert certificates._fetching == {}
    assert await certificates.fetch("sns", f"{HOST}/other/good.pem") == 5
    assert host.asked == [f"{HOST}/good.pem"]


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
    await believed(certificates, f"{HOST}/good.pem")
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
    await believed(Certificates(Outside(host.client), clock, store), f"{HOST}/good.pem")
    for now, kept in ((clock, {f"{HOST}/good.pem"}), (late, set[str]())):
        anew = Certificates(Outside(host.client), now, store)
        await anew.restore()
        assert set(anew.kept) == kept


async def test_what_is_forgotten_is_forgotten_in_the_store_and_a_very_long_one_is_not_written(
    certificates: Certificates, host: Host, clock: ManualClock, store: SqliteStore
) -> None:
    for number in range(MOST_KEPT + 2):
        await believed(certificates, f"{HOST}/{number}/good.pem")
        clock.advance(MINUTE)
    assert len(await store.notes(PREFIX)) == MOST_KEPT
    host.answer = Answer(200, {}, PEM + b"#" * MOST_NOTED_BYTES)
    assert await certificates.fetch("sns", f"{HOST}/long.pem") is None
    await certificates.keep(f"{HOST}/long.pem")
    assert len(await store.notes(PREFIX)) == MOST_KEPT - 1


async def test_a_store_that_cannot_write_now_keeps_nobody_out(
    certificates: Certificates, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_notes: Mapping[str, object | None]) -> None:
        raise StoreUnavailable("busy")

    monkeypatch.setattr(store, "write_notes", refuse)
    await believed(certificates, f"{HOST}/good.pem")
    assert certificates.kept
    assert "certificate.not_noted" in log_text()
