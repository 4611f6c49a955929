"""Credentials that stop working in the middle of everything: one refresh, or a pause, and nobody dies of it."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.model import DeliveryState
from bridge.outbound.credentials import Credentials
from bridge.outbound.gate import PauseReason
from bridge.outbound.vault import FILE_NAME, Vault, VaultFailed
from bridge.sandbox import FaultKind, FaultSpec, Match
from bridge.store.protocol import DeliveryFilter
from tests.canaries import HUBSPOT_TOKEN, ZENDESK_SECRET
from tests.e2e.mortal import REFRESH_TOKEN, MortalWorld
from tests.e2e.virtual import HOUR_MS, MINUTE_MS, PREAMBLE, SECOND_MS, VirtualWorld

RULES = """\
rules:
  - name: order
    on: orders/*
    key: "{{ body.customer }}"
    steps:
"""
TO_ZENDESK = """\
      - {id: ticket, use: zendesk.tickets.create, with: {subject: "{{ body.id }}", comment: {body: "{{ body.id }}"}}}
"""
TO_HUBSPOT = """\
      - id: contact
        use: hubspot.contacts.upsert
        with: {id_property: whatsapp_id, id: "{{ body.id }}", properties: {firstname: "{{ body.id }}"}}
"""
ROTATING = PREAMBLE.replace(
    'client_secret: "${ZENDESK_CLIENT_SECRET}"',
    f'client_secret: "${{ZENDESK_CLIENT_SECRET}}", refresh_token: {REFRESH_TOKEN}',
)
COUNT = 120


def orders(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {"kind": "placed", "id": f"o{number}", "customer": f"c{number % 30}"} for number in range(start, start + count)
    ]


def tokens_asked(world: VirtualWorld) -> int:
    return len(world.sandbox.journal.of("zendesk", "POST", "/oauth/tokens"))


def refused(world: VirtualWorld, api: str) -> int:
    return sum(entry.status == 401 for entry in world.sandbox.journal.of(api) if "oauth" not in entry.path)


def tickets(world: VirtualWorld) -> Counter[str]:
    return Counter(ticket["subject"] for ticket in world.sandbox.snapshot()["zendesk"]["tickets"])


async def assert_all_done(world: VirtualWorld, count: int) -> None:
    assert await world.counts("order") == {"done": count}
    found = await world.store.deliveries(DeliveryFilter(limit=10_000))
    assert {delivery.attempts for delivery in found} <= {0, 1}
    assert await world.store.check_books() == []


def expected(count: int) -> Counter[str]:
    return Counter(f"o{number}" for number in range(count))


# --- revoked in the middle -----------------------------------------------------------------------------------------


async def test_a_token_revoked_under_load_is_fetched_once_for_all(tmp_path: Path) -> None:
    async with VirtualWorld(PREAMBLE + RULES + TO_ZENDESK, tmp_path) as world:
        world.sandbox.faults.add(
            FaultSpec(fault=FaultKind.SLOW, delay_ms=2_000, match=Match(api="zendesk", path="/api/*"), times=None)
        )
        await world.accept(*orders(COUNT))
        await world.run_for(3 * SECOND_MS)
        assert tokens_asked(world) == 1
        world.sandbox.zendesk.access.void_tokens()  # a dozen are on the way, and more wait

        await world.until(world.settled)

        assert refused(world, "zendesk") > 1
        assert tokens_asked(world) == 2
        assert tickets(world) == expected(COUNT)
        await assert_all_done(world, COUNT)


async def test_a_token_that_is_revoked_again_and_again_costs_one_refresh_each_time(tmp_path: Path) -> None:
    async with VirtualWorld(PREAMBLE + RULES + TO_ZENDESK, tmp_path) as world:
        for round_ in range(4):
            await world.accept(*orders(20, start=20 * round_))
            await world.until(world.settled)
            world.sandbox.zendesk.access.void_tokens()

        assert tokens_asked(world) == 4
        assert tickets(world) == expected(80)
        await assert_all_done(world, 80)


async def test_a_static_token_that_is_removed_pauses_until_the_new_one_is_loaded(tmp_path: Path) -> None:
    text = PREAMBLE.replace("connector: hubspot", "connector: hubspot, batch: off") + RULES + TO_HUBSPOT
    async with VirtualWorld(text, tmp_path) as world:
        access, gate = world.sandbox.hubspot.access, "hubspot"
        await world.accept(*orders(COUNT // 2))
        await world.until(world.settled)
        access._tokens = frozenset({ZENDESK_SECRET})
        calls = world.sandbox.journal.seen
        await world.accept(*orders(COUNT // 2, start=COUNT // 2))
        await world.run_for(6 * HOUR_MS)

        pause = world.engine.outlets[gate].gate.paused_for(PauseReason.UNAUTHORIZED)
        assert pause is not None
        tried = world.sandbox.journal.seen - calls
        assert tried <= 16  # those that were on the way together: nobody asked again in six hours
        assert await world.counts("order") == {"done": COUNT // 2, "pending": COUNT // 2}
        waiting = await world.store.deliveries(DeliveryFilter(states=(DeliveryState.PENDING,), limit=1_000))
        assert {delivery.attempts for delivery in waiting} == {0}

        await world.reload(HUBSPOT_TOKEN=ZENDESK_SECRET)
        await world.until(world.settled)

        assert world.engine.outlets[gate].gate.pause is None
        records = world.sandbox.hubspot.records_of("contacts")
        assert Counter(record.properties["whatsapp_id"] for record in records) == expected(COUNT)
        await assert_all_done(world, COUNT)


async def test_a_reload_with_a_secret_that_is_still_wrong_pauses_again(tmp_path: Path) -> None:
    async with VirtualWorld(PREAMBLE + RULES + TO_HUBSPOT, tmp_path, {"HUBSPOT_TOKEN": "mistyped"}) as world:
        await world.accept(*orders(40))
        await world.run_for(MINUTE_MS)
        await world.reload(HUBSPOT_TOKEN="mistyped-again")
        await world.run_for(MINUTE_MS)
        assert world.engine.outlets["hubspot"].gate.pause is not None
        assert await world.counts("order") == {"pending": 40}

        await world.reload(HUBSPOT_TOKEN=HUBSPOT_TOKEN)
        await world.until(world.settled)
        await assert_all_done(world, 40)


async def test_a_pause_for_refused_credentials_does_not_outlive_a_restart_that_mends_them(tmp_path: Path) -> None:
    async with VirtualWorld(PREAMBLE + RULES + TO_HUBSPOT, tmp_path, {"HUBSPOT_TOKEN": "mistyped"}) as world:
        await world.accept(*orders(10))
        await world.run_for(MINUTE_MS)
        assert await world.counts("order") == {"pending": 10}

        world._environ["HUBSPOT_TOKEN"] = HUBSPOT_TOKEN
        await world.restart()
        await world.until(world.settled)
        await assert_all_done(world, 10)


# --- refresh tokens that rotate ------------------------------------------------------------------------------------


def kept(folder: Path) -> str | None:
    """The refresh token on the disk."""
    return Vault(folder / FILE_NAME).read("zendesk", REFRESH_TOKEN)


def used(world: VirtualWorld) -> bool:
    """Whether something was asked after the last token."""
    last = world.sandbox.journal.of("zendesk", "POST", "/oauth/tokens")[-1]
    return any(entry.seq > last.seq and entry.status == 201 for entry in world.sandbox.journal.of("zendesk"))


def outstanding(world: VirtualWorld) -> set[str]:
    """The refresh tokens that the API would still take."""
    return set(world.sandbox.zendesk.access._refresh_tokens)


async def test_a_rotating_token_is_renewed_once_for_all_and_is_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    async with MortalWorld(ROTATING + RULES + TO_ZENDESK, tmp_path) as world:
        for round_ in range(3):
            await world.accept(*orders(40, start=40 * round_))
            await world.sandbox.wait_for(lambda: tokens_asked(world) == round_ + 1 and used(world))  # noqa: B023 - awaited here
            assert {kept(tmp_path)} == outstanding(world)  # a request bears the token already
            await world.until(world.settled)
            world.sandbox.zendesk.access.void_tokens()

        assert tokens_asked(world) == 3
        assert tickets(world) == expected(120)
        await assert_all_done(world, 120)


async def test_a_restart_goes_on_with_the_rotated_token(tmp_path: Path) -> None:
    async with MortalWorld(ROTATING + RULES + TO_ZENDESK, tmp_path) as world:
        for round_ in range(3):
            await world.accept(*orders(10, start=10 * round_))
            await world.until(world.settled)
            await world.restart()

        assert tokens_asked(world) == 3
        assert [entry.status for entry in world.sandbox.journal.of("zendesk", "POST", "/oauth/tokens")] == [200] * 3
        assert {kept(tmp_path)} == outstanding(world)
        await assert_all_done(world, 30)


@pytest.mark.parametrize("applied", [False, True])
async def test_a_kill_while_the_token_is_asked_for_loses_nothing(tmp_path: Path, *, applied: bool) -> None:
    """What the vendor rotated and nobody heard of is lost: a person has to authorise anew, and nothing is dead."""
    async with MortalWorld(ROTATING + RULES + TO_ZENDESK, tmp_path) as world:
        asked = Match(api="zendesk", path="/oauth/tokens")
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.SLOW, delay_ms=10**6, match=asked, applied=applied))
        await world.accept(*orders(20))
        await world.sandbox.wait_for(lambda: tokens_asked(world) == 1)
        await world.kill()
        world.sandbox.faults.clear()
        await world.reborn()
        await world.run_for(MINUTE_MS)

        if applied:
            assert world.engine.outlets["zendesk"].gate.pause is not None
            assert await world.counts("order") == {"pending": 20}
            [fresh] = outstanding(world)
            await world.reload(ROTATING.replace(REFRESH_TOKEN, fresh) + RULES + TO_ZENDESK)
        await world.until(world.settled)
        assert tickets(world) == expected(20)
        await assert_all_done(world, 20)


async def test_a_kill_right_after_the_pair_was_stored_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = asyncio.Event()
    real = Credentials._save

    async def save_and_stop(self: Credentials, granted: Any) -> None:
        await real(self, granted)
        stored.set()
        await asyncio.Event().wait()  # the process ends here

    async with MortalWorld(ROTATING + RULES + TO_ZENDESK, tmp_path) as world:
        with monkeypatch.context() as patched:
            patched.setattr(Credentials, "_save", save_and_stop)
            await world.accept(*orders(20))
            await stored.wait()
            await world.kill()
        await world.reborn()
        await world.until(world.settled)

        assert [entry.status for entry in world.sandbox.journal.of("zendesk", "POST", "/oauth/tokens")] == [200, 200]
        assert tickets(world) == expected(20)
        await assert_all_done(world, 20)


async def test_a_vault_that_cannot_be_written_holds_everything_back_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise VaultFailed("OSError")

    async with MortalWorld(ROTATING + RULES + TO_ZENDESK, tmp_path) as world:
        with monkeypatch.context() as patched:
            patched.setattr(Vault, "write", fail)
            await world.accept(*orders(20))
            await world.run_for(HOUR_MS)
            assert tokens_asked(world) == 0  # the old token is not given away for a new one that cannot be kept
            assert await world.counts("order") == {"pending": 20}
        await world.until(world.settled)
        await assert_all_done(world, 20)


async def test_a_disk_that_fills_up_while_the_token_rotates_does_not_lose_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Vault.write, Counter[str]()

    def second_fails(self: Vault, destination: str, configured: str, token: str) -> None:
        calls["all"] += 1
        if 1 < calls["all"] < 5:
            raise VaultFailed("OSError")
        real(self, destination, configured, token)

    async with MortalWorld(ROTATING + RULES + TO_ZENDESK, tmp_path) as world:
        monkeypatch.setattr(Vault, "write", second_fails)
        await world.accept(*orders(20))
        await world.until(world.settled)

        assert tokens_asked(world) == 1
        assert {kept(tmp_path)} == outstanding(world)
        await assert_all_done(world, 20)
