"""What goes through a sandbox API: the call that came in, the answer it gets, and the refusal that carries one.

The state modules know nothing of aiohttp. They take a :class:`Call` and return an :class:`Answer`, so the same
answer can be sent whole, cut in half or dropped by a fault.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import parse_qs

import orjson

from bridge.errors import BridgeError

_JSON_SUFFIX = re.compile(r"\.json$")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `body` is a JSON value; `text` is sent instead when it is not None.

    Both None means an empty body.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    text_type: str = "text/plain"
    data: bytes | None = None
    """A file, sent in place of both; `text_type` is its media type."""

    def with_headers(self, headers: Mapping[str, str]) -> "Answer":
        """The same answer with more headers; those it already has win."""
        return replace(self, headers={**headers, **self.headers})

    def content(self) -> bytes:
        """The bytes of the body."""
        if self.data is not None:
            return self.data
        if self.text is not None:
            return self.text.encode()
        return b"" if self.body is None else orjson.dumps(self.body)

    def content_type(self) -> str:
        """The media type that belongs to the bytes."""
        return "application/json" if self.text is None and self.data is None else self.text_type


class Refused(BridgeError):  # noqa: N818 - reads as a state: the call was refused
    """The API says no; `answer` is what it says. The message is only the status, never anybody's text."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"refused with status {answer.status}")
        self.answer = answer


class Unreadable(BridgeError):  # noqa: N818 - reads as a state, each API answers it in its own shape
    """The body is not what its content type promises."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the API sees it.

    `path` starts after the API's mount point and is percent-decoded. `params` are the path's variables, `query`
    keeps every value of a repeated name, `headers` have lower-case names. `root` is the absolute URL of the
    mount point, for links in answers.
    """

    method: str
    path: str
    root: str
    params: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    content: bytes

    def asked(self, name: str) -> str | None:
        """The first value of a query parameter, None when it is absent."""
        values = self.query.get(name)
        return values[0] if values else None

    def asked_list(self, name: str) -> list[str]:
        """All values of a query parameter that may be repeated, or joined by commas, or both."""
        return [part for value in self.query.get(name, []) for part in value.split(",") if part]

    @property
    def plain_path(self) -> str:
        """The path without the optional `.json` at its end."""
        return _JSON_SUFFIX.sub("", self.path)

    @property
    def media_type(self) -> str:
        """The content type without parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def bearer(self) -> str | None:
        """The bearer token, None when there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None

    def json(self) -> Any:
        """The parsed body.

        Raises:
            Unreadable: it is not JSON.
        """
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            # `from None`: the decoder's error carries the whole document.
            raise Unreadable("the body is not JSON") from None

    def form(self) -> dict[str, str]:
        """The fields of a form-encoded body, the first value of each.

        Raises:
            Unreadable: it is not UTF-8.
        """
        try:
            fields = parse_qs(self.content.decode(), keep_blank_values=True)
        except UnicodeDecodeError:
            raise Unreadable("the form is not UTF-8") from None
        return {name: values[0] for name, values in fields.items()}


Respond = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One path of an API in aiohttp's notation, e.g. `/crm/v3/objects/{type}`. Method `*` takes any."""

    method: str
    path: str
    respond: Respond


class Api(Protocol):
    """What the server needs to know of one sandbox API."""

    name: str

    def routes(self) -> Iterable[Route]:
        """All paths, most specific first."""
        ...

    def unknown(self, call: Call) -> Answer:
        """The answer for a path that does not exist."""
        ...

    def admit(self, call: Call) -> None:
        """Check limits and credentials.

        Raises:
            Refused: the call goes no further.
        """
        ...

    def unreadable(self) -> Answer:
        """The answer for a body that could not be parsed."""
        ...

    def finished(self, call: Call, answer: Answer) -> Answer:
        """Add what every answer of this API carries, such as the headers of the limits."""
        ...

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure in the API's own shape, for faults."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """The whole state as JSON."""
        ...

    def reset(self) -> None:
        """Forget everything that calls have changed."""
        ...


def answer_call(api: Api, call: Call, respond: Respond) -> Answer:
    """Let `api` answer one call; a refusal is an answer too."""
    try:
        api.admit(call)
        answer = respond(call)
    except Refused as refusal:
        answer = refusal.answer
    except Unreadable:
        answer = api.unreadable()
    return api.finished(call, answer)
