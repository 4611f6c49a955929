"""What a request to a source's address is: events, a handshake, or something to be refused. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from bridge.sources.answers import Received, Refused
from bridge.sources.handshake_answers import Reaction
from bridge.sources.handshake_reading import Reading, Unfit, is_no_more_than_a_token
from bridge.sources.learned import keys_of
from bridge.sources.presented import Presented
from bridge.sources.proofs.notification import SnsScheme
from bridge.sources.reactions import Called, Reply
from bridge.sources.scheme import alternatives
from bridge.sources.source import Source
from bridge.sources.verify import judge
from bridge.sources.wire import Pairs, index_headers, index_query

TOPIC_UNNAMED = Refused(
    403,
    "topic_unnamed",
    "This source confirms no topic.",
    "Add the topic's ARN to `verify.topics` of the source, then have SNS ask again.",
    "anybody's topic would be confirmed: `verify.topics` names none",
)

SIGNED_FOR_ANYBODY = Refused(
    401,
    "proves_nothing",
    "A signature of one word proves nothing here.",
    "Send an event: its body is a JSON object, or a form.",
    "the body is one word, and anybody gets the HMAC of a word by the source's `hmac_json`",
)


def meet(
    source: Source,
    *,
    headers: Pairs,
    query: Pairs,
    body: bytes,
    now_ms: int,
    method: str = "POST",
    raw_query: str = "",
    certificates: Mapping[str, bytes] | None = None,
) -> Received | Reaction:
    """Say what is to be done about a request.

    Args:
        source: whose address was called, with all its secrets.
        headers: all (name, value) pairs as received.
        query: all (name, value) pairs of the query, decoded.
        body: the raw bytes as received, within the size limit.
        now_ms: the present, milliseconds since the Unix epoch.
        method: the request's method, one of `source.methods`.
        raw_query: the query as it stands in the request line.
        certificates: as of `verify`.

    Returns:
        `Received` with the events to store (and perhaps the `reply` that the sender wants when they are); `Reply`, the
        answer to a handshake; `Learn` and `Called`, what has to be done before one is answered; or `Refused`. Nothing
        in a request makes this function raise.
    """
    request = Presented(index_headers(headers), body, index_query(query), method, raw_query, certificates)
    reaction = _shaken(source, request, now_ms) if source.handshakes.blocks else None
    is_event = method == "POST" and (reaction is None or (isinstance(reaction, Reply) and reaction.event))
    if not is_event:
        return reaction or source.handshakes.not_one(method)
    received = source.judged(request, now_ms)
    if isinstance(received, Received) and isinstance(reaction, Reply):
        return replace(received, reply=reaction)
    return received


def _shaken(source: Source, request: Presented, now_ms: int) -> Reaction | None:
    """What is done about a handshake; None for a request that is none."""
    handshakes = source.handshakes
    reading = Reading(request)
    try:
        unsigned = handshakes.meant(reading, signed=False)
        if unsigned is not None:
            return handshakes.answered(unsigned, reading, keys_of(source.verification))
        if request.method == "POST" and handshakes.signs_for_anybody and is_no_more_than_a_token(request.body):
            return SIGNED_FOR_ANYBODY
        signed = handshakes.meant(reading, signed=True)
        if signed is None:
            return None
        verdict = judge(source.verification, request, now_ms)
        if not verdict.ok:
            return source.advice.refusal(verdict)
        keys = keys_of(source.verification, verdict.secret_index)
        answered = handshakes.answered(signed, reading, keys)
        if isinstance(answered, Called) and not _names_its_topics(source):
            answered = TOPIC_UNNAMED
        return replace(answered, is_proven=True)
    except Unfit as error:
        return error.refused


def _names_its_topics(source: Source) -> bool:
    """Whether it is known whose notifications a confirmation lets in."""
    return all(block.topics for block in alternatives(source.verification) if isinstance(block, SnsScheme))
