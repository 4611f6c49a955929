"""Request ids that are good for one body: which were seen, and with which bytes."""

from collections.abc import Sequence
from hashlib import blake2b

from bridge.errors import Replayed
from bridge.store.sqlite.session import Transaction
from bridge.store.sqlite.statements import repeated, slices
from bridge.store.values import ReplayId

Key = tuple[str, bytes]
"""(source, hash of the id): the ids are of no use to us as text, and may be of any length."""


class Memory:
    """What is known of the ids of some requests, while these are taken one after the other.

    Args:
        tx: the transaction of the requests.
        ids: of all requests that will be taken.
    """

    def __init__(self, tx: Transaction, ids: Sequence[ReplayId]) -> None:
        self._tx = tx
        self._new: dict[Key, tuple[bytes, int]] = {}
        self._seen: dict[Key, tuple[bytes, int]] = {}
        """Key -> digest of the body, and when the id is forgotten."""
        keys = sorted({_key(each) for each in ids}) if ids else []
        for part in slices(len(keys)):
            chosen = keys[part]
            text = repeated("known_replay_ids", 2, len(chosen))
            for row in tx.connection.execute(text, [value for key in chosen for value in key]):
                self._seen[row["source"], row["id"]] = (row["digest"], row["until_ms"])

    def take(self, once: ReplayId) -> int:
        """Note the id of a request, and return for how long the events of a retry are duplicates at least, in ms.

        0 for a request that is no retry.

        Raises:
            Replayed: its id was seen with other bytes.
        """
        digest, until_ms = self._seen.get(_key(once), (b"", 0))
        if once.received_at_ms >= until_ms:
            self._seen[_key(once)] = self._new[_key(once)] = (once.digest, once.received_at_ms + once.keep_ms)
            return 0
        if digest != once.digest:
            raise Replayed("a request with this id and other bytes was taken before")
        return once.keep_ms

    def keep(self) -> None:
        """Remember what was noted."""
        if self._new:
            self._tx.write_rows("remember_replay_ids", [(*key, *about) for key, about in self._new.items()])


def _key(once: ReplayId) -> Key:
    return once.source, blake2b(once.id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
