"""Destinations and a sandbox for the way out."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.connectors.destination import Destination, DestinationShape, compile_destination
from bridge.connectors.library import shipped
from bridge.sandbox import Sandbox, SandboxUrls
from tests.canaries import ZENDESK_SECRET

MakeDestination = Callable[..., Destination]


def destination(connector: str, name: str = "crm", **settings: Any) -> Destination:
    """A destination as the configuration would make it."""
    shape = DestinationShape.model_validate(
        {"connector": connector, "allow_private_addresses": True, "timeout": "2s", **settings}
    )
    compiled, problems = compile_destination(name, shape, shipped(connector))
    assert compiled is not None, problems
    return compiled


@pytest.fixture
async def urls(sandbox: Sandbox) -> AsyncIterator[SandboxUrls]:
    async with sandbox.running() as running:
        yield running


@pytest.fixture
def zendesk(urls: SandboxUrls) -> Destination:
    return destination(
        "zendesk",
        "zendesk",
        base_url=urls.zendesk,
        subdomain="acme",
        client_id="bridge",
        client_secret=ZENDESK_SECRET,
    )
