"""Every shipped connector against its recorded exchanges: what it sends, and what it makes of the answers."""

import re
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bridge.connectors.answer import NOT_JSON, Answer
from bridge.connectors.call import Call
from bridge.connectors.classify import CompiledRow
from bridge.connectors.destination import DestinationShape, compile_destination
from bridge.connectors.library import shipped, shipped_names
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.schema import ErrorRow
from bridge.connectors.verdict import Verdict
from bridge.connectors.wire import ParameterRefused
from bridge.model import Outcome, rfc3339
from tests.connectors.catalog.recorded import KEYS, LISTED, NOW_MS, Exchange, Recording, all_settings, recording

PASSING = {Outcome.SUCCEEDED, Outcome.RETRY_LATER, Outcome.RATE_LIMITED}
LOOKED_FOR = re.compile(r"\b(not|no|none|neither|nor|seen in)\b")
DAY = re.compile(r"20[0-9]{2}-[01][0-9](-[0-3][0-9])?")

PRIVATE_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)

each_connector = pytest.mark.parametrize("name", shipped_names())


def judged(file: Recording, exchange: Exchange) -> Verdict:
    compiled, call, answer = file.compiled(exchange), file.call(exchange), exchange.answer.answer()
    classify = compiled.classify_probe if exchange.probe else compiled.classify
    return classify(call, answer, now_ms=NOW_MS)


def plain(file: Recording) -> Iterator[Exchange]:
    return (exchange for exchange in file.exchanges if exchange.is_plain)


def test_every_connector_has_its_recorded_exchanges_and_no_other_has() -> None:
    assert shipped_names() == LISTED


@each_connector
def test_every_request_is_the_recorded_one(name: str) -> None:
    file = recording(name)
    wrong = {}
    for exchange in file.exchanges:
        if exchange.request is None or exchange.batch:
            continue
        compiled = file.compiled(exchange)
        builder = compiled.probe.request if exchange.probe and compiled.probe is not None else compiled.request
        difference = exchange.request.differences(builder.build(file.call(exchange)))
        if difference:
            wrong[exchange.name] = difference
    assert wrong == {}


@each_connector
def test_a_null_for_what_is_optional_is_sent_or_refused_and_the_look_before_a_repeat_can_still_be_made(
    name: str,
) -> None:
    for operation_name, compiled in shipped(name).operations.items():
        operation = compiled.operation
        for parameter in (each for each, declared in operation.params.items() if not declared.required):
            others = {
                each: operation.sample.params.get(each, "7") for each in operation.one_needed if each != parameter
            }
            try:
                params = compiled.fit({**operation.sample.params, **others, parameter: None})
            except ParameterRefused:
                continue  # refused by its name, or alone in what is needed
            call = Call(params, all_settings(name), KEYS[0], rfc3339(NOW_MS))
            sent = [compiled.request.build(call)]
            if compiled.probe is not None:
                sent.append(compiled.probe.request.build(call))
            for request in sent:
                assert "None" not in request.url + request.body.decode(), (operation_name, parameter)


@each_connector
def test_every_answer_means_what_its_exchange_says(name: str) -> None:
    file = recording(name)
    wrong = {}
    for exchange in file.exchanges:
        if exchange.batch:
            continue
        verdict = judged(file, exchange)
        expected = {
            field: getattr(exchange, field) for field in ("outcome", "code", "message") if getattr(exchange, field)
        }
        found: dict[str, object] = {field: getattr(verdict, field) for field in expected}
        if exchange.outcome is Outcome.SUCCEEDED and not exchange.probe:
            expected["id"], found["id"] = exchange.id, verdict.id
        if exchange.wait is not None:
            waits = [wait for wait in (verdict.retry_after_ms, verdict.wait_ms) if wait is not None]
            expected["wait"], found["wait"] = exchange.wait, max(waits, default=None)
        if exchange.advice is not None:
            expected["advice"], found["advice"] = True, exchange.advice in verdict.advice
        if found != expected:
            wrong[exchange.name] = (found, expected)
    assert wrong == {}


@each_connector
def test_every_look_finds_what_its_exchange_says(name: str) -> None:
    file = recording(name)
    for exchange in file.exchanges:
        compiled = file.compiled(exchange)
        if not exchange.probe or exchange.outcome is not Outcome.SUCCEEDED:
            continue
        assert compiled.probe is not None, exchange.name
        verdict = judged(file, exchange)
        result = compiled.probe.read(file.call(exchange), verdict.body)
        assert (result.found, result.id) == (exchange.found, exchange.id), exchange.name


@each_connector
def test_the_limits_read_and_refuse_as_the_exchanges_say(name: str) -> None:
    file = recording(name)
    limits = {limit.name: limit for limit in shipped(name).limits}
    for exchange in file.exchanges:
        answer = exchange.answer.answer()
        if exchange.limits is not None:
            assert [each for each, limit in limits.items() if limit.refuses(answer)] == list(exchange.limits)
        for each, told in exchange.reads.items():
            reading = limits[each].reading(answer, NOW_MS)
            assert (reading.limit, reading.remaining, reading.resets_in_ms) == (told.limit, told.remaining, told.resets)


