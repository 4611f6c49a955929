"""Secrets that senders bring themselves (Asana, Notion), and the windows in which a person lets them.

The store is the truth. What it holds is copied to `Present.learned`, so that a stranger who knocks while no window is
open costs no commit.
"""

import hmac
from collections.abc import Sequence

import structlog

from bridge.clock import Clock
from bridge.diagnostics import quoted_list, suggest
from bridge.engine.present import Present
from bridge.engine.query import Row, WrongUse
from bridge.engine.shown import moment_or_none
from bridge.errors import UsageError
from bridge.model import rfc3339
from bridge.sources import Source
from bridge.store.protocol import Store
from bridge.store.secrets import MOST_SECRETS, Learned, LearnedSecret, Learning
from bridge.units import UnitError, parse_duration

log = structlog.get_logger(__name__)

LONGEST_WINDOW_MS = 24 * 3_600_000
_NOTHING = Learned()


class Secrets:
    """Learns secrets, and carries out what a person decides about them.

    Args:
        store: keeps them.
        present: the sources in use, and the copy of what the store holds.
        clock: the time.
    """

    def __init__(self, store: Store, present: Present, clock: Clock) -> None:
        self._store = store
        self._present = present
        self._clock = clock
        self._completed: dict[str, tuple[Source, Learned, Source]] = {}

    async def restore(self) -> None:
        """Take up what the store holds: at the start, and after each change."""
        self._present.learned = dict(await self._store.learned())

    # --- for the door ----------------------------------------------------------------------------------------------

    def complete(self, source: Source) -> Source:
        """The source with all secrets that it has learned; itself when it learns none."""
        learned = self._present.learned.get(source.name)
        if learned is None or not learned.secrets or not source.handshakes.learns:
            return source
        made = self._completed.get(source.name)
        if made is None or made[0] is not source or made[1] is not learned:
            made = self._completed[source.name] = source, learned, self._with_secrets(source, learned.secrets)
        return made[2]

    def _with_secrets(self, source: Source, secrets: Sequence[LearnedSecret]) -> Source:
        fit = [each for each in secrets if source.takes_secret(each.value)][: MOST_SECRETS - source.secret_count]
        if len(fit) < len(secrets):
            numbers = sorted({each.number for each in secrets} - {each.number for each in fit})
            log.warning(
                "secrets.unused",
                source=source.name,
                numbers=numbers,
                help="they do not fit `verify` as it is now, or are too many",
            )
        return source.with_secrets([each.value for each in fit])

    async def learn(self, source: Source, secret: str) -> Learning:
        """Keep a secret that a sender brought, if a window is open; it is durable and in use on return.

        Args:
            source: as configured, without what it has learned.
            secret: one that the source takes.
        """
        learned = self._present.learned.get(source.name, _NOTHING)
        if not self._is_open(learned) and not _is_among(secret, learned.secrets):
            return Learning.CLOSED
        most = MOST_SECRETS - source.secret_count
        result = await self._store.learn(source.name, secret, now_ms=self._clock.now_ms(), most=most)
        await self.restore()
        return result

    # --- for a person ----------------------------------------------------------------------------------------------

    async def standing(self) -> list[Row]:
        """Each source that learns, or has learned, with its secrets (never their values) and its window."""
        kept = await self._store.learned()
        sources = self._present.configuration.sources
        names = {name for name, source in sources.items() if source.handshakes.learns} | kept.keys()
        return [self._row(name, kept.get(name, _NOTHING)) for name in sorted(names)]

    def _row(self, name: str, learned: Learned) -> Row:
        source = self._present.configuration.sources.get(name)
        return {
            "source": name,
            "learns": source is not None and source.handshakes.learns,
            "configured": source.secret_count if source else 0,
            "learned": [
                {
                    "number": each.number,
                    "learned_at": rfc3339(each.learned_at_ms),
                    "shown_at": moment_or_none(each.shown_at_ms),
                }
                for each in learned.secrets
            ],
            "window_closes_at": moment_or_none(learned.closes_at_ms if self._is_open(learned) else None),
        }

    async def open_window(self, name: str, length: str) -> int:
        """Let a source learn one secret within a time from now; when that ends.

        Args:
            name: the source's.
            length: such as `10m`.

        Raises:
            WrongUse: there is no such source, it learns no secrets, or the time is none.
            UsageError: it has as many secrets as it may.
        """
        source = self._learning(name)
        try:
            length_ms = parse_duration(length)
        except UnitError as error:
            raise WrongUse(f"{error.headline}; {error.help}") from None
        if not 0 < length_ms <= LONGEST_WINDOW_MS:
            raise WrongUse("a window is open for a time between 1ms and 24h")
        count = source.secret_count + len((await self._store.learned()).get(name, _NOTHING).secrets)
        if count >= MOST_SECRETS:
            raise UsageError(f"`{name}` has {count} secrets, and no more may be kept: retire old ones first")
        closes_at_ms = self._clock.now_ms() + length_ms
        await self._store.open_window(name, closes_at_ms)
        await self.restore()
        return closes_at_ms

    async def close_window(self, name: str) -> bool:
        """Close a source's window; whether it was open.

        Raises:
            WrongUse: there is no such source, or it learns no secrets.
        """
        self._learning(name)
        was_open = self._is_open((await self._store.learned()).get(name, _NOTHING))
        await self._store.open_window(name, None)
        await self.restore()
        return was_open

    async def show(self, name: str) -> LearnedSecret:
        """The newest secret of a source, which is shown once.

        Raises:
            UsageError: there is none, or it was shown before.
        """
        secret = await self._store.show_secret(name, now_ms=self._clock.now_ms())
        if secret is None:
            raise UsageError(f"`{name}` has learned no secret")
        if secret.shown_at_ms is not None:
            raise UsageError(
                f"secret {secret.number} of `{name}` was shown at {rfc3339(secret.shown_at_ms)}, and is shown once: "
                "open a window, and have the sender bring a new one"
            )
        await self.restore()
        return secret

    async def retire(self, name: str, numbers: Sequence[int] | None) -> list[int]:
        """Forget secrets of a source, by default all that it has learned but the newest; which.

        Raises:
            UsageError: it has learned no secret of one of the numbers.
        """
        known = [each.number for each in (await self._store.learned()).get(name, _NOTHING).secrets]
        retired = known[1:] if numbers is None else list(dict.fromkeys(numbers))
        strange = [number for number in retired if number not in known]
        if strange:
            raise UsageError(f"`{name}` has no learned secret {', '.join(map(str, strange))}")
        await self._store.retire_secrets(name, retired)
        await self.restore()
        return retired

    def _learning(self, name: str) -> Source:
        sources = self._present.configuration.sources
        learning = sorted(each for each, source in sources.items() if source.handshakes.learns)
        source = sources.get(name)
        if source is not None and name in learning:
            return source
        if source is not None:
            raise WrongUse(f"the sender of `{name}` brings no secret of its own: it is in the configuration")
        near = suggest(name, learning)
        known = f"those that learn a secret are {quoted_list(learning)}" if learning else "none learns a secret"
        raise WrongUse("there is no such source; " + (f"did you mean `{near}`?" if near else known))

    def _is_open(self, learned: Learned) -> bool:
        return learned.closes_at_ms is not None and self._clock.now_ms() < learned.closes_at_ms


def _is_among(secret: str, kept: Sequence[LearnedSecret]) -> bool:
    given = secret.encode()
    return any([hmac.compare_digest(given, each.value.encode()) for each in kept])  # noqa: C419 - no early exit
