"""What a store keeps of secrets that senders bring themselves: windows in which one is taken, and the secrets.

Asana and Notion send their secret in a first message that nobody signed. It is taken only while a window is open that
a person opened, once for each window.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

MOST_SECRETS = 8
"""Of one source, those of its configuration included; more would have to be tried for each event."""
LEARNED_BY = "the sender"
"""Who brought a secret, in the audit."""


class Learning(StrEnum):
    """What became of a secret that a sender brought."""

    LEARNED = "learned"
    """It is kept, and the window is closed."""
    KNOWN = "known"
    """It was kept already: the sender did not hear our answer."""
    CLOSED = "closed"
    """No window is open."""
    FULL = "full"
    """As many are kept as may be; an old one must be retired first."""


@dataclass(frozen=True, slots=True)
class LearnedSecret:
    """A secret that a sender brought. `number` is unique over all sources and never comes back."""

    number: int
    value: str = field(repr=False)
    learned_at_ms: int
    shown_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of one source: its secrets, newest first, and until when its window is open, if it is."""

    secrets: Sequence[LearnedSecret] = ()
    closes_at_ms: int | None = None


class SecretStore(Protocol):
    """The part of a store that keeps secrets. As everywhere in a store: what a method wrote is synced on return."""

    async def learned(self) -> Mapping[str, Learned]:
        """By source, all secrets and windows; of sources that are not configured any more, too."""
        ...

    async def open_window(self, source: str, closes_at_ms: int | None) -> None:
        """Let the source learn one secret until then; another window of it is replaced. None closes it."""
        ...

    async def learn(self, source: str, secret: str, *, now_ms: int, most: int) -> Learning:
        """Keep a secret if the source's window is open, and close it; of two at once one is taken.

        One that is kept already is `known`, whether a window is open or not, and changes nothing. `most` is how many
        the source may have. A new one leaves an entry `secrets.learn` in the audit.
        """
        ...

    async def show_secret(self, source: str, *, now_ms: int) -> LearnedSecret | None:
        """The newest secret of a source as it was *before* it is marked as shown; None when there is none.

        One that has `shown_at_ms` must not be shown again; its mark stays as it is.
        """
        ...

    async def retire_secrets(self, source: str, numbers: Collection[int]) -> int:
        """Forget secrets of a source; how many there were."""
        ...
