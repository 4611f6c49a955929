"""Which network addresses a destination may have (facts S21, S22): the resolved address counts, not the text."""

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

# `is_global` of the standard library lets these through on some of the Python versions we run on
_ALSO_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # shared address space of carriers
        "192.0.0.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible, `::127.0.0.1`
        "64:ff9b::/96",  # NAT64: an IPv4 address in disguise
        "64:ff9b:1::/48",
        "2002::/16",  # 6to4: likewise
        "2001::/32",  # Teredo
        "fec0::/10",
        "ff00::/8",
    )
)


class AddressRefused(OSError):  # noqa: N818 - reads as what happened
    """The host resolves to an address that this destination may not have."""


def is_public(text: str) -> bool:
    """Whether an address literal is one of the public internet."""
    address = ipaddress.ip_address(text.split("%", 1)[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    refused = any(address in network for network in _ALSO_REFUSED if network.version == address.version)
    return address.is_global and not refused


def check_literal(host: str) -> None:
    """Refuse a host that is itself a private address; a name is judged when it is resolved.

    Raises:
        AddressRefused: it is one, or it is an address in a spelling that hides which.
    """
    literal = host.removeprefix("[").removesuffix("]")
    try:
        public = is_public(literal)
    except ValueError:
        if not _skips_the_resolver(literal):
            return  # a name
        public = False
    if not public:
        raise AddressRefused("a private address")


def _skips_the_resolver(host: str) -> bool:
    """Whether aiohttp takes the host for an address and hands it to the system as it is.

    The system reads `127.1`, `2130706433`, `0177.0.0.1` and even circled digits as 127.0.0.1 (fact S22).
    """
    return ":" in host or host.replace(".", "").isdigit()


class PublicResolver(AbstractResolver):
    """Resolves once, and refuses the host if *any* of its addresses is not public; the connection uses these."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The host's addresses.

        Raises:
            AddressRefused: one of them is not public.
        """
        found = await self._inner.resolve(host, port, family)
        if not all(is_public(entry["host"]) for entry in found):
            raise AddressRefused("the name resolves to a private address")
        return found

    async def close(self) -> None:
        """Release the inner resolver."""
        await self._inner.close()
