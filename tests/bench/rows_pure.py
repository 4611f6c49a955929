"""Rows about what happens in memory: matching and rendering, with no network and no disk in the measured part."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import orjson

from bridge.clock import SystemClock
from bridge.configuration.load import load_configuration
from bridge.configuration.model import Configuration
from bridge.engine.engine import Engine
from bridge.expressions import TemplateRefused, compile_template
from bridge.model import DeliveryState, StoredEvent
from bridge.rules.plan import with_variables
from bridge.rules.run import Run, RunState
from bridge.sources import Received
from bridge.store.sqlite import SqliteStore
from tests.bench.bench import Bench, Row
from tests.bench.product import ENVIRONMENT, ORDER, write_configuration
from tests.bench.rows_basic import at_most
from tests.bench.workload import FIELDS, SIGNATURE, event, mapped, signature
from tests.expressions.test_attacks import REFUSED_AT_LOAD

REPEATS = 5
MOST_MS = 100
RULE = """\
  - name: rule-{number}
    on: shop/order
    if: body.status == "paid" and body.amount.currency == "EUR" and body.customer.id == "c{number}"
    key: "{{{{ body.customer.id }}}}"
    steps: [{{id: send, use: order.post, with: {{path: /orders, json: {fields}}}}}]
"""
CUSTOMER = 0
"""The customer whose rule matches; every other rule has another one."""


def microseconds(work: Callable[[], object], times: int) -> float:
    """The best of some repeats, µs of CPU for each call."""
    work()
    found = []
    for _ in range(REPEATS):
        begun = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - begun) / times)
    return min(found) * 1e6


def _configured(folder: Path, sink: str, rules: int) -> Configuration:
    path = write_configuration(folder, sink, (ORDER,))
    fields = orjson.dumps(FIELDS).decode()
    text = path.read_text().partition("\nrules:\n")[0]
    own = "".join(RULE.format(number=number, fields=fields) for number in range(rules))
    path.write_text(f"{text}\nrules:\n{own}")
    loaded = load_configuration(path, ENVIRONMENT)
    assert loaded.configuration is not None, [finding.message for finding in loaded.findings]
    return loaded.configuration


def _stored(configuration: Configuration) -> StoredEvent:
    body = event("pure", CUSTOMER, ORDER, 1)
    received = configuration.sources["shop"].receive(
        headers=[(SIGNATURE, signature(body))], query=[], body=body, now_ms=1_780_369_300_000
    )
    assert isinstance(received, Received), received
    [new] = received.events
    return new.stored(seq=1, id_="evt_pure")


async def _match_and_render(folder: Path, sink: str, rules: int, times: int) -> float:
    configuration = _configured(folder, sink, rules)
    store = await SqliteStore.open(folder / "var" / "bridge.db")
    engine = Engine(store, configuration, SystemClock(), worker="bench", failed=lambda _: None)
    stored = _stored(configuration)

    def work() -> None:
        [delivery] = [one for one in engine.router.plan(stored) if one.state is DeliveryState.PENDING]
        rule = configuration.rules.by_name(delivery.rule)
        assert rule is not None
        run = Run(
            rule,
            configuration.scope(stored),
            links={},
            recall=delivery.recall,
            state=RunState(),
            settings={},
            event_id=stored.id,
        )
        run.next(0)

    try:
        return microseconds(work, times)
    finally:
        await engine.stop(within_s=0)
        await store.close()


def rules(bench: Bench) -> list[Row]:
    """Match an event and render its request with 1, 100 and 1,000 rules."""
    found = {
        count: asyncio.run(
            _match_and_render(
                bench.configuration(f"rules-{count}", (ORDER,)).parent,
                bench.sink_url,
                count,
                max(1, bench.size.renders // max(1, count // 10)),
            )
        )
        for count in (1, *bench.size.many_rules)
    }
    return [
        Row(
            f"match + render with {count:,} rules vs 1 rule",
            f"{found[count]:,.0f} vs {found[1]:,.0f} us",
            *at_most(found[count] / found[1], 1.2),
        )
        for count in bench.size.many_rules
    ]


def mapping(bench: Bench) -> list[Row]:
    """The 8 fields of a rule vs the same in hand-written Python."""
    configuration = _configured(bench.configuration("mapping", (ORDER,)).parent, bench.sink_url, 1)
    stored = _stored(configuration)
    rule = configuration.rules.by_name("rule-0")
    assert rule is not None
    scope = with_variables(rule, configuration.scope(stored))
    body = orjson.loads(stored.content)
    given = rule.steps[0].given
    assert given.render(scope)["json"] == mapped(body)  # type: ignore[index]  # a tree of a mapping gives a mapping
    ours = microseconds(lambda: given.render(scope), bench.size.renders)
    python = microseconds(lambda: mapped(body), bench.size.renders * 10)
    return [
        Row("8-field mapping vs hand-written Python", f"{ours:.1f} vs {python:.2f} us", *at_most(ours / python, 30))
    ]


def attacks(_bench: Bench) -> list[Row]:
    """The slowest refusal of a template that tries to hang the bridge; each is timed as the best of some repeats."""

    def refuse(source: str) -> None:
        with suppress(TemplateRefused):
            compile_template(source)

    slowest = max(microseconds(partial(refuse, source), 1) for source in REFUSED_AT_LOAD) / 1000
    measured = f"{slowest:.1f} ms of {len(REFUSED_AT_LOAD)} vs {MOST_MS} ms"
    return [Row("slowest refusal of a template attack vs its bound", measured, *at_most(slowest / MOST_MS, 1))]
