"""Zendesk's search: a few of its words, and an index that lags behind."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Call
from bridge.sandbox.zendesk.paging import MAX_PAGE, paged
from bridge.sandbox.zendesk.refusals import invalid_record, named_error
from bridge.sandbox.zendesk.tickets import CHOICES, Ticket
from bridge.sandbox.zendesk.users import User

LAG_MS: Final = 60_000
MOST_RESULTS: Final = 1000
_WORD = re.compile(r"(?P<name>[a-z_]+)(?P<sign>[:<>])(?P<value>\"[^\"]*\"|\S+)|(?P<word>\"[^\"]*\"|\S+)")
_ORDERS: Mapping[str, Callable[[Ticket], Any]] = {
    "created_at": lambda ticket: ticket.created_at_ms,
    "updated_at": lambda ticket: ticket.updated_at_ms,
    "priority": lambda ticket: str(ticket.values.get("priority")),
    "status": lambda ticket: CHOICES["status"].index(ticket.status),
    "ticket_type": lambda ticket: str(ticket.values.get("type")),
}

Term = tuple[str, str, str]
"""Name, sign (`:`, `<`, `>`) and value; a plain word has the name ""."""


class Search:
    """Looks at users and tickets that have not changed for a while: younger ones are not in the index yet."""

    def __init__(self, clock: Clock, lag_ms: int) -> None:
        self._clock = clock
        self.lag_ms = lag_ms

    def users(self, users: Iterable[User], query: str) -> list[User]:
        """Those that the words fit."""
        terms = list(_terms(query))
        return [user for user in users if self._is_in(user.updated_at_ms) and all(_fits_user(user, t) for t in terms)]

    def answer(self, call: Call, users: Iterable[User], tickets: Iterable[Ticket]) -> Answer:
        """`GET /search`.

        Raises:
            Refused: 422, without a query, or beyond the thousandth result.
        """
        query = call.asked("query")
        if not query:
            raise named_error(422, "invalid", "Invalid search: query cannot be blank")
        page, size = call.asked("page") or "1", call.asked("per_page") or str(MAX_PAGE)
        if page.isdecimal() and size.isdecimal() and int(page) * int(size) > MOST_RESULTS:
            raise invalid_record(
                "base", "Invalid search: Requested response size was greater than Search Response Limits"
            )
        found = [{**ticket.shown(call.root), "result_type": "ticket"} for ticket in self._tickets(call, query, tickets)]
        if "type:ticket" not in query:
            found += [{**user.shown(call.root), "result_type": "user"} for user in self.users(users, query)]
        return Answer(200, paged(call, "results", found))

    def _tickets(self, call: Call, query: str, tickets: Iterable[Ticket]) -> list[Ticket]:
        terms = list(_terms(query))
        if ("type", ":", "user") in terms:
            return []
        found = [each for each in tickets if self._is_in(each.updated_at_ms) and all(_fits(each, t) for t in terms)]
        order = _ORDERS.get(call.asked("sort_by") or "")
        return found if order is None else sorted(found, key=order, reverse=call.asked("sort_order") != "asc")

    def _is_in(self, changed_ms: int) -> bool:
        return changed_ms + self.lag_ms <= self._clock.now_ms()


def _terms(query: str) -> Iterator[Term]:
    for match in _WORD.finditer(query):
        value = (match["value"] or match["word"]).strip('"')
        yield (match["name"] or "", match["sign"] or ":", value)


def _fits(ticket: Ticket, term: Term) -> bool:  # noqa: PLR0911 - a table reads best as one
    name, sign, value = term
    match name:
        case "type":
            return value == "ticket"
        case "status" if value in CHOICES["status"]:
            place, asked = CHOICES["status"].index(ticket.status), CHOICES["status"].index(value)
            return {"<": place < asked, ">": place > asked}.get(sign, place == asked)
        case "requester" | "requester_id":
            return value in {str(ticket.requester.id), ticket.requester.email, ticket.requester.name}
        case "tags":
            return value.lower() in ticket.tags
        case "external_id" | "subject" | "priority":
            return value.casefold() in str(ticket.values.get(name)).casefold()
        case "":
            texts = (str(ticket.values.get("subject")), *(comment.body for comment in ticket.comments))
            return any(value.casefold() in text.casefold() for text in texts)
        case _:
            return False


def _fits_user(user: User, term: Term) -> bool:
    name, _, value = term
    match name:
        case "type":
            return value == "user"
        case "phone" | "external_id":
            return str(user.values.get(name)) == value
        case "email":
            return user.email == value
        case "":
            return value.casefold() in f"{user.name} {user.email} {user.external_id}".casefold()
        case _:
            return False
