"""An operation, compiled: from a step's parameters to a request, from an answer to a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from bridge.connectors.answer import NOT_JSON, Answer
from bridge.connectors.classify import ANSWER_NAMES, CompiledRow, CompiledSuccess, classify
from bridge.connectors.parameters import ParameterRefused, fit
from bridge.connectors.request import OutboundRequest, with_query
from bridge.connectors.schema import Connector, Operation, Probe, Request, Success
from bridge.connectors.verdict import Verdict
from bridge.expressions import RenderError, Template, Tree, compile_expression, compile_template, compile_tree

REQUEST_NAMES = frozenset({"params", "settings", "key", "since"})
_PROBE_SUCCESS = CompiledSuccess.of(Success(status=("200",)))


@dataclass(frozen=True, slots=True)
class Call:
    """What one step wants from one operation, rendered: enough to build its requests again and again.

    `key` is the idempotency key, `since` when the step was first tried (RFC 3339 UTC).
    """

    params: Mapping[str, object]
    settings: Mapping[str, object]
    key: str
    since: str

    def scope(self) -> dict[str, object]:
        """The names that a connector's templates see."""
        return {"params": self.params, "settings": self.settings, "key": self.key, "since": self.since}


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a look before a repeat found: the id when our call had arrived, or the next page to look at."""

    found: bool
    id: object = None
    next_url: str | None = None


class CompiledRequest:
    """A request template of a connector file."""

    def __init__(self, request: Request, common_headers: Mapping[str, str], idempotency_header: str | None) -> None:
        self._method = request.method
        self._path = compile_template(request.path, names=REQUEST_NAMES)
        self._query = compile_tree(request.query, names=REQUEST_NAMES)
        headers: dict[str, object] = {"Accept": "application/json", **common_headers, **request.headers}
        if idempotency_header:
            headers[idempotency_header] = "{{ key }}"
        self._headers = compile_tree(headers, names=REQUEST_NAMES)
        self._json = None if request.json_ is None else compile_tree(request.json_, names=REQUEST_NAMES)

    def build(self, call: Call) -> OutboundRequest:
        """The request for a call.

        Raises:
            RenderError: a template of the connector met something it cannot use.
        """
        scope = call.scope()
        headers = _text_headers(self._headers, scope)
        query = self._query.render(scope)
        url = with_query(self._path.render_path(scope), query if isinstance(query, dict) else {})
        if self._json is None:
            return OutboundRequest(self._method, url, headers)
        headers["Content-Type"] = "application/json"
        return OutboundRequest(self._method, url, headers, json_bytes(self._json.render(scope)))


class FreeFormRequest:
    """The `http` connector: the rule itself says path, query, headers and body."""

    def __init__(self, method: str, idempotency_header: str | None) -> None:
        self._method = method
        self._idempotency_header = idempotency_header

    def build(self, call: Call) -> OutboundRequest:
        """The request for a call."""
        params = call.params
        headers = {"Accept": "application/json"}
        if self._idempotency_header:
            headers[self._idempotency_header] = call.key
        body, content_type = _free_body(params)
        if content_type:
            headers["Content-Type"] = content_type
        headers |= _mapping_of_text("headers", params.get("headers"))
        path = str(params.get("path") or "")
        query = params.get("query")
        return OutboundRequest(
            self._method, with_query(path, query if isinstance(query, Mapping) else {}), headers, body
        )


class CompiledProbe:
    """A probe of a connector file: the look before a repeat."""

    def __init__(self, probe: Probe, common_headers: Mapping[str, str]) -> None:
        self.request = CompiledRequest(probe.request, common_headers, None)
        self._items = compile_expression(probe.items, names=ANSWER_NAMES)
        self._match = compile_expression(probe.match, names=ANSWER_NAMES)
        self._id = compile_expression(probe.id, names=ANSWER_NAMES)
        self._next = compile_expression(probe.next, names=ANSWER_NAMES) if probe.next else None

    def read(self, call: Call, body: object) -> ProbeResult:
        """What the answer's body says about our earlier call.

        Raises:
            RenderError: the body does not have the list that the probe reads.
        """
        scope = {**call.scope(), "body": body}
        items = self._items.render(scope)
        for item in items if isinstance(items, list) else []:
            with_item = {**scope, "item": item}
            if self._match.evaluate(with_item):
                return ProbeResult(found=True, id=self._id.render(with_item))
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
        self._success = CompiledSuccess.of(operation.success)
        self._rows = [CompiledRow.of(row) for row in (*operation.errors, *connector.errors)]
        self._messages: Sequence[Template] = [
            compile_expression(text, names=ANSWER_NAMES) for text in connector.message
        ]
        self._conflict_id = (
            compile_expression(operation.conflict.id, names=ANSWER_NAMES) if operation.conflict else None
        )
        self.probe = CompiledProbe(operation.probe, connector.headers) if operation.probe else None

    def fit(self, given: Mapping[str, object]) -> dict[str, object]:
        """The parameters in the form the API wants.

        Raises:
            ParameterRefused: one is missing or of the wrong kind.
        """
        return fit(self.operation.params, given)

    def classify(self, call: Call, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer to `request.build(call)` means."""
        return classify(answer, self._success, self._rows, self._messages, call.scope(), now_ms=now_ms)

    def classify_probe(self, call: Call, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer to the probe means as an HTTP call; `probe.read` then looks into its body."""
        return classify(answer, _PROBE_SUCCESS, self._rows, self._messages, call.scope(), now_ms=now_ms)

    def existing_id(self, call: Call, answer: Answer) -> object:
        """The id that a 409 names, or None."""
        if self._conflict_id is None or answer.json is NOT_JSON:
            return None
        try:
            return self._conflict_id.render(
                {**call.scope(), "status": answer.status, "headers": answer.headers, "body": answer.json}
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


def json_bytes(value: object) -> bytes:
    """Compact UTF-8 JSON; whole numbers beyond 64 bits are refused, no CRM takes them."""
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise ParameterRefused(
            "json", "the request holds a number that JSON cannot carry", "send it as text: `| string`"
        ) from error


def _free_body(params: Mapping[str, object]) -> tuple[bytes, str | None]:
    given = [name for name in ("json", "form", "text") if name in params]
    if len(given) > 1:
        raise ParameterRefused(given[1], f"both `{given[0]}` and `{given[1]}` are given", "keep one body")
    if "json" in params:
        return json_bytes(params["json"]), "application/json"
    if "form" in params:
        fields = _mapping_of_text("form", params["form"])
        return with_query("", fields)[1:].encode(), "application/x-www-form-urlencoded"
    if "text" in params:
        return str(params["text"]).encode(), "text/plain; charset=utf-8"
    return b"", None


def _mapping_of_text(name: str, value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ParameterRefused(name, f"parameter `{name}` is not a mapping", f"write `{name}` as names with values")
    texts = {str(key): item if isinstance(item, str) else orjson.dumps(item).decode() for key, item in value.items()}
    return _checked_headers(texts) if name == "headers" else texts


def _text_headers(tree: Tree, scope: Mapping[str, object]) -> dict[str, str]:
    rendered = tree.render(scope)
    if not isinstance(rendered, dict):
        raise TypeError("headers are a mapping")
    return _checked_headers({name: str(value) for name, value in rendered.items()})


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not value.isprintable() or not value.isascii():
            raise ParameterRefused(
                name, f"header `{name}` holds characters that a header cannot carry", "send that value in the body"
            )
    return headers
