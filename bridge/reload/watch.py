"""Noticing that something happens in folders, through the operating system or by looking again and again."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from collections.abc import Set as AbstractSet
from contextlib import aclosing, suppress
from pathlib import Path

import structlog
from watchfiles import awatch

from bridge.settings import ReloadSettings

log = structlog.get_logger(__name__)

Watcher = Callable[[AbstractSet[Path]], AsyncGenerator[object, None]]
"""Watches folders, without those below: gives something as soon as it watches, then after each burst of changes."""

LONGEST_BURST_MS = 1_600
"""In a folder that is never quiet, we hear of changes this often."""


def watcher(settings: ReloadSettings) -> Watcher:
    """The watcher that the settings ask for; one that polls where the system has no more watches to give."""

    async def watch(folders: AbstractSet[Path]) -> AsyncGenerator[object, None]:
        try:
            async with aclosing(_watch(folders, settings, polling=settings.polling)) as changes:
                async for change in changes:
                    yield change
        except OSError as error:
            log.warning(
                "configuration.watch_polls",
                problem=type(error).__name__,
                help="the system gives no file watch (fs.inotify.max_user_watches?); files are looked at regularly",
            )
            async with aclosing(_watch(folders, settings, polling=True)) as changes:
                async for change in changes:
                    yield change

    return watch


async def _watch(
    folders: AbstractSet[Path], settings: ReloadSettings, *, polling: bool
) -> AsyncGenerator[object, None]:
    stop = asyncio.Event()
    changes = awatch(
        *folders,
        watch_filter=None,
        debounce=max(LONGEST_BURST_MS, settings.settle_ms),
        step=settings.settle_ms,
        stop_event=stop,
        force_polling=polling or None,
        poll_delay_ms=settings.poll_every_ms,
        recursive=False,
        ignore_permission_denied=True,
    )
    following = asyncio.ensure_future(anext(changes))
    try:
        await asyncio.sleep(0)  # its first step is to begin to watch; then it waits in a thread
        if following.done():
            following.result()
        while True:
            yield None
            await following
            following = asyncio.ensure_future(anext(changes))
    finally:
        stop.set()
        following.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration, OSError):
            await following
        await changes.aclose()
