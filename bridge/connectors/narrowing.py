"""Finding the records that an API refuses a whole request for, and sending all the others, in few requests."""

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Narrowing(Generic[T]):
    """A request with all `items` was refused; this says which of them to send next, and hears how it went.

    One item is to blame as a rule: half of the suspects are sent, in the company of everybody whom nothing speaks
    against. A request that is refused leaves half of the suspects, one that passes settles what it held. Nobody is
    condemned by inference: an item is settled by a request that passed, or by a refused request of its own.

    With n items of which one is bad this takes at most ceil(log2 n) + 2 requests. Once several are known to be bad,
    suspects travel alone and the others in parts that are as large as the share of bad ones lets hope; even n bad
    ones take no more than 2 n requests.
    """

    def __init__(self, items: Sequence[T]) -> None:
        self._suspects: tuple[T, ...] = tuple(items)
        self._others: tuple[T, ...] = ()
        self._held: tuple[T, ...] = ()
        self._sent: tuple[T, ...] = ()
        self._mixed = True
        self._good = 0
        self._bad = 0

    def next(self) -> tuple[T, ...]:
        """What to send next; empty when every item is settled."""
        if not self._suspects:
            size = self._part()
            self._suspects, self._others = self._others[:size], self._others[size:]
            self._held = self._sent = self._suspects
        elif len(self._suspects) == 1:
            self._held = self._sent = self._suspects
        else:
            self._held = self._suspects[: -(-len(self._suspects) // 2)]
            self._sent = self._held + self._others if self._mixed else self._held
        return self._sent

    def passed(self) -> None:
        """Every item sent last has its own answer now."""
        if len(self._sent) > len(self._held):
            self._others = ()
        if len(self._sent) == len(self._suspects):
            self._mixed = False  # suspected for what its company did: several are bad
        self._suspects = self._suspects[len(self._held) :]
        self._good += len(self._sent)

    def refused(self) -> None:
        """The items sent last were refused together; a single one is settled by that."""
        if len(self._sent) == 1:
            self._bad += 1
            self._mixed = False
            # the refusal has found its cause, so nothing speaks against the other suspects any more
            self._others, self._suspects = self._others + self._suspects[1:], ()
        else:
            self._others += self._suspects[len(self._held) :]
            self._suspects = self._held

    def _part(self) -> int:
        """How many of the unsuspected to send at once: with several bad ones found, few enough to have none."""
        return len(self._others) if self._bad <= 1 else max(1, self._good // self._bad)
