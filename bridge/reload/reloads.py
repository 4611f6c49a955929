"""Loading the configuration again, whoever asks: one load at a time, and a bad one changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from bridge.clock import Clock
from bridge.configuration.inputs import Inputs
from bridge.configuration.load import LoadedConfiguration
from bridge.configuration.model import Configuration
from bridge.diagnostics import Severity
from bridge.engine.present import Present, Refusal
from bridge.errors import BridgeError, StoreError
from bridge.reload.changes import Changes
from bridge.reload.watch import Watcher

log = structlog.get_logger(__name__)

FILE_WATCH = "file watch"
RESTART_NOTE = "`server`, `admin`, `store`, `dead_letters`, `log` and `reload` take effect at the next start"
NO_FILE = "this daemon was started without a file to reload"
RESTLESS = "the files kept changing while they were read"
TRIES = 5
"""How often files that change while they are read are read again."""

Answer = dict[str, object]
"""`ok`, `findings`, and when it is right `note`, `revision`, `unchanged` and `changes`."""


@dataclass(slots=True)
class _Round:
    """One load that has not begun yet, and who asked for it."""

    triggers: list[str] = field(default_factory=list)
    done: "asyncio.Task[Answer] | None" = None


class Reloads:
    """Loads the configuration again.

    Args:
        present: what is in use, and how that came about.
        clock: the time.
        load: reads the files; None when there are none.
        inputs: what the configuration in use was read from.
        use: begins to use another configuration.
    """

    def __init__(
        self,
        present: Present,
        clock: Clock,
        *,
        load: Callable[[], LoadedConfiguration] | None,
        inputs: Inputs,
        use: Callable[[Configuration], Awaitable[None]],
    ) -> None:
        self._present = present
        self._clock = clock
        self._load = load
        self._inputs = inputs
        self._use = use
        self._at_the_start = present.configuration.settings
        self._next: _Round | None = None
        self._one_at_a_time = asyncio.Lock()
        self._begun: set[asyncio.Task[Answer]] = set()

    async def reload(self, trigger: str) -> Answer:
        """Load again, beginning after this call: whoever asks while a load runs shares the one after it.

        Args:
            trigger: who asks, for the log.

        Raises:
            StoreError: the configuration is right, and the store could not be asked about it.
        """
        if self._load is None:
            return {"ok": False, "findings": [NO_FILE]}
        coming = self._next
        if coming is None or coming.done is None:
            coming = self._next = _Round()
            coming.done = asyncio.create_task(self._run(coming, self._load))
            self._begun.add(coming.done)
            coming.done.add_done_callback(self._begun.discard)
        coming.triggers.append(trigger)
        return await asyncio.shield(coming.done)

    async def close(self) -> None:
        """Give up what is under way: nobody uses another configuration any more."""
        for task in self._begun:
            task.cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)

    async def follow(self, watcher: Watcher, told: Callable[[Answer], Awaitable[None]]) -> None:
        """Reload whenever the files change, until cancelled.

        What is watched follows from what was read last, and is determined anew after each load. A change between a
        load and the new watch is not missed: whatever was read carries a stamp from before.

        Args:
            watcher: tells that something happens in folders.
            told: gets the answer of each reload.
        """
        while True:
            folders = await asyncio.to_thread(self._inputs.folders)
            try:
                async with aclosing(watcher(folders)) as happenings:
                    async for _ in happenings:
                        if await asyncio.to_thread(self._inputs.changed):
                            break
                    else:
                        return
            except FileNotFoundError:
                continue  # a folder vanished before it was watched: look which ones there are now
            try:
                await told(await self.reload(FILE_WATCH))
            except StoreError as error:
                log.warning("configuration.half_reloaded", problem=type(error).__name__, help="reload once more")

    async def _run(self, coming: _Round, load: Callable[[], LoadedConfiguration]) -> Answer:
        async with self._one_at_a_time:
            self._next = None  # from here on, who asks wants a later look at the files than this one
            return await self._once(", ".join(dict.fromkeys(coming.triggers)), load)

    async def _once(self, trigger: str, load: Callable[[], LoadedConfiguration]) -> Answer:
        before = await asyncio.to_thread(self._inputs.restamped)
        loaded = await asyncio.to_thread(_load_settled, load)
        if isinstance(loaded, str):
            self._inputs = before
            return self._refuse(trigger, [loaded])
        if loaded.configuration is None:
            # what it names is watched, too: the mend may be there; and what was in use, should it be restored
            self._inputs = before.merged(loaded.inputs)
            mistakes = [each for each in loaded.findings if each.severity is Severity.ERROR]
            return self._refuse(trigger, [f"{each.place}: {each.code} {each.message}" for each in mistakes])
        self._inputs = loaded.inputs
        return await self._take(trigger, loaded.configuration)

    async def _take(self, trigger: str, after: Configuration) -> Answer:
        before = self._present.configuration
        same = _mean_the_same(before, after)
        changes = Changes.between(before, after).to_json()
        was_refused, self._present.refused = self._present.refused is not None, None
        note = RESTART_NOTE if after.settings != self._at_the_start else None
        if not same or trigger != FILE_WATCH:
            await self._use(after)  # the same one, too, when a person asks: that ends a pause for refused credentials
        if not same:
            self._present.loaded_at_ms = self._clock.now_ms()
            rules = len(after.rules.rules)
            revision = after.revision
            log.info("configuration.reloaded", trigger=trigger, revision=revision, rules=rules, **changes, note=note)
        elif was_refused or trigger != FILE_WATCH:
            log.info("configuration.unchanged", trigger=trigger, revision=after.revision)
        told = {"revision": after.revision, "unchanged": same, "changes": changes}
        return {"ok": True, "findings": [], "note": note, **told}

    def _refuse(self, trigger: str, findings: Sequence[str]) -> Answer:
        present = self._present
        present.refused = Refusal(self._clock.now_ms(), trigger, tuple(findings))
        log.error(
            "configuration.refused",
            trigger=trigger,
            findings=list(findings),
            revision=present.configuration.revision,
            help="the old rules stay in use; `crm-bridge check` says more",
        )
        return {"ok": False, "findings": list(findings)}


def _mean_the_same(before: Configuration, after: Configuration) -> bool:
    return before.fingerprint == after.fingerprint and before.settings == after.settings


def _load_settled(load: Callable[[], LoadedConfiguration]) -> LoadedConfiguration | str:
    """What the files say together at one moment, or why they cannot be read.

    An editor takes a file away and puts another one in its place, a checkout replaces one after the other: what was
    read while anything changed counts for nothing, right or wrong.
    """
    for _ in range(TRIES):
        loaded = _load(load)
        if isinstance(loaded, str) or not loaded.inputs.changed():
            return loaded
    return RESTLESS


def _load(load: Callable[[], LoadedConfiguration]) -> LoadedConfiguration | str:
    """What loading gives, or why it cannot be tried; a daemon outlives whatever is wrong with its files."""
    try:
        return load()
    except BridgeError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a fault of ours here must not end a daemon that works
        return f"the configuration could not be read ({type(error).__name__})"
