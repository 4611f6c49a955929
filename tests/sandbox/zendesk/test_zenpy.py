"""Zendesk's own Python client, `zenpy`, reads back what was written: an independent referee of the sandbox.

It knows no address but https://SUBDOMAIN.zendesk.com, so its requests are turned to the sandbox on their way out, and
the answers come back as if from there.
"""

import asyncio
import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from zenpy import Zenpy
from zenpy.lib.api_objects import Comment, Identity, Ticket, User
from zenpy.lib.exception import APIException, RecordNotFoundException

from bridge.clock import ManualClock
from bridge.sandbox import Sandbox, SandboxUrls
from bridge.sandbox.zendesk.api import BULK_LAG_MS
from bridge.sandbox.zendesk.search import LAG_MS
from tests.canaries import CUSTOMER_NAME, PHONE_E164, TEXT

ORIGIN = "https://acme.zendesk.com"


class ToSandbox(HTTPAdapter):
    """Sends what is meant for Zendesk to the sandbox."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def send(self, request: requests.PreparedRequest, *given: Any, **named: Any) -> requests.Response:
        asked = request.url or ""
        request.url = asked.replace(ORIGIN, self._base)
        response = super().send(request, *given, **named)
        request.url = response.url = asked
        return response


@pytest.fixture
def zenpy(urls: SandboxUrls) -> Iterator[Any]:
    logging.getLogger("zenpy").setLevel(logging.WARNING)  # it logs whole bodies, and no log may hold a customer's words
    with requests.Session() as session:
        session.mount(ORIGIN, ToSandbox(urls.zendesk))
        client = Zenpy(subdomain="acme", email="agent@example.com", token="sandbox-api-token", session=session)
        client.disable_caching()
        yield client


async def run(work: Callable[[], None]) -> None:
    await asyncio.to_thread(work)


def customer(zenpy: Any) -> Any:
    return zenpy.users.create_or_update(User(name=CUSTOMER_NAME, external_id="w:1", phone=PHONE_E164))


def ticket_of(zenpy: Any, user: Any, **more: Any) -> Any:
    comment = Comment(body=TEXT, author_id=user.id)
    return zenpy.tickets.create(Ticket(subject="S", requester_id=user.id, comment=comment, **more)).ticket


async def test_a_user_and_the_identities_are_read_back(zenpy: Any) -> None:
    def work() -> None:
        user = customer(zenpy)
        assert customer(zenpy).id == user.id
        assert zenpy.users(id=user.id).phone == PHONE_E164
        zenpy.users.identities.create(user=user, identity=Identity(type="phone_number", value=PHONE_E164))
        assert [each.value for each in zenpy.users.identities(id=user.id)] == [PHONE_E164]

    await run(work)


async def test_a_ticket_its_comments_and_their_attachments_are_read_back(zenpy: Any) -> None:
    def work() -> None:
        user = customer(zenpy)
        ticket = ticket_of(zenpy, user, tags=["whatsapp"])
        uploaded = zenpy.attachments.upload(io.BytesIO(b"abc"), target_name="a.txt", content_type="text/plain")
        ticket.comment = Comment(body="with a file", author_id=user.id, uploads=[uploaded.token])
        zenpy.tickets.update(ticket)
        first, second = zenpy.tickets.comments(ticket=ticket.id)
        assert (first.body, first.author.name, second.body) == (TEXT, CUSTOMER_NAME, "with a file")
        [file] = second.attachments
        assert (file.file_name, file.content_type, file.size) == ("a.txt", "text/plain", 3)
        assert zenpy.attachments(id=file.id).file_name == "a.txt"
        assert sorted(zenpy.tickets.add_tags(ticket.id, ["vip"])) == ["vip", "whatsapp"]
        assert "WhatsApp status" in [field.title for field in zenpy.ticket_fields()]

    await run(work)


async def test_a_bulk_write_is_a_job_and_the_search_lags(zenpy: Any, clock: ManualClock) -> None:
    def work() -> None:
        ticket = ticket_of(zenpy, customer(zenpy))
        job = zenpy.tickets.update([Ticket(id=ticket.id, priority="high")])
        assert zenpy.job_status(id=job.id).status == "queued"
        clock.advance(BULK_LAG_MS)
        done = zenpy.job_status(id=job.id)
        assert (done.status, done.results[0].id) == ("completed", ticket.id)
        assert zenpy.tickets(id=ticket.id).priority == "high"
        assert list(zenpy.search("pricing", type="ticket")) == []
        clock.advance(LAG_MS)
        assert [each.id for each in zenpy.search("pricing", type="ticket")] == [ticket.id]

    await run(work)


async def test_a_closed_ticket_refuses_and_a_deleted_one_is_gone(zenpy: Any, sandbox: Sandbox) -> None:
    def work() -> None:
        user = customer(zenpy)
        ticket = ticket_of(zenpy, user)
        ticket.status = "closed"
        zenpy.tickets.update(ticket)
        ticket = zenpy.tickets(id=ticket.id)
        ticket.comment = Comment(body="late")
        with pytest.raises(APIException, match="closed prevents ticket update"):
            zenpy.tickets.update(ticket)
        follow_up = ticket_of(zenpy, user, via_followup_source_id=ticket.id)
        assert follow_up.via.source.rel == "follow_up"
        sandbox.zendesk.tickets.delete(ticket.id)
        with pytest.raises(RecordNotFoundException):
            zenpy.tickets(id=ticket.id)

    await run(work)
