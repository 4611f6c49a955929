"""An API of no particular vendor: it takes any JSON anywhere, hands out ids and honours Idempotency-Key."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from bridge.sandbox.answers import Answer, Call, Refused, Route, Unreadable

_TOO_MANY = 429


@dataclass(slots=True)
class GenericRecord:
    """One stored document. `path` is where it was created, `key` the idempotency key it came with."""

    id: int
    path: str
    body: Any
    key: str | None = None


class Generic:
    """POST makes a record at `{path}/{id}`, PUT and PATCH make or change one at `{path}`, GET reads, DELETE removes.

    `repeats` counts the requests that were answered from an earlier one with the same key. With a `token`, only
    calls that bear it get in.
    """

    name = "generic"

    def __init__(self, token: str | None = None) -> None:
        self._token = token
        self.reset()

    def reset(self) -> None:
        """Forget all records and keys."""
        self._ids = count(1)
        self._at: dict[str, GenericRecord] = {}
        self._answers: dict[tuple[str, str, str], Answer] = {}
        self.repeats = 0

    @property
    def records(self) -> list[GenericRecord]:
        """All records, oldest first."""
        return list(self._at.values())

    def routes(self) -> Iterator[Route]:
        """Every path and method."""
        yield Route("*", "/{path:.*}", self._serve)

    def admit(self, call: Call) -> None:
        """Check the token, if one is wanted."""
        if self._token is not None and call.bearer != self._token:
            raise Refused(_error(401, "unauthorized"))

    def finished(self, _: Call, answer: Answer) -> Answer:
        """Nothing is added."""
        return answer

    def unreadable(self) -> Answer:
        """400 for a body that says it is JSON and is not."""
        return _error(400, "invalid_json")

    def unknown(self, _: Call) -> Answer:
        """404."""
        return _error(404, "not_found")

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure as a plain error code."""
        answer = _error(status, "rate_limited" if status == _TOO_MANY else "sandbox_fault")
        return answer if retry_after is None else answer.with_headers({"Retry-After": retry_after})

    def snapshot(self) -> dict[str, Any]:
        """All records, and how many requests were repeats."""
        return {"records": [asdict(record) for record in self._at.values()], "repeats": self.repeats}

    def _serve(self, call: Call) -> Answer:
        path = call.path.rstrip("/") or "/"
        if call.method in ("GET", "HEAD"):
            return self._read(path)
        key = call.headers.get("idempotency-key")
        if key is None:
            return self._write(call, path, None)
        identity = (key, call.method, path)
        if identity in self._answers:
            self.repeats += 1
            return self._answers[identity].with_headers({"Idempotency-Replayed": "true"})
        answer = self._write(call, path, key)
        self._answers[identity] = answer
        return answer

    def _write(self, call: Call, path: str, key: str | None) -> Answer:
        if call.method == "POST":
            return self._create(path, _body(call), key)
        if call.method == "DELETE":
            return Answer(204) if self._at.pop(path, None) is not None else self.unknown(call)
        return self._replace(call, path, key)

    def _create(self, path: str, body: Any, key: str | None) -> Answer:
        record = GenericRecord(next(self._ids), path, body, key)
        self._at[f"{path.rstrip('/')}/{record.id}"] = record
        return Answer(201, {"id": record.id})

    def _replace(self, call: Call, path: str, key: str | None) -> Answer:
        body = _body(call)
        known = self._at.get(path)
        if known is None:
            known = self._at[path] = GenericRecord(next(self._ids), path, body, key)
            return Answer(201, {"id": known.id})
        both = isinstance(known.body, dict) and isinstance(body, dict)
        known.body = {**known.body, **body} if call.method == "PATCH" and both else body
        return Answer(200, {"id": known.id})

    def _read(self, path: str) -> Answer:
        record = self._at.get(path)
        if record is not None:
            return Answer(200, _shown(record))
        below = [item for item in self._at.values() if item.path == path]
        return Answer(200, {"items": [_shown(item) for item in below]}) if below else _error(404, "not_found")


def _shown(record: GenericRecord) -> dict[str, Any]:
    body = record.body if isinstance(record.body, dict) else {"body": record.body}
    return {**body, "id": record.id}


def _body(call: Call) -> Any:
    """JSON as JSON, a form as its fields, anything else as text."""
    if not call.content:
        return None
    if call.media_type == "application/x-www-form-urlencoded":
        return call.form()
    if call.media_type == "application/json" or call.media_type.endswith("+json"):
        return call.json()
    try:
        return call.json()
    except Unreadable:
        return call.content.decode(errors="replace")


def _error(status: int, code: str) -> Answer:
    return Answer(status, {"error": code})
