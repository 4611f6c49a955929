"""Zendesk's paths, all of them with and without `.json`."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Call, Refused, Respond, Route
from bridge.sandbox.zendesk.access import ZendeskAccess
from bridge.sandbox.zendesk.bulk import BulkWrites
from bridge.sandbox.zendesk.definitions import Definitions
from bridge.sandbox.zendesk.idempotency import IdempotencyKeys
from bridge.sandbox.zendesk.identities import Identities
from bridge.sandbox.zendesk.moments import moment
from bridge.sandbox.zendesk.paging import paged
from bridge.sandbox.zendesk.refusals import (
    forbidden,
    invalid_attribute,
    not_found,
    titled_error,
    unauthenticated,
    wrapped,
    wrapped_list,
)
from bridge.sandbox.zendesk.search import LAG_MS, Search
from bridge.sandbox.zendesk.side_conversations import SideConversations
from bridge.sandbox.zendesk.tickets import Ticket, Tickets, tag_list
from bridge.sandbox.zendesk.uploads import Uploads, uploaded
from bridge.sandbox.zendesk.users import User, Users

BULK_LAG_MS = 1000
_ROOT = "/api/v2"
_SUFFIX = r"{suffix:(\.json)?}"
_ID = r"{id:\d+}"
_NOT_FOUND = 404
_TOO_MANY = 429


class Zendesk:
    """A Zendesk account behind its API. `users`, `tickets`, `definitions` and `access` are open to tests."""

    name = "zendesk"

    def __init__(
        self,
        clock: Clock,
        *,
        clients: Mapping[str, str],
        api_users: Mapping[str, str],
        refresh_tokens: frozenset[str] = frozenset(),
        bulk_lag_ms: int = BULK_LAG_MS,
        search_lag_ms: int = LAG_MS,
    ) -> None:
        self._clock = clock
        self._bulk_lag_ms = bulk_lag_ms
        self._search_lag_ms = search_lag_ms
        self.access = ZendeskAccess(clock, dict(clients), dict(api_users), refresh_tokens)
        self.reset()

    def reset(self) -> None:
        """Start again with nobody but the agent."""
        self.access.reset()
        self.definitions = Definitions()
        self.users = Users(self._clock)
        self.identities = Identities(self._clock)
        self.uploads = Uploads(self._clock)
        self.tickets = Tickets(self._clock, self.users, self.uploads)
        self.side_conversations = SideConversations(self._clock)
        self.index = Search(self._clock, self._search_lag_ms)
        self._keys = IdempotencyKeys(self._clock)
        self._bulks = BulkWrites(self._clock, self._bulk_lag_ms)

    def admit(self, call: Call) -> None:
        """Check credentials and the account's limit."""
        self.access.admit(call)

    def finished(self, call: Call, answer: Answer) -> Answer:
        """Add the limit headers."""
        return answer.with_headers(self.access.headers(call))

    def unreadable(self) -> Answer:
        """400 for a body that is not JSON."""
        return titled_error(400, "Invalid JSON", "The request body could not be parsed").answer

    def unknown(self, _: Call) -> Answer:
        """404 for a path that is not there."""
        return Answer(404, {"error": "InvalidEndpoint", "description": "Not found"})

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure in Zendesk's shape."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        known = {401: unauthenticated(), 403: forbidden(), 404: not_found()}
        if status in known:
            return known[status].answer.with_headers(headers)
        error = "APIRateLimitExceeded" if status == _TOO_MANY else "SandboxFault"
        return Answer(status, {"error": error, "description": "The sandbox was told to fail this request"}, headers)

    def snapshot(self) -> dict[str, Any]:
        """Users, and tickets with their comments and audits."""
        return {
            "users": [user.shown("") for user in self.users],
            "tickets": [
                {
                    **ticket.shown(""),
                    "comments": [comment.shown() for comment in ticket.comments],
                    "audits": [audit.shown() for audit in ticket.audits],
                    "side_conversations": [each.shown("") for each in self.side_conversations.of(ticket.id)],
                }
                for ticket in self.tickets
            ],
        }

    def routes(self) -> Iterator[Route]:
        """All paths."""
        yield Route("POST", f"/oauth/tokens{_SUFFIX}", self.access.token)
        yield Route("GET", "/attachments/token/{key}/", self._file)
        for method, path, respond in (*self._user_paths(), *self._ticket_paths(), *self._account_paths()):
            yield Route(method, f"{_ROOT}{path}{_SUFFIX}", respond)

    def _user_paths(self) -> Iterator[tuple[str, str, Respond]]:
        yield "POST", "/users/create_or_update", self._upsert_user
        yield "POST", "/users/create_or_update_many", self._refuse_bulk_users
        yield "POST", "/users", self._create_user
        yield "GET", "/users", self._list_users
        yield "GET", "/users/me", self._me
        yield "GET", "/users/search", self._search_users
        yield "GET", f"/users/{_ID}", self._user
        yield "PUT", f"/users/{_ID}", self._update_user
        yield "GET", f"/users/{_ID}/identities", self._list_identities
        yield "POST", f"/users/{_ID}/identities", self._add_identity

    def _ticket_paths(self) -> Iterator[tuple[str, str, Respond]]:
        yield "GET", "/tickets/count", self._count_tickets
        yield "POST", "/tickets/create_many", self._create_many
        yield "PUT", "/tickets/update_many", self._update_many
        yield "POST", "/tickets", self._create_ticket
        yield "GET", "/tickets", self._list_tickets
        yield "GET", f"/tickets/{_ID}", self._ticket
        yield "PUT", f"/tickets/{_ID}", self._update_ticket
        yield "DELETE", f"/tickets/{_ID}", self._delete_ticket
        yield "GET", f"/tickets/{_ID}/comments", self._comments
        yield "GET", f"/tickets/{_ID}/audits", self._audits
        for method in ("GET", "PUT", "POST", "DELETE"):
            yield method, f"/tickets/{_ID}/tags", self._tags
        yield "GET", f"/tickets/{_ID}/side_conversations", self._list_side_conversations
        yield "POST", f"/tickets/{_ID}/side_conversations", self._begin_side_conversation
        yield "POST", "/imports/tickets", self._import_ticket
        yield "GET", "/search", self._search
        yield "POST", "/uploads", self._upload
        yield "GET", f"/attachments/{_ID}", self._attachment
        yield "GET", "/job_statuses/{bulk:[0-9a-f]+}", self._bulk_status

    def _account_paths(self) -> Iterator[tuple[str, str, Respond]]:
        yield "GET", "/ticket_fields", lambda call: self._listed(call, "ticket_fields", self.definitions.ticket_fields)
        yield "GET", "/user_fields", lambda call: self._listed(call, "user_fields", self.definitions.user_fields)
        yield "GET", "/groups", lambda call: self._listed(call, "groups", self.definitions.groups)
        yield "GET", "/brands", lambda call: self._listed(call, "brands", self.definitions.brands)
        yield "GET", "/ticket_forms", lambda call: self._listed(call, "ticket_forms", self.definitions.ticket_forms)
        yield "GET", "/oauth/tokens/current", self.access.current_token

    def _upsert_user(self, call: Call) -> Answer:
        wanted = wrapped(call.json(), "user")
        self.access.count_user_upsert(str(wanted.get("external_id") or wanted.get("email") or wanted.get("name")))
        user, created = self.users.upsert(wanted)
        return self._user_answer(call, user, 201 if created else 200)

    def _refuse_bulk_users(self, _: Call) -> Answer:
        # Until Zendesk's support enables bulk import for the account (facts, section 2.5).
        raise forbidden()

    def _create_user(self, call: Call) -> Answer:
        return self._user_answer(call, self.users.create(wrapped(call.json(), "user")), 201)

    def _user(self, call: Call) -> Answer:
        return self._user_answer(call, self.users.get(_id(call)), 200)

    def _update_user(self, call: Call) -> Answer:
        self.access.count_user_upsert(call.params["id"])
        user = self.users.update(self.users.get(_id(call)), wrapped(call.json(), "user"))
        return self._user_answer(call, user, 200)

    def _me(self, call: Call) -> Answer:
        if self.access.is_known(call):
            return self._user_answer(call, self.users.agent, 200)
        return Answer(200, {"user": {"id": None, "name": "Anonymous user", "email": "invalid@example.com"}})

    def _search_users(self, call: Call) -> Answer:
        external_id, query = call.asked("external_id"), call.asked("query")
        if external_id is not None:
            found = [user for user in [self.users.by_external_id(external_id)] if user is not None]
        elif query is not None:
            found = self.index.users(self.users, query)
        else:
            raise invalid_attribute("query", "given, or external_id")
        return Answer(200, paged(call, "users", [user.shown(call.root) for user in found]))

    def _create_ticket(self, call: Call) -> Answer:
        body = call.json()
        key = call.headers.get("idempotency-key")
        first = None if key is None else self._keys.lookup(key, body)
        if first is not None:
            return first
        ticket = self.tickets.create(wrapped(body, "ticket"))
        answer = self._ticket_answer(call, ticket, 201)
        answer = answer.with_headers({"Location": f"{call.root}{_ROOT}/tickets/{ticket.id}.json"})
        return answer if key is None else self._keys.remember(key, body, answer)

    def _list_tickets(self, call: Call) -> Answer:
        external_id = call.asked("external_id")
        found = [
            ticket.shown(call.root)
            for ticket in self.tickets
            if external_id is None or str(ticket.values.get("external_id")) == external_id
        ]
        return Answer(200, paged(call, "tickets", found))

    def _ticket(self, call: Call) -> Answer:
        return Answer(200, {"ticket": self.tickets.get(_id(call)).shown(call.root)})

    def _update_ticket(self, call: Call) -> Answer:
        ticket = self.tickets.get(_id(call))
        self.access.count_ticket_update(ticket.id)
        audit = self.tickets.update(ticket, wrapped(call.json(), "ticket"))
        body: dict[str, Any] = {"ticket": ticket.shown(call.root)}
        return Answer(200, body if audit is None else {**body, "audit": audit.shown()})

    def _delete_ticket(self, call: Call) -> Answer:
        self.tickets.delete(_id(call))
        return Answer(204)

    def _count_tickets(self, _: Call) -> Answer:
        count = {"value": len(self.tickets), "refreshed_at": moment(self._clock.now_ms())}
        return Answer(200, {"count": count})

    def _comments(self, call: Call) -> Answer:
        comments = [comment.shown(call.root) for comment in self.tickets.get(_id(call)).comments]
        if call.asked("sort") == "-created_at" or call.asked("sort_order") == "desc":
            comments.reverse()
        return Answer(200, paged(call, "comments", comments))

    def _audits(self, call: Call) -> Answer:
        audits = [audit.shown() for audit in self.tickets.get(_id(call)).audits]
        if call.asked("sort") == "-created_at":
            audits.reverse()
        return Answer(200, paged(call, "audits", audits))

    def _tags(self, call: Call) -> Answer:
        ticket = self.tickets.get(_id(call))
        if call.method == "GET":
            return Answer(200, {"tags": ticket.tags})
        body = call.json()
        tags = body.get("tags") if isinstance(body, dict) else None
        if not isinstance(tags, list):
            raise invalid_attribute("tags", "a list")
        kept = {"PUT": [*ticket.tags, *tags], "POST": tags, "DELETE": [tag for tag in ticket.tags if tag not in tags]}
        if call.method == "PUT":
            self.access.count_ticket_update(ticket.id)
        self.tickets.change_tags(ticket, kept[call.method])
        return Answer(201 if call.method == "POST" else 200, {"tags": ticket.tags})

    def _create_many(self, call: Call) -> Answer:
        results = []
        for index, wanted in enumerate(wrapped_list(call.json(), "tickets")):
            try:
                results.append({"index": index, "id": self.tickets.create(wanted).id})
            except Refused as refusal:
                results.append({"index": index, **_failed(refusal)})
        return Answer(200, {"job_status": self._bulks.add(results, call.root)})

    def _update_many(self, call: Call) -> Answer:
        body = call.json()
        if call.query.get("ids"):
            shared = wrapped(body, "ticket")
            ids = [int(text) for text in call.asked_list("ids") if text.isdecimal()]
            wanted = [{**shared, "id": ticket_id} for ticket_id in ids]
        else:
            wanted = [dict(item) for item in wrapped_list(body, "tickets")]
        results = [self._update_one(item) for item in wanted]
        return Answer(200, {"job_status": self._bulks.add(results, call.root)})

    def _update_one(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        ticket_id = wanted.get("id")
        shown = {"id": ticket_id, "action": "update"}
        try:
            ticket = self.tickets.get(ticket_id if isinstance(ticket_id, int) else 0)
            added, removed = tag_list(wanted.get("additional_tags") or []), tag_list(wanted.get("remove_tags") or [])
            tags = {*ticket.tags, *added} - {*removed}
            self.tickets.update(ticket, {"tags": sorted(tags), **wanted})
        except Refused as refusal:
            return {**shown, "success": False, "status": "Failed", **_failed(refusal)}
        return {**shown, "success": True, "status": "Updated"}

    def _bulk_status(self, call: Call) -> Answer:
        return Answer(200, {"job_status": self._bulks.status(call.params["bulk"], call.root)})

    def _listed(self, call: Call, name: str, items: list[dict[str, Any]] | None) -> Answer:
        return self.unknown(call) if items is None else Answer(200, paged(call, name, items))

    def _list_identities(self, call: Call) -> Answer:
        found = [identity.shown(call.root) for identity in self.identities.of(self.users.get(_id(call)))]
        return Answer(200, paged(call, "identities", found))

    def _add_identity(self, call: Call) -> Answer:
        identity = self.identities.add(self.users.get(_id(call)), wrapped(call.json(), "identity"))
        return Answer(201, {"identity": identity.shown(call.root)})

    def _list_side_conversations(self, call: Call) -> Answer:
        found = [each.shown(call.root) for each in self.side_conversations.of(self.tickets.get(_id(call)).id)]
        return Answer(200, paged(call, "side_conversations", found))

    def _begin_side_conversation(self, call: Call) -> Answer:
        ticket = self.tickets.get(_id(call))
        self.access.count_side_conversation()
        return Answer(
            201, {"side_conversation": self.side_conversations.begin(ticket.id, call.json()).shown(call.root)}
        )

    def _import_ticket(self, call: Call) -> Answer:
        return Answer(201, {"ticket": self.tickets.bring_in(wrapped(call.json(), "ticket")).shown(call.root)})

    def _search(self, call: Call) -> Answer:
        self.access.count_search()
        return self.index.answer(call, self.users, self.tickets)

    def _upload(self, call: Call) -> Answer:
        token, files = self.uploads.add(call)
        return Answer(201, uploaded(token, files, call.root))

    def _attachment(self, call: Call) -> Answer:
        return Answer(200, {"attachment": self.uploads.get(_id(call)).shown(call.root)})

    def _file(self, call: Call) -> Answer:
        file = self.uploads.by_key(call.params["key"])
        return Answer(200, data=file.content, text_type=file.type)

    def _list_users(self, call: Call) -> Answer:
        roles = call.query.get("role[]") or call.query.get("role")
        users = [user.shown(call.root) for user in self.users if not roles or user.role in roles]
        return Answer(200, paged(call, "users", users))

    def _user_answer(self, call: Call, user: User, status: int) -> Answer:
        return Answer(status, {"user": user.shown(call.root)})

    def _ticket_answer(self, call: Call, ticket: Ticket, status: int) -> Answer:
        return Answer(status, {"ticket": ticket.shown(call.root), "audit": ticket.audits[-1].shown()})


def _id(call: Call) -> int:
    return int(call.params["id"])


def _failed(refusal: Refused) -> dict[str, Any]:
    body = refusal.answer.body
    return {"error": body["error"], "details": body.get("details", body.get("description"))}
