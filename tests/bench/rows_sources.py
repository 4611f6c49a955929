"""Rows about sources: what it costs to verify and to read a request, alone and as a part of accepting it over HTTP."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bridge.configuration.load import load_configuration
from bridge.model import NewEvent
from bridge.sources import Reason, Received, Source, verify
from bridge.sources.strict_json import dump_json
from bridge.store.sqlite import SqliteStore
from tests.bench.bench import Bench, Row
from tests.bench.product import ENVIRONMENT, ORDER, PRESETS, Product
from tests.bench.rows_basic import at_most
from tests.bench.rows_pure import microseconds
from tests.bench.workload import AISOULE, AISOULE_SIGNATURE, SECRET, aisoule_event, signature

Pairs = list[tuple[str, str]]

NOW_S = 1_780_369_300
NOW_MS = NOW_S * 1000
SHARE = 0.1
"""What "a small part of the accept path" is taken to mean."""
CANDIDATES, CANDIDATES_MS = 1_000, 5
"""Fact S6."""


def _configured(bench: Bench) -> tuple[Path, dict[str, Source]]:
    path = bench.configuration("presets", (ORDER,), sources=PRESETS)
    loaded = load_configuration(path, ENVIRONMENT)
    assert loaded.configuration is not None, [finding.message for finding in loaded.findings]
    return path, dict(loaded.configuration.sources)


def verification(bench: Bench) -> list[Row]:
    """An AISoule event: verifying it, and all that its source does, vs the bare HMAC, vs all of accepting it."""
    path, sources = _configured(bench)
    source, body = sources[AISOULE], aisoule_event("pure", 1)
    shown, key = signature(body), SECRET.encode()
    headers = [
        ("Host", "bridge.example.com"),
        ("Content-Type", "application/json"),
        (AISOULE_SIGNATURE, f"sha256={shown}"),
        ("Content-Length", str(len(body))),
    ]

    def bare() -> bool:
        return hmac.compare_digest(hmac.digest(key, body, hashlib.sha256).hex(), shown)

    def verified() -> bool:
        return verify(source.verification, headers=headers, query=[], body=body, now_ms=NOW_MS).ok

    def received() -> Received:
        return _received(source, headers, body)

    assert bare()
    assert verified()
    times = bench.size.renders * 10
    bare_us, verify_us, receive_us = (microseconds(work, times) for work in (bare, verified, received))
    with Product(path) as product:
        accept_us = min(
            bench.accept(product, f"{product.hooks}/{AISOULE}", bench.size.connections[0], AISOULE).cpu_us
            for _ in range(bench.size.rounds)
        )
    whole = f"CPU of accepting it over HTTP, c={bench.size.connections[0]}"
    return [
        Row(
            "verification of an AISoule event vs bare `hmac.digest` and compare",
            f"{verify_us:.1f} vs {bare_us:.2f} us",
            f"{verify_us / bare_us:.2f}",
        ),
        Row(
            "`Source.receive` of an AISoule event vs bare `hmac.digest` and compare",
            f"{receive_us:.1f} vs {bare_us:.2f} us",
            f"{receive_us / bare_us:.2f}",
        ),
        Row(
            f"verification of an AISoule event vs {whole}",
            f"{verify_us:.1f} vs {accept_us:,.0f} us",
            *at_most(verify_us / accept_us, SHARE),
        ),
        Row(
            f"`Source.receive` of an AISoule event vs {whole}",
            f"{receive_us:.1f} vs {accept_us:,.0f} us",
            f"{receive_us / accept_us:.2f}",
        ),
    ]


def candidates(bench: Bench) -> list[Row]:
    """A request that shows a thousand signatures; it is refused before any of them is decoded."""
    source, body = _configured(bench)[1]["standard-webhooks"], b'{"type":"user.created","data":{"id":1}}'
    wrong = " ".join(f"v1,{number:043d}=" for number in range(CANDIDATES))
    headers = [
        ("Content-Type", "application/json"),
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", str(NOW_S)),
        ("webhook-signature", wrong),
    ]

    def refused() -> None:
        verdict = verify(source.verification, headers=headers, query=[], body=body, now_ms=NOW_MS)
        assert verdict.reason is Reason.SIGNATURE_MALFORMED, verdict

    found_ms = microseconds(refused, bench.size.renders) / 1000
    measured = f"{found_ms:.2f} vs {CANDIDATES_MS} ms"
    return [Row(f"{CANDIDATES:,} candidate signatures vs their bound", measured, *at_most(found_ms / CANDIDATES_MS, 1))]


def batches(bench: Bench) -> list[Row]:
    """Messages of Meta, all in one request and one commit, and each in a request and a commit of its own."""
    path, sources = _configured(bench)
    source, count = sources["whatsapp-cloud"], bench.size.batch
    whole, single = _messages("b", count), [_messages(f"s{number}", 1) for number in range(count)]

    def read(bodies: Sequence[bytes]) -> list[Sequence[NewEvent]]:
        return [_received(source, _signed(body), body).events for body in bodies]

    [together], apart = read([whole]), read(single)
    assert len(together) == count == sum(map(len, apart))
    together_us, apart_us = (microseconds(partial(read, bodies), 1) / count for bodies in ([whole], single))
    folder = path.parent / "var"
    folder.mkdir()
    stored_us = [
        together_us + asyncio.run(_stored_us(folder / "together.db", [together])) / count,
        apart_us + asyncio.run(_stored_us(folder / "apart.db", apart)) / count,
    ]
    name = f"{count:,} Meta messages in one request vs one by one, each"
    return [
        Row(f"{name}: verify and read", f"{together_us:.1f} vs {apart_us:.1f} us", f"{together_us / apart_us:.2f}"),
        Row(
            f"{name}: and store, synced",
            f"{stored_us[0]:,.0f} vs {stored_us[1]:,.0f} us",
            f"{stored_us[0] / stored_us[1]:.2f}",
        ),
    ]


def _received(source: Source, headers: Pairs, body: bytes) -> Received:
    received = source.receive(headers=headers, query=[], body=body, now_ms=NOW_MS)
    assert isinstance(received, Received), received
    return received


def _signed(body: bytes) -> Pairs:
    return [("Content-Type", "application/json"), ("X-Hub-Signature-256", f"sha256={signature(body)}")]


def _messages(label: str, count: int) -> bytes:
    """A body of Meta's with so many messages."""
    messages = [
        {
            "id": f"wamid.{label}.{at}",
            "from": "918856879188",
            "timestamp": str(NOW_S),
            "type": "text",
            "text": {"body": "Hi"},
        }
        for at in range(count)
    ]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550199999", "phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "Asha"}, "wa_id": "918856879188"}],
        "messages": messages,
    }
    entry = [{"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}]
    return dump_json({"object": "whatsapp_business_account", "entry": entry})


async def _stored_us(path: Path, requests: Sequence[Sequence[NewEvent]]) -> float:
    """How many µs it takes until the events of all requests are in a new store, one request after the other."""
    store = await SqliteStore.open(path)
    try:
        begun = time.perf_counter()
        for events in requests:
            await store.accept(events)
        return (time.perf_counter() - begun) * 1e6
    finally:
        await store.close()
