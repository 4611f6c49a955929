"""Which addresses a destination may have."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.outbound.addresses import AddressRefused, PublicResolver, check_literal, is_public

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - judged, not bound
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
HIDDEN = ["127.1", "2130706433", "0177.0.0.1", "127.0.0.1.", "127.0.1", "1.2.3.4.5", "①②⑦.⓪.⓪.①", "1::2::3"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(AddressRefused):
        check_literal(address)
    with pytest.raises(AddressRefused):
        check_literal(f"[{address}]")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"]
)
def test_an_address_of_the_public_internet_is_taken(address: str) -> None:
    assert is_public(address)
    check_literal(address)


@pytest.mark.parametrize("host", HIDDEN)
def test_a_spelling_that_the_system_would_read_as_an_address_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        check_literal(host)


@pytest.mark.parametrize("host", ["api.hubapi.com", "0x7f000001", "acme.zendesk.com", "1and1.example"])
def test_a_name_is_left_to_the_resolver(host: str) -> None:
    check_literal(host)


class Names(AbstractResolver):
    """A resolver that knows what it is told; each look-up of a name takes its next answer."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.answers[host].pop(0)
        ]

    async def close(self) -> None:
        self.closed = True


async def test_a_name_with_only_public_addresses_resolves_to_them() -> None:
    resolver = PublicResolver(Names(crm=[["8.8.8.8", "8.8.4.4"]]))
    assert [found["host"] for found in await resolver.resolve("crm", 443)] == ["8.8.8.8", "8.8.4.4"]


async def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    resolver = PublicResolver(Names(crm=[["8.8.8.8", "10.0.0.1"]]))
    with pytest.raises(AddressRefused):
        await resolver.resolve("crm")


async def test_a_name_that_turns_private_later_is_refused_then() -> None:
    resolver = PublicResolver(Names(crm=[["8.8.8.8"], ["127.0.0.1"]]))
    await resolver.resolve("crm")
    with pytest.raises(AddressRefused):
        await resolver.resolve("crm")


async def test_the_systems_own_resolver_is_judged_too() -> None:
    resolver = PublicResolver()
    with pytest.raises(AddressRefused):
        await resolver.resolve("localhost")
    await resolver.close()


async def test_closing_closes_the_inner_resolver() -> None:
    inner = Names()
    await PublicResolver(inner).close()
    assert inner.closed
