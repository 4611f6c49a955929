"""The errors that cross a module boundary.

    BridgeError
    ├── UsageError            the person asked for something that does not exist or makes no sense
    ├── StoreError
    │   ├── StoreUnavailable  could not be written now; nothing was acknowledged; try again
    │   ├── StoreLocked       another daemon holds this store
    │   ├── StoreFailed       a write or sync failed: the process must end (exit 70)
    │   ├── StoreReplaced     the file was moved, deleted or replaced under us (exit 71)
    │   └── Replayed          a request's one-time id came again with other bytes; nothing was stored
    └── LeaseLost             somebody else took this delivery over; our result must be dropped

Every message is safe to print: it never holds a secret or a customer's text.
"""


class BridgeError(Exception):
    """Base of all errors this program raises on purpose."""


class UsageError(BridgeError):
    """The person asked for something that does not exist or cannot be done in this state."""


class StoreError(BridgeError):
    """Base of what the store reports."""


class StoreUnavailable(StoreError):  # noqa: N818 - reads as a state, and is answered as one (503)
    """The store could not take the write now; nothing of it was kept."""


class StoreLocked(StoreError):  # noqa: N818 - as above
    """Another live process holds the store."""


class StoreFailed(StoreError):  # noqa: N818 - as above
    """A write or sync failed; no later write on this handle may be trusted (fact C21)."""


class StoreReplaced(StoreFailed):
    """The store's file was moved, deleted or replaced while it was open (fact C22)."""


class LeaseLost(StoreError):  # noqa: N818 - as above
    """The fencing number is old: another worker owns the delivery, this result changes nothing."""


class Replayed(StoreError):  # noqa: N818 - reads as what was done to us
    """The sender's own id for this request was seen with other bytes: somebody uses what they overheard."""
