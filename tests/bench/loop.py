"""The event loop of every process of the benchmark: uvloop where it is installed, as in the daemon itself."""

import asyncio
from collections.abc import Callable, Coroutine


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What `crm-bridge run` would use."""
    try:
        import uvloop  # noqa: PLC0415 - the `speed` extra
    except ImportError:
        return None
    return uvloop.new_event_loop


def run(main: Coroutine[None, None, None]) -> None:
    """`asyncio.run` on that loop."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main)
