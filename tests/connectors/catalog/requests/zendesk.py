"""Whether a request has the shape that Zendesk documents: `zendesk.yaml` beside this file says what that is."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from bridge.connectors.opened import Opened, open_request
from bridge.connectors.request import OutboundRequest
from bridge.sandbox import JournalEntry
from tests.connectors.catalog.requests import Shapes


@cache
def shapes() -> Shapes:
    """Zendesk's."""
    return Shapes((Path(__file__).parent / "zendesk.yaml").read_text())


def of_request(request: OutboundRequest) -> list[str]:
    """What is wrong with a request to Zendesk."""
    return of_opened(open_request(request))


def of_opened(request: Opened) -> list[str]:
    """The same of a request taken apart."""
    return shapes().problems(request.method, unquote(request.path), request.query, request.body)


def strange(entries: Iterable[JournalEntry]) -> list[str]:
    """What is wrong with the requests that a sandbox got for Zendesk from the bridge; files are none of its API."""
    return [
        f"{entry.method} {entry.path}: {problem}"
        for entry in entries
        if entry.api == "zendesk" and entry.path.startswith(("/api/", "/oauth/")) and entry.path != "/api/v2/uploads"
        for problem in shapes().problems(entry.method, entry.path, entry.query, entry.body)
    ]
