import asyncio

import aiohttp
import pytest

from bridge.sandbox import Credentials, Sandbox, SandboxUrls, serve
from tests.canaries import ZENDESK_SECRET


async def test_serve_tells_where_it_is_and_ends_when_told(session: aiohttp.ClientSession) -> None:
    stop = asyncio.Event()
    started: asyncio.Future[SandboxUrls] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve("127.0.0.1", 0, stop, started=started.set_result))
    urls = await started
    async with session.get(f"{urls.control}/state") as answer:
        assert answer.status == 200
    stop.set()
    await serving
    with pytest.raises(aiohttp.ClientConnectionError):
        await session.get(f"{urls.control}/state")


async def test_the_addresses_name_each_api(urls: SandboxUrls) -> None:
    assert (urls.hubspot, urls.zendesk) == (f"{urls.base}/hubspot", f"{urls.base}/zendesk")
    assert (urls.generic, urls.control) == (f"{urls.base}/generic", f"{urls.base}/_sandbox")


async def test_an_ipv6_address_stands_in_brackets() -> None:
    try:
        async with Sandbox().running("::1") as urls:
            assert urls.base.startswith("http://[::1]:")
    except OSError:
        pytest.skip("this machine has no IPv6")


async def test_a_taken_port_is_an_error(sandbox: Sandbox, urls: SandboxUrls) -> None:
    with pytest.raises(OSError, match="address already in use"):
        async with sandbox.running(port=int(urls.base.rpartition(":")[2])):
            pass


def test_credentials_do_not_print_their_secrets() -> None:
    assert ZENDESK_SECRET not in repr(Credentials(zendesk_client_secret=ZENDESK_SECRET))
