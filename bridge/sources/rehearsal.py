"""What a source would make of a request, for whoever has no sender at hand: `explain` and the tests of rules."""

from collections.abc import Mapping
from dataclasses import replace

from bridge.sources.answers import Received, Refused
from bridge.sources.proofs.private_key import OnlyTheSender
from bridge.sources.scheme import NoVerification
from bridge.sources.sign import sign
from bridge.sources.source import Source
from bridge.sources.wire import Pairs


def rehearse(
    source: Source, body: bytes, *, headers: Mapping[str, str], query: Pairs = (), now_ms: int
) -> Received | Refused:
    """Sign a body as its sender would, and have the source receive it.

    What nobody but the sender can sign, because it alone has the private key, is received as it is.

    Args:
        source: the source.
        body: the bytes that the sender would send.
        headers: the request's headers, without any proof.
        query: (name, value) pairs of the address.
        now_ms: the present.

    Raises:
        UsageError: no request that the source believes can be made of this body.
    """
    query = list(query)
    try:
        signed = sign(source.verification, body, now_ms=now_ms, given=headers, query=query)
    except OnlyTheSender:
        trusting = replace(source, verification=NoVerification(type="none"))
        return trusting.receive(headers=headers.items(), query=query, body=body, now_ms=now_ms)
    own = {name.lower() for name, _ in signed.headers}
    return source.receive(
        headers=[*(pair for pair in headers.items() if pair[0].lower() not in own), *signed.headers],
        query=signed.query,
        body=signed.body,
        now_ms=now_ms,
        raw_query=signed.raw_query,
    )
