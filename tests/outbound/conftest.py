"""Destinations and a sandbox for the way out."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.clock import ManualClock
from bridge.connectors.destination import Destination, DestinationShape, compile_destination
from bridge.connectors.library import shipped
from bridge.sandbox import Credentials, Sandbox, SandboxUrls
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET

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
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def sandbox(clock: ManualClock) -> Sandbox:
    return Sandbox(
        clock,
        Credentials(
            hubspot_tokens=frozenset({HUBSPOT_TOKEN}), zendesk_client_secret=ZENDESK_SECRET, generic_token=ERP_TOKEN
        ),
    )


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
