"""Slack: messages to channels, by the Web API and by an incoming webhook. Errors are 200 with `ok: false`."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Call, Refused, Route

CHANNEL = "C024BE91L"
"""The channel that a fresh workspace has, and the one of its webhook."""
USER = "U000"
_TOO_MANY = 429
_MOST = 999
_WEBHOOK_PREFIX = "/services/"


@dataclass(slots=True)
class SlackMessage:
    """One message; `ts` is its id. `via` is `api` or `webhook`."""

    channel: str
    ts: str
    text: str
    via: str
    blocks: list[Any] | None = None
    thread_ts: str | None = None
    metadata: dict[str, Any] | None = None

    @property
    def is_answer(self) -> bool:
        """Whether it stands in a thread below another message."""
        return self.thread_ts is not None and self.thread_ts != self.ts


class Slack:
    """A workspace. Tests may add to `channels`, archive some, and change what the token may do (`scopes`)."""

    name = "slack"

    def __init__(self, clock: Clock, *, tokens: frozenset[str], webhooks: frozenset[str]) -> None:
        self._clock = clock
        self._tokens = tokens
        self._webhooks = webhooks
        self.reset()

    def reset(self) -> None:
        """Start again with one empty channel."""
        self.channels = {CHANNEL}
        self.archived: set[str] = set()
        self.scopes = {"chat:write", "channels:history"}
        self.messages: list[SlackMessage] = []

    def routes(self) -> Iterator[Route]:
        """Both ways to post, and the look at what was posted."""
        for method in ("GET", "POST"):  # Slack takes both for each method of its API
            yield Route(method, "/chat.postMessage", self._post)
            yield Route(method, "/conversations.history", self._history)
            yield Route(method, "/conversations.replies", self._replies)
            yield Route(method, "/auth.test", self._identity)
        yield Route("POST", _WEBHOOK_PREFIX + "{webhook:.+}", self._webhook)

    def admit(self, call: Call) -> None:
        """Check the token; a webhook's address is its credential."""
        if not call.path.startswith(_WEBHOOK_PREFIX) and call.bearer not in self._tokens:
            raise _no("invalid_auth" if call.bearer else "not_authed")

    def finished(self, _: Call, answer: Answer) -> Answer:
        """Nothing is added."""
        return answer

    def unreadable(self) -> Answer:
        """A body that is not JSON."""
        return Answer(200, {"ok": False, "error": "invalid_json"})

    def unknown(self, _: Call) -> Answer:
        """A method that is not there."""
        return Answer(200, {"ok": False, "error": "unknown_method"})

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure in Slack's shape."""
        error = "ratelimited" if status == _TOO_MANY else "internal_error"
        answer = Answer(status, {"ok": False, "error": error})
        return answer if retry_after is None else answer.with_headers({"Retry-After": retry_after})

    def snapshot(self) -> dict[str, Any]:
        """All messages, oldest first."""
        return {"messages": [asdict(message) for message in self.messages]}

    def _post(self, call: Call) -> Answer:
        self._need("chat:write")
        body = _asked(call)
        channel = self._channel(body.get("channel"))
        message = self._add(channel, body, "api")
        return Answer(200, {"ok": True, "channel": channel, "ts": message.ts, "message": _shown(message)})

    def _history(self, call: Call) -> Answer:
        """The newest first, without the answers in threads: those are in the thread only."""
        asked = _asked(call)
        channel = self._readable(asked)
        found = [each for each in self.messages if each.channel == channel and not each.is_answer]
        return _page(found[::-1], asked)

    def _replies(self, call: Call) -> Answer:
        """One thread, the oldest first: its first message and the answers."""
        asked = _asked(call)
        channel = self._readable(asked)
        thread = asked.get("ts")
        found = [each for each in self.messages if each.channel == channel and thread in (each.ts, each.thread_ts)]
        if not found:
            raise _no("thread_not_found")
        return _page(found, asked)

    def _readable(self, asked: Mapping[str, Any]) -> str:
        self._need("channels:history")
        return self._channel(asked.get("channel"))

    def _identity(self, _: Call) -> Answer:
        return Answer(200, {"ok": True, "team": "Sandbox", "user": "bridge", "team_id": "T000", "user_id": USER})

    def _webhook(self, call: Call) -> Answer:
        if call.params["webhook"] not in self._webhooks:
            return _plain(404, "no_service")
        body = _object(call)
        if CHANNEL in self.archived:
            return _plain(410, "channel_is_archived")
        if not body.get("text") and not body.get("blocks"):
            return _plain(400, "no_text")
        self._add(CHANNEL, body, "webhook")
        return _plain(200, "ok")

    def _need(self, scope: str) -> None:
        if scope not in self.scopes:
            raise _no("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def _channel(self, channel: object) -> str:
        if not isinstance(channel, str) or channel not in self.channels:
            raise _no("channel_not_found")
        if channel in self.archived:
            raise _no("is_archived")
        return channel

    def _add(self, channel: str, body: dict[str, Any], via: str) -> SlackMessage:
        if not body.get("text") and not body.get("blocks"):
            raise _no("no_text")
        ts = f"{self._clock.now_ms() // 1000}.{len(self.messages) + 1:06}"
        metadata = body.get("metadata")
        message = SlackMessage(
            channel, ts, body.get("text") or "", via, body.get("blocks"), body.get("thread_ts"), metadata
        )
        self.messages.append(message)
        return message


def _object(call: Call) -> dict[str, Any]:
    body = call.json()
    if not isinstance(body, dict):
        raise _no("invalid_json")
    return body


def _asked(call: Call) -> dict[str, Any]:
    """What a method of the API was given: its query, and its JSON or form, as text or as JSON values."""
    given: dict[str, Any] = {name: values[0] for name, values in call.query.items()}
    if not call.content:
        return given
    if call.media_type == "application/x-www-form-urlencoded":
        return given | {name: _unpacked(name, value) for name, value in call.form().items()}
    return given | _object(call)


def _unpacked(name: str, value: str) -> Any:
    """A field of a form; blocks and metadata are JSON in it."""
    if name not in ("blocks", "metadata"):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise _no(f"invalid_{name}") from None


def _page(found: list[SlackMessage], asked: Mapping[str, Any]) -> Answer:
    """The messages between `oldest` and `latest`, `limit` of them from `cursor` on."""
    oldest, latest = _moment(asked, "oldest", 0.0), _moment(asked, "latest", math.inf)
    inclusive = _is_true(asked.get("inclusive"))
    within = [
        each for each in found if oldest < float(each.ts) < latest or (inclusive and float(each.ts) in (oldest, latest))
    ]
    limit, start = _whole(asked, "limit", 100), _whole(asked, "cursor", 0)
    metadata = _is_true(asked.get("include_all_metadata"))
    page = [_shown(each, metadata=metadata) for each in within[start : start + min(limit, _MOST)]]
    more = start + len(page) < len(within)
    body: dict[str, Any] = {"ok": True, "messages": page, "has_more": more}
    return Answer(200, body | ({"response_metadata": {"next_cursor": str(start + len(page))}} if more else {}))


def _shown(message: SlackMessage, *, metadata: bool = False) -> dict[str, Any]:
    """A message as Slack gives it."""
    shown = {"type": "message", "ts": message.ts, "text": message.text, "user": USER, "bot_id": "B000"}
    more = {
        "blocks": message.blocks,
        "thread_ts": message.thread_ts,
        "metadata": message.metadata if metadata else None,
    }
    return shown | {name: value for name, value in more.items() if value is not None}


def _is_true(value: object) -> bool:
    return str(value).lower() in ("true", "1")


def _whole(asked: Mapping[str, Any], name: str, default: int) -> int:
    text = str(asked.get(name) or default)
    if not text.isdecimal():
        raise _no(f"invalid_{name}")
    return int(text)


def _moment(asked: Mapping[str, Any], name: str, default: float) -> float:
    try:
        return float(asked.get(name) or default)
    except (TypeError, ValueError):
        raise _no(f"invalid_ts_{name}") from None


def _no(error: str, **more: object) -> Refused:
    return Refused(Answer(200, {"ok": False, "error": error, **more}))


def _plain(status: int, text: str) -> Answer:
    # Slack labels these words as a web page.
    return Answer(status, text=text, text_type="text/html")
