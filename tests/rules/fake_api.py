"""A small Zendesk in memory, driven without any network: it honours idempotency keys, external ids and metadata.

It counts what was really done, so that a test can say how often a step had its effect.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from bridge.connectors.answer import Answer
from bridge.connectors.request import OutboundRequest
from bridge.model import rfc3339
from tests.rules.builders import answer

KEY_LASTS_MS = 2 * 3_600_000
TICKET = 77


@dataclass
class FakeZendesk:
    """Ticket 77 is there from the beginning."""

    users: dict[str, int] = field(default_factory=dict)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, tuple[int, bytes, Answer]] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)

    def serve(self, request: OutboundRequest, now_ms: int) -> Answer:
        parts = urlsplit(request.url)
        match request.method, parts.path.removeprefix("/api/v2/").split("/"):
            case "POST", ["users", "create_or_update"]:
                return self._upsert_user(orjson.loads(request.body)["user"])
            case "POST", ["tickets"]:
                return self._create_ticket(request, now_ms)
            case "GET", ["tickets"]:
                (wanted,) = parse_qs(parts.query)["external_id"]
                return answer(200, {"tickets": [each for each in self.tickets if each["external_id"] == wanted]})
            case "PUT", ["tickets", ticket]:
                return self._comment(int(ticket), orjson.loads(request.body)["ticket"], now_ms)
            case "GET", ["tickets", ticket, "comments"]:
                return self._list(int(ticket), parse_qs(parts.query))
        raise AssertionError(f"{request.method} {request.url}")

    def _upsert_user(self, user: dict[str, Any]) -> Answer:
        known = self.users.setdefault(user["external_id"], 9000 + len(self.users))
        return answer(200, {"user": {"id": known}})

    def _create_ticket(self, request: OutboundRequest, now_ms: int) -> Answer:
        key = request.headers["Idempotency-Key"]
        until_ms, body, first = self.keys.get(key, (0, b"", Answer(500)))
        if now_ms < until_ms:
            return first if body == request.body else answer(400, {"error": "IdempotentRequestError"})
        wanted = orjson.loads(request.body)["ticket"]
        ticket = {"id": 100 + len(self.tickets), "external_id": wanted["external_id"]}
        self.tickets.append(ticket)
        self.writes["ticket"] += 1
        reply = answer(201, {"ticket": ticket})
        self.keys[key] = (now_ms + KEY_LASTS_MS, request.body, reply)
        return reply

    def _comment(self, ticket: int, wanted: dict[str, Any], now_ms: int) -> Answer:
        self.comments.append(
            {
                "ticket": ticket,
                "body": wanted["comment"]["body"],
                "author_id": wanted["comment"].get("author_id"),
                "created_at": rfc3339(now_ms),
                "metadata": {"custom": wanted["metadata"]},
            }
        )
        self.writes["comment"] += 1
        return answer(200, {"ticket": {"id": ticket}})

    def _list(self, ticket: int, query: dict[str, list[str]]) -> Answer:
        newest_first = [each for each in reversed(self.comments) if each["ticket"] == ticket]
        start = int(query.get("page[after]", ["0"])[0])
        page = newest_first[start : start + 2]
        more = start + 2 < len(newest_first)
        following = f"https://acme.zendesk.com/api/v2/tickets/{ticket}/comments?page[after]={start + 2}"
        return answer(
            200, {"comments": page, "meta": {"has_more": more}, "links": {"next": following if more else None}}
        )