@each_connector
def test_a_batch_says_of_each_call_what_the_single_call_is_told(name: str) -> None:
    file = recording(name)
    for exchange in file.exchanges:
        if not exchange.batch:
            continue
        compiled, singles = file.compiled(exchange), [file.named(each) for each in exchange.batch]
        assert {each.operation for each in singles} == {exchange.operation}
        calls = [file.call(single, key) for single, key in zip(singles, KEYS, strict=False)]
        answers = _batched(compiled, calls, exchange)
        verdicts = [
            None if own is None else compiled.classify(call, own, now_ms=NOW_MS)
            for call, own in zip(calls, answers, strict=True)
        ]
        found = [(verdict.outcome, verdict.id) if verdict is not None else None for verdict in verdicts]
        assert found == [(each.outcome, each.id) for each in singles], exchange.name


def _batched(compiled: CompiledOperation, calls: list[Call], exchange: Exchange) -> list[Answer | None]:
    assert compiled.batch is not None, exchange.name
    if exchange.request is not None:
        assert exchange.request.differences(compiled.batch.build(calls)) == {}, exchange.name
    split = compiled.batch.split(calls, exchange.answer.answer())
    if exchange.poll is None:
        assert split.handles is None
        return list(split.answers)
    assert split.handles is not None
    assert exchange.poll.request.differences(compiled.batch.poll(split.handles[0])) == {}
    told = exchange.poll.answer.answer()
    return [compiled.batch.read_poll(call, handle, told) for call, handle in zip(calls, split.handles, strict=True)]


@each_connector
def test_the_exchanges_cover_every_operation_probe_batch_and_row(name: str) -> None:
    file, connector = recording(name), shipped(name)
    missing = []
    for each, compiled in connector.operations.items():
        of_it = [exchange for exchange in file.exchanges if exchange.operation == each]
        if not any(exchange.request for exchange in of_it if exchange.is_plain):
            missing.append(f"{each}: a request")
        if compiled.probe and {True, False} - {exchange.found for exchange in of_it if exchange.probe}:
            missing.append(f"{each}: a look that finds, and one that does not")
        outcomes = {file.named(single).outcome for exchange in of_it for single in exchange.batch}
        if compiled.batch and (Outcome.SUCCEEDED not in outcomes or not outcomes - {Outcome.SUCCEEDED}):
            missing.append(f"{each}: a batch with a success and a failure")
    ends = {exchange.outcome for exchange in plain(file)}
    missing += [f"a success or a dead end among {ends}"] if Outcome.SUCCEEDED not in ends or not ends - PASSING else []
    used = [row for exchange in file.exchanges if not exchange.batch if (row := _row(file, exchange)) is not None]
    rows = [
        *connector.connector.errors,
        *(row for each in connector.operations.values() for row in each.operation.errors),
    ]
    missing += [f"the row {row.status} {row.when or ''} -> {row.outcome}" for row in rows if row not in used]
    assert missing == []


def _row(file: Recording, exchange: Exchange) -> ErrorRow | None:
    """The row of the error table that judges an exchange's answer."""
    compiled, answer = file.compiled(exchange), exchange.answer.answer()
    scope = {**file.call(exchange).scope(), "status": answer.status, "headers": answer.headers, "body": answer.json}
    if answer.json is NOT_JSON:
        scope |= {"body": None, "text": answer.excerpt()}
    rows = (CompiledRow.of(row) for row in (*compiled.operation.errors, *compiled.connector.errors))
    return next((row.row for row in rows if row.fits(answer, scope)), None)


@each_connector
def test_every_sample_is_an_answer_that_succeeds(name: str) -> None:
    for compiled in shipped(name).operations.values():
        sample = Exchange.model_validate(
            {"name": "", "operation": compiled.name, "answer": {"status": 200}, "outcome": "gone"}
        )
        verdict = compiled.classify(recording(name).call(sample), compiled.sample_answer(), now_ms=NOW_MS)
        assert verdict.succeeded, (compiled.name, verdict)


@each_connector
def test_every_fact_has_a_mark_a_source_and_a_day_and_what_is_from_memory_says_so(name: str) -> None:
    connector = shipped(name).connector
    assert connector.facts or any(operation.free_form for operation in connector.operations.values())
    for fact in connector.facts:
        assert fact.says
        assert DAY.fullmatch(fact.seen), fact
        unsure = fact.mark in {"M", "K"}
        assert bool(LOOKED_FOR.search(fact.source)) or not unsure, f"say where it was looked for: {fact}"
        assert unsure or "memory" not in fact.source.lower(), fact


@each_connector
def test_its_settings_make_a_destination_in_every_way_it_can_authenticate(name: str) -> None:
    connector = shipped(name)
    for auth in connector.connector.auth:
        values = dict(recording(name).settings)
        for key in (need for need in auth.needs if need not in values):
            values[key] = _setting(
                connector.connector.settings[key].type, is_key=key in str(auth.assertion and auth.assertion.key)
            )
        base_url = {} if connector.connector.base_url else {"base_url": "https://api.example.com"}
        shape = DestinationShape.model_validate({"connector": name, **base_url, **values})
        destination, problems = compile_destination(name, shape, connector)
        assert destination is not None, problems
        assert destination.base_url.startswith("https://")
        assert destination.auth in connector.connector.auth


def _setting(kind: str, *, is_key: bool) -> object:
    if kind == "auth":
        return {"type": "none"}
    return PRIVATE_KEY if is_key else "value-1"
