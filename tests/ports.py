"""Ports for servers that are started after the port is chosen."""

import socket
from contextlib import suppress
from random import SystemRandom

BY_REQUEST = range(15_000, 32_000)
"""Below those that Linux hands out to whoever names none: nobody takes one of these before it is used."""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback device at which nobody listens, each another one."""
    found: set[int] = set()
    while len(found) < count:
        port = SystemRandom().choice(BY_REQUEST)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.add(port)
    return list(found)
