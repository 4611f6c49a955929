"""What a source does at its sender's wish, instead of storing an event or besides.

A `Reply` is the answer itself. `Learn` and `Called` are what has to be done before it is given: keep a secret, call an
address. Both are done elsewhere, and only then the reply that they carry goes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of our own to a handshake.

    `kind` is the block's; `event`: the request is an event besides; `is_proven`: the sender was believed.
    """

    kind: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    event: bool = False
    is_proven: bool = False


@dataclass(frozen=True, slots=True)
class Learn:
    """The sender brings its secret: keep it durably, if a window is open, and then reply."""

    secret: str = field(repr=False)
    reply: Reply = field(repr=False)
    is_proven: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """The sender asks to be called: GET `url` (https, one of its own hosts), and then reply. `topic` is for people."""

    url: str = field(repr=False)
    topic: str
    reply: Reply
    is_proven: bool = False
