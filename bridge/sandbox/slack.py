"""Slack: messages to channels, by the Web API and by an incoming webhook. Errors are 200 with `ok: false`."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Call, Refused, Route

CHANNEL = "C024BE91L"
"""The channel that a fresh workspace has, and the one of its webhook."""
_TOO_MANY = 429
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
        yield Route("POST", "/chat.postMessage", self._post)
        yield Route("GET", "/conversations.history", self._history)
        yield Route("GET", "/auth.test", self._identity)
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
        body = _object(call)
        channel = self._channel(body.get("channel"))
        message = self._add(channel, body, "api")
        return Answer(200, {"ok": True, "channel": channel, "ts": message.ts, "message": {"text": message.text}})

    def _history(self, call: Call) -> Answer:
        self._need("channels:history")
        channel = self._channel(call.asked("channel"))
        oldest = _moment(call.asked("oldest") or "0")
        found = [asdict(each) for each in self.messages if each.channel == channel and float(each.ts) > oldest]
        if call.asked("include_all_metadata") != "true":
            found = [{name: value for name, value in each.items() if name != "metadata"} for each in found]
        return Answer(200, {"ok": True, "messages": found[::-1], "has_more": False})

    def _identity(self, _: Call) -> Answer:
        return Answer(200, {"ok": True, "team": "Sandbox", "user": "bridge", "team_id": "T000", "user_id": "U000"})

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


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _no("invalid_ts_oldest") from None


def _no(error: str, **more: object) -> Refused:
    return Refused(Answer(200, {"ok": False, "error": error, **more}))


def _plain(status: int, text: str) -> Answer:
    # Slack labels these words as a web page.
    return Answer(status, text=text, text_type="text/html")
