"""What a source says about a request: events to store, or a refusal with words for the sender and for the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.model import NewEvent
from bridge.sources.bodies import BodyForm
from bridge.sources.media_types import MediaType, media_type_of
from bridge.sources.reactions import Reply


@dataclass(frozen=True, slots=True)
class Received:
    """A request that was believed and read. `events` may be empty: a sender's heartbeat is a split list of none.

    `secret_index` says which secret matched (None when nothing is checked). `notes` are remarks for the log.
    `replay_id` is what the request calls itself, where its scheme has that: for `replay_keep_s` seconds it is good for
    this body only. `reply` is what the sender wants to hear when the events are stored, None for the usual.
    """

    events: Sequence[NewEvent]
    secret_index: int | None
    notes: Sequence[str] = ()
    replay_id: str | None = None
    replay_keep_s: int | None = None
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A request of which nothing is stored.

    `status`, `code`, `message`, `help` are the answer; they are fixed words and names from the configuration.
    `reason` is for the log and as safe to print, and so is `scheme`: which proof was looked for, empty where none was.
    `is_proven` says that the sender was believed all the same, so that its own limit counts the request.
    `certificate_url` is the certificate without which nothing can be said; its host was checked. `retry_after_s` says
    when it is worth trying again, for a 503.
    """

    status: int
    code: str
    message: str
    help: str
    reason: str
    scheme: str = ""
    is_proven: bool = False
    certificate_url: str | None = None
    retry_after_s: int | None = None


def forms_of(
    headers: Mapping[str, Sequence[str]], forms: Sequence[BodyForm]
) -> tuple[Sequence[BodyForm], MediaType] | Refused:
    """The source's forms in which the body may be written, and its type; or the 415 for one that it does not take.

    A request without a content type is read in the first of the source's forms: it is the signature that vouches for
    a body, not its label.
    """
    encodings = headers.get("content-encoding")
    if encodings and any(value.strip().lower() != "identity" for value in encodings):
        return Refused(
            415,
            "body_encoded",
            "Compressed bodies are not taken.",
            "Switch compression off at the sender: leave the Content-Encoding header out.",
            "the request has a Content-Encoding",
        )
    types = headers.get("content-type") or (forms[0].media_type,)
    media = media_type_of(types[0]) if len(types) == 1 else None
    taking = [form for form in forms if form.takes(media)] if media is not None else []
    if media is None or not taking:
        words = " or ".join(form.words for form in forms)
        media_types = " or ".join(dict.fromkeys(f"`Content-Type: {form.media_type}`" for form in forms))
        return Refused(
            415,
            "content_type",
            f"This source takes {words} only.",
            f"Send the body as UTF-8 {words} with {media_types}, or say under `body:` of the source, in the bridge's "
            "configuration, how the sender writes it.",
            f"the Content-Type is not {words}, or came more than once",
        )
    return taking, media
