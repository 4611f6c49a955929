"""An operation, compiled: from a step's parameters to a request, from an answer to a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from bridge.connectors.answer import NOT_JSON, Answer
from bridge.connectors.batching import CompiledBatch
from bridge.connectors.building import CompiledRequest
from bridge.connectors.call import Call
from bridge.connectors.classify import ANSWER_NAMES, CompiledRow, CompiledSuccess, ErrorTable, classify, status_fits
from bridge.connectors.free_form import FreeFormRequest
from bridge.connectors.parameters import fit
from bridge.connectors.schema import Connector, Operation, Probe, Success
from bridge.connectors.verdict import Verdict
from bridge.expressions import RenderError, compile_expression
from bridge.model import Outcome

_LOOK_SUCCESS = CompiledSuccess.of(Success(status=("200",)))


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a look before a repeat found: the id when our call had arrived, or the next page to look at."""

    found: bool
    id: object = None
    body: object = None
    next_url: str | None = None


class CompiledProbe:
    """A probe of a connector file: the look before a repeat."""

    def __init__(self, probe: Probe, common_headers: Mapping[str, str]) -> None:
        self.request = CompiledRequest(probe.request, common_headers, None)
        self._nothing = probe.nothing
        self._items = compile_expression(probe.items, names=ANSWER_NAMES)
        self._match = compile_expression(probe.match, names=ANSWER_NAMES)
        self._id = compile_expression(probe.id, names=ANSWER_NAMES)
        self._body = compile_expression(probe.body, names=ANSWER_NAMES) if probe.body else None
        self._next = compile_expression(probe.next, names=ANSWER_NAMES) if probe.next else None

    def says_nothing(self, answer: Answer) -> bool:
        """Whether the answer says by its status, and without a body, that nothing is there."""
        if answer.status is None or answer.trouble is not None or answer.body:
            return False
        return any(status_fits(status, answer.status) for status in self._nothing)

    def read(self, call: Call, body: object) -> ProbeResult:
        """What the answer's body says about our earlier call.

        Raises:
            RenderError: the body does not have the list that the probe reads. Nothing may be concluded from it: to
                take it for an empty list would do the work twice.
        """
        scope = {**call.scope(), "body": body}
        items = self._items.render(scope)
        if not isinstance(items, list):
            raise RenderError("the answer to the probe has no list of records")
        for item in items:
            with_item = {**scope, "item": item}
            if self._match.evaluate(with_item):
                body = self._body.render(with_item) if self._body else None
                return ProbeResult(found=True, id=self._id.render(with_item), body=body)
        next_url = self._next.render(scope) if self._next else None
        return ProbeResult(found=False, next_url=next_url if isinstance(next_url, str) and next_url else None)


class CompiledOperation:
    """One operation of one connector, ready for many calls. Pure: it only builds and reads."""

    def __init__(self, connector: Connector, name: str) -> None:
        operation = connector.operations[name]
        header = operation.idempotency.header if operation.idempotency else None
        self.connector = connector
        self.name = name
        self.operation: Operation = operation
        self.request: CompiledRequest | FreeFormRequest = (
            FreeFormRequest(operation.request.method, header)
            if operation.free_form
            else CompiledRequest(operation.request, connector.headers, header)
        )
        self.path_params = self.request.path_params
        """The parameters that stand in the URL's path: a 404 is about the record that they name."""
        self._success = CompiledSuccess.of(operation.success)
        self._table = ErrorTable(
            rows=[CompiledRow.of(row) for row in (*operation.errors, *connector.errors)],
            messages=[compile_expression(text, names=ANSWER_NAMES) for text in connector.message],
            waits=[compile_expression(text, names=ANSWER_NAMES) for text in connector.retry_after],
        )
        self._conflict_id = (
            compile_expression(operation.conflict.id, names=ANSWER_NAMES) if operation.conflict else None
        )
        self.update = CompiledOperation(connector, operation.conflict.use) if operation.conflict else None
        """What a conflict that names the existing record is turned into."""
        self.probe = CompiledProbe(operation.probe, connector.headers) if operation.probe else None
        self.batch = CompiledBatch(operation.batch, connector.headers, self._judge) if operation.batch else None

    def fit(self, given: Mapping[str, object]) -> dict[str, object]:
        """The parameters in the form the API wants.

        Raises:
            ParameterRefused: one is missing or of the wrong kind.
        """
        return fit(self.operation.params, given, one_needed=self.operation.one_needed, clear=self.connector.clear)

    def classify(self, call: Call, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer to `request.build(call)` means."""
        return classify(answer, self._success, self._table, call.scope(), now_ms=now_ms)

    def classify_probe(self, call: Call, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer to the probe means as an HTTP call; `probe.read` then looks into its body.

        `gone`: nothing is there.
        """
        if self.probe is not None and self.probe.says_nothing(answer):
            return Verdict(Outcome.GONE, answer.status, f"http_{answer.status}", "there is nothing")
        return classify(answer, _LOOK_SUCCESS, self._table, call.scope(), now_ms=now_ms)

    def classify_poll(self, call: Call, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer to a batch's poll means as an HTTP call; `batch.read_poll` then looks into its body."""
        return classify(answer, _LOOK_SUCCESS, self._table, call.scope(), now_ms=now_ms)

    def existing_id(self, call: Call, answer: Answer) -> object:
        """The id that a 409 names, or None."""
        body = answer.json
        if self._conflict_id is None or body is NOT_JSON:
            return None
        try:
            return self._conflict_id.render(
                {**call.scope(), "status": answer.status, "headers": answer.headers, "body": body}
            )
        except RenderError:
            return None  # this 409 names no record

    def needs_probe(self, *, age_ms: int) -> bool:
        """Whether a repeat must look first: always with `probe`, with `key` once the vendor has forgotten the key."""
        if self.probe is None:
            return False
        lasts = self.operation.idempotency.lasts if self.operation.idempotency else None
        return self.operation.repeat == "probe" or (lasts is not None and age_ms >= lasts)

    @property
    def is_repeatable(self) -> bool:
        """Whether a lost answer may be answered by calling again."""
        return self.operation.repeat != "unsafe"

    def sample_answer(self) -> Answer:
        """The answer that the connector file gives as a sample."""
        sample = self.operation.sample
        if sample.text is not None:
            return Answer(sample.status, {"content-type": "text/plain", **sample.headers}, sample.text.encode())
        body = b"" if sample.json_ is None else orjson.dumps(sample.json_)
        return Answer(sample.status, {"content-type": "application/json", **sample.headers}, body)

    def _judge(self, call: Call, answer: Answer) -> Verdict:
        """The outcome alone: no time is known here, and none is needed for it."""
        return self.classify(call, answer, now_ms=0)
