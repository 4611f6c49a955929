"""What a verifier says about a request, and the request as it sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from bridge.sources.wire import HeaderIndex

Subject = Literal["SIGNATURE", "TIMESTAMP", "HEADER"]
"""What a value of the request stands for; it picks the reason when the value is missing, repeated or not ASCII."""


class Reason(StrEnum):
    """Why a request was or was not believed; the code in answers, logs and metrics."""

    VERIFIED = "verified"
    NOT_CHECKED = "not_checked"
    NO_SECRET = "no_secret"  # noqa: S105 - a reason, not a password
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_REPEATED = "signature_repeated"
    SIGNATURE_MALFORMED = "signature_malformed"
    SIGNATURE_MISMATCH = "signature_mismatch"
    TIMESTAMP_MISSING = "timestamp_missing"
    TIMESTAMP_REPEATED = "timestamp_repeated"
    TIMESTAMP_MALFORMED = "timestamp_malformed"
    TIMESTAMP_OUTSIDE = "timestamp_outside"
    HEADER_MISSING = "header_missing"
    HEADER_REPEATED = "header_repeated"
    HEADER_MALFORMED = "header_malformed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of `verify`.

    `secret_index` is the position of the secret that matched (the oldest one if several headers did), so that an
    old secret can be retired. `detail` is for the log: names from the configuration and fixed words, never a
    value of the request, a secret or an expected signature.
    """

    ok: bool
    secret_index: int | None
    reason: Reason
    detail: str


class Unbelieved(Exception):  # noqa: N818 - control flow between the verifiers, never seen outside
    """The request is refused for this reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Presented:
    """A request as a verifier sees it: names to all their values, the bytes, and what may be signed beside them.

    Attributes:
        headers: by lower-case name.
        body: the raw bytes as received.
        query: decoded parameters by their exact name.
        method: `POST`, …
        raw_query: the query exactly as it stands in the request line, without the question mark.
    """

    headers: HeaderIndex
    body: bytes
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    method: str = "POST"
    raw_query: str = ""

    def has(self, place: str) -> bool:
        """Whether anything stands at `header:NAME` or `query:NAME`."""
        return bool(self._values(place))

    def only(self, place: str, subject: Subject) -> str:
        """The only value at `header:NAME` or `query:NAME`, in ASCII.

        Raises:
            Unbelieved: it is missing, comes twice (servers differ in which they take) or is not ASCII.
        """
        values = self._values(place)
        kind, _, name = place.partition(":")
        shown = f"the header `{name}`" if kind == "header" else f"the query parameter `{name}`"
        if not values:
            raise Unbelieved(Reason[f"{subject}_MISSING"], f"the request lacks {shown}")
        if len(values) > 1:
            raise Unbelieved(Reason[f"{subject}_REPEATED"], f"{shown} came {len(values)} times")
        if not values[0].isascii():
            raise Unbelieved(Reason[f"{subject}_MALFORMED"], f"{shown} has characters that are not ASCII")
        return values[0]

    def _values(self, place: str) -> Sequence[str]:
        kind, _, name = place.partition(":")
        return self.headers.get(name.lower(), ()) if kind == "header" else self.query.get(name, ())
