"""Batch calls: up to 100 inputs, checked all before any is written, failures per input where HubSpot tells them.

Without a distinct `objectWriteTraceId` on every input the first bad one refuses the whole call. With them the good
ones are written and the bad ones come back in a 207. Results come in reverse order on purpose: the
specification promises none, and a client that counts on one should fail here rather than in production.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.clock import Clock
from bridge.model import rfc3339
from bridge.sandbox.answers import Answer, Refused
from bridge.sandbox.hubspot.catalog import ObjectKind
from bridge.sandbox.hubspot.records import Draft, Record, Records
from bridge.sandbox.hubspot.refusals import validation
from bridge.sandbox.hubspot.schema import Schema, comparable
from bridge.sandbox.hubspot.shapes import name_list

MAX_INPUTS = 100
Input = Mapping[str, Any]


@dataclass(slots=True)
class _Outcome:
    """What became of the inputs of one call."""

    results: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


class Batches:
    """The five batch calls of an object kind."""

    def __init__(self, clock: Clock, schema: Schema, records: Records) -> None:
        self._clock = clock
        self._schema = schema
        self._records = records

    def create(self, kind: ObjectKind, body: Any) -> Answer:
        """`batch/create`: 201, or 207."""
        inputs = batch_inputs(body)
        claims = _Claims(self._schema, kind)

        def prepare(item: Input) -> Draft:
            draft = self._records.prepare_create(kind, item.get("properties"), item.get("associations"))
            claims.claim(draft)
            return draft

        return self._write(inputs, prepare, lambda _: {}, 201)

    def update(self, kind: ObjectKind, body: Any) -> Answer:
        """`batch/update`: 200, or 207; records that do not exist are a 207 even without trace ids."""
        inputs = batch_inputs(body)
        _refuse_repeated(inputs)
        found, missing = self._split_missing(kind, inputs)
        claims = _Claims(self._schema, kind)

        def prepare(item: Input) -> Draft:
            record = self._records.get(kind, _key(item), item.get("idProperty"))
            draft = self._records.prepare_update(kind, record, item.get("properties"))
            claims.claim(draft)
            return draft

        answer = self._write(found, prepare, lambda _: {}, 200)
        return self._with_missing(answer, kind, missing, "update")

    def upsert(self, kind: ObjectKind, body: Any) -> Answer:
        """`batch/upsert`: 200, or 207. With `idProperty: email` a bad input always refuses the whole call."""
        inputs = batch_inputs(body)
        for item in inputs:
            self._check_upsert(kind, item)
        _refuse_repeated(inputs)
        claims = _Claims(self._schema, kind)

        def prepare(item: Input) -> Draft:
            record = self._records.find(kind, _key(item), item["idProperty"])
            raw = item.get("properties")
            if record is not None:
                draft = self._records.prepare_update(kind, record, raw)
            else:
                named = {item["idProperty"]: _key(item)}
                draft = self._records.prepare_create(kind, {**named, **raw} if isinstance(raw, dict) else raw)
            claims.claim(draft)
            return draft

        by_email = any(item["idProperty"] == "email" for item in inputs)
        return self._write(inputs, prepare, lambda draft: {"new": draft.record is None}, 200, partial=not by_email)

    def read(self, kind: ObjectKind, body: Any) -> Answer:
        """`batch/read`: 200, or 207 when some do not exist."""
        inputs = batch_inputs(body)
        id_property = body.get("idProperty")
        names = name_list(body, "properties") or kind.shown
        started_ms = self._clock.now_ms()
        outcome = _Outcome()
        missing = []
        for item in inputs:
            record = self._records.find(kind, _key(item), id_property)
            if record is None:
                missing.append(_key(item))
            else:
                outcome.results.append(record.shown(names))
        return self._with_missing(self._complete(outcome, started_ms, 200), kind, missing, "get")

    def archive(self, kind: ObjectKind, body: Any) -> Answer:
        """`batch/archive`: 204, whether or not the records existed."""
        for item in batch_inputs(body):
            self._records.archive(kind, _key(item))
        return Answer(204)

    def _check_upsert(self, kind: ObjectKind, item: Input) -> None:
        _key(item)
        id_property = item.get("idProperty")
        if not isinstance(id_property, str):
            raise validation("Every input of an upsert needs an idProperty")
        self._schema.unique(kind, id_property)

    def _write(
        self,
        inputs: Sequence[Input],
        prepare: Callable[[Input], Draft],
        more: Callable[[Draft], dict[str, Any]],
        status: int,
        *,
        partial: bool = True,
    ) -> Answer:
        started_ms = self._clock.now_ms()
        partial = partial and _all_traced(inputs)
        outcome = _Outcome()
        drafts: list[tuple[Draft, Input]] = []
        for item in inputs:
            try:
                drafts.append((prepare(item), item))
            except Refused as refusal:
                if not partial:
                    raise
                outcome.errors.append(_input_error(refusal.answer, item["objectWriteTraceId"]))
        for draft, item in drafts:
            shown = {**self._written(draft), **more(draft)}
            if "objectWriteTraceId" in item:
                shown["objectWriteTraceId"] = item["objectWriteTraceId"]
            outcome.results.append(shown)
        return self._complete(outcome, started_ms, status)

    def _written(self, draft: Draft) -> dict[str, Any]:
        record: Record = self._records.commit(draft)
        return record.shown()

    def _split_missing(self, kind: ObjectKind, inputs: Sequence[Input]) -> tuple[list[Input], list[str]]:
        found, missing = [], []
        for item in inputs:
            if self._records.find(kind, _key(item), item.get("idProperty")) is None:
                missing.append(_key(item))
            else:
                found.append(item)
        return found, missing

    def _with_missing(self, answer: Answer, kind: ObjectKind, missing: Sequence[str], verb: str) -> Answer:
        if not missing:
            return answer
        error = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"Could not {verb} some {kind.singular.upper()} objects, they may be deleted or not exist.",
            "context": {"ids": list(missing)},
        }
        errors = [*answer.body.get("errors", ()), error]
        return Answer(207, {**answer.body, "numErrors": len(errors), "errors": errors})

    def _complete(self, outcome: _Outcome, started_ms: int, status: int) -> Answer:
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": outcome.results[::-1],
            "startedAt": rfc3339(started_ms),
            "completedAt": rfc3339(self._clock.now_ms()),
        }
        if not outcome.errors:
            return Answer(status, body)
        return Answer(207, {**body, "numErrors": len(outcome.errors), "errors": outcome.errors})


class _Claims:
    """The unique values that earlier inputs of the same call will take."""

    def __init__(self, schema: Schema, kind: ObjectKind) -> None:
        self._names = schema.unique_names(kind)
        self._claimed: set[tuple[str, str]] = set()

    def claim(self, draft: Draft) -> None:
        """Reserve the unique values of a draft.

        Raises:
            Refused: 400, an earlier input has one of them.
        """
        wanted = {(name, comparable(name, draft.values[name])) for name in self._names if draft.values.get(name)}
        taken = wanted & self._claimed
        if taken:
            name = min(taken)[0]
            raise validation(f"Another input of this batch already has that value of the unique property {name}")
        self._claimed |= wanted


def batch_inputs(body: Any, most: int = MAX_INPUTS) -> list[Input]:
    """The inputs of a batch body.

    Raises:
        Refused: 400, none, too many, or not objects.
    """
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
        raise validation("inputs must be a list of objects")
    if not inputs:
        raise validation("The batch request has no inputs")
    if len(inputs) > most:
        raise validation(f"The maximum number of inputs supported in a batch request is {most}")
    return inputs


def _key(item: Input) -> str:
    key = item.get("id")
    if not isinstance(key, str | int) or isinstance(key, bool) or key == "":
        raise validation("Every input needs an id")
    return str(key)


def _refuse_repeated(inputs: Sequence[Input]) -> None:
    seen = Counter((item.get("idProperty"), comparable(str(item.get("idProperty")), _key(item))) for item in inputs)
    repeated = [key for (_, key), times in seen.items() if times > 1]
    if repeated:
        raise validation("Duplicate IDs found in batch input: IDs must be unique", context={"ids": repeated})


def _all_traced(inputs: Sequence[Input]) -> bool:
    traces = list(_traces(inputs))
    return len(traces) == len(inputs) == len(set(traces))


def _traces(inputs: Sequence[Input]) -> Iterator[str]:
    for item in inputs:
        if isinstance(item.get("objectWriteTraceId"), str):
            yield item["objectWriteTraceId"]


def _input_error(answer: Answer, trace: str) -> dict[str, Any]:
    body = answer.body
    error = {key: body[key] for key in ("status", "category", "message", "errors") if key in body}
    return {**error, "context": {**body.get("context", {}), "objectWriteTraceId": [trace]}}
