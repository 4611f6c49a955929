"""What a source says about a request: events to store, or a refusal with words for the sender and for the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bridge.model import NewEvent
from bridge.sources.schema import MEDIA_TYPES, BodyForm
from bridge.sources.verdict import Reason, Verdict


@dataclass(frozen=True, slots=True)
class Received:
    """A request that was believed and read. `events` may be empty: a sender's heartbeat is a split list of none.

    `secret_index` says which secret matched (None when nothing is checked). `notes` are remarks for the log.
    """

    events: Sequence[NewEvent]
    secret_index: int | None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A request of which nothing is stored.

    `status`, `code`, `message`, `help` are the answer; they are fixed words and names from the configuration.
    `reason` is for the log and as safe to print.
    """

    status: int
    code: str
    message: str
    help: str
    reason: str


_FORM_WORDS: Mapping[BodyForm, str] = {"json": "JSON", "form": "form fields"}

_MISSING = "The request carries no signature."
_MALFORMED = "The signature is not written the way this source expects it."
_TIME = "The signed time is missing, unreadable or too far from the present."
_HEADER = "A header that is part of the signature is missing, repeated or unreadable."

_MESSAGES: Mapping[Reason, str] = {
    Reason.NO_SECRET: "This source has no secret yet.",
    Reason.SIGNATURE_MISSING: _MISSING,
    Reason.SIGNATURE_REPEATED: _MALFORMED,
    Reason.SIGNATURE_MALFORMED: _MALFORMED,
    Reason.SIGNATURE_MISMATCH: "The signature was not made from this body with this source's secret.",
    Reason.TIMESTAMP_MISSING: _TIME,
    Reason.TIMESTAMP_REPEATED: _TIME,
    Reason.TIMESTAMP_MALFORMED: _TIME,
    Reason.TIMESTAMP_OUTSIDE: _TIME,
    Reason.HEADER_MISSING: _HEADER,
    Reason.HEADER_REPEATED: _HEADER,
    Reason.HEADER_MALFORMED: _HEADER,
}


def not_believed(verdict: Verdict, help_: str) -> Refused:
    """The 401 for a verdict that is not ok."""
    return Refused(401, str(verdict.reason), _MESSAGES[verdict.reason], help_, verdict.detail)


def form_of(headers: Mapping[str, Sequence[str]], forms: Sequence[BodyForm]) -> BodyForm | Refused:
    """How the body is written, or the 415 for one that is compressed or in no form that the source takes.

    A request without a content type is read in the first of the source's forms: it is the signature that vouches for
    a body, not its label.
    """
    encodings = [value.strip().lower() for value in headers.get("content-encoding", ())]
    if any(encoding != "identity" for encoding in encodings):
        return Refused(
            415,
            "body_encoded",
            "Compressed bodies are not taken.",
            "Switch compression off at the sender: leave the Content-Encoding header out.",
            "the request has a Content-Encoding",
        )
    types = headers.get("content-type", ())
    if not types:
        return forms[0]
    form = _form_named(types[0]) if len(types) == 1 else None
    if form is None or form not in forms:
        words = " or ".join(_FORM_WORDS[each] for each in forms)
        media_types = " or ".join(f"`Content-Type: {MEDIA_TYPES[each]}`" for each in forms)
        return Refused(
            415,
            "content_type",
            f"This source takes {words} only.",
            f"Send the body as UTF-8 {words} with {media_types}.",
            f"the Content-Type is not {words}, or came more than once",
        )
    return form


@lru_cache(maxsize=256)
def _form_named(content_type: str) -> BodyForm | None:
    essence, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset=")]
    if any(charset not in {"utf-8", "utf8"} for charset in charsets):
        return None
    if essence == MEDIA_TYPES["form"]:
        return "form"
    is_json = essence == MEDIA_TYPES["json"] or (essence.startswith("application/") and essence.endswith("+json"))
    return "json" if is_json else None
