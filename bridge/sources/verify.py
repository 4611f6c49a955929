"""Was this request sent by somebody who knows the source's secret? A pure function over bytes.

The rules that no configuration can switch off stand in `proofs.signed`; each type of proof has a module of its own
there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import assert_never

from bridge.sources.presented import Presented
from bridge.sources.proofs import keyed_hash, notification, plain_hash, public_key, web_token, words
from bridge.sources.proofs.keyed_hash import HmacScheme
from bridge.sources.proofs.notification import SnsScheme
from bridge.sources.proofs.plain_hash import HashScheme
from bridge.sources.proofs.proof import Proof, replay_id
from bridge.sources.proofs.public_key import EcdsaScheme, Ed25519Scheme, RsaScheme
from bridge.sources.proofs.web_token import JwtScheme
from bridge.sources.proofs.words import BasicScheme, TokenScheme
from bridge.sources.scheme import AnyOf, AnyScheme, Block, EveryOf, NoVerification
from bridge.sources.verdict import Reason, Unbelieved, Verdict
from bridge.sources.wire import Pairs, index_headers, index_query


def verify(
    scheme: AnyScheme,
    *,
    headers: Pairs,
    query: Pairs,
    body: bytes,
    now_ms: int,
    method: str = "POST",
    raw_query: str = "",
    certificates: Mapping[str, bytes] | None = None,
) -> Verdict:
    """Decide whether the sender of a request knew one of the scheme's secrets.

    Args:
        scheme: what `parse_verification` made of a `verify:` block.
        headers: all (name, value) pairs as received, repeated ones included; names in any case.
        query: all (name, value) pairs of the query, decoded.
        body: the raw bytes as received, before any parsing.
        now_ms: the present, milliseconds since the Unix epoch, for signed times.
        method: the request's method, for senders that sign it.
        raw_query: the query as it stands in the request line, undecoded, for senders that sign the address.
        certificates: PEM bytes by the address that the request names, for senders that sign with a certificate. When
            the one needed is not here, the verdict says so (`certificate_unknown`) and names its address.

    Returns:
        A verdict for every input; nothing in a request makes this function raise.
    """
    request = Presented(index_headers(headers), body, index_query(query), method, raw_query, certificates)
    return judge(scheme, request, now_ms)


def judge(scheme: AnyScheme, request: Presented, now_ms: int) -> Verdict:
    """`verify` for a caller that has the request in this form already."""
    match scheme:
        case EveryOf():
            return _every(scheme.every_of, request, now_ms)
        case Proof():
            return _one(scheme, request, now_ms)
        case AnyOf():
            return _any(scheme.any_of, request, now_ms)
        case NoVerification():
            detail = "the source checks no signature"
            return Verdict(ok=True, secret_index=None, reason=Reason.NOT_CHECKED, detail=detail, scheme="none")


def _any(blocks: Sequence[Block], request: Presented, now_ms: int) -> Verdict:
    """The verdict of the first alternative that verifies; else that of the one whose proof came nearest."""
    refusals = []
    for block in blocks:
        verdict = _one(block, request, now_ms)
        if verdict.ok:
            return verdict
        refusals.append(verdict)
    return max(refusals, key=lambda refusal: _NEARNESS.get(refusal.reason, 1))


_NEARNESS: Mapping[Reason, int] = {
    Reason.SIGNATURE_MISSING: 0,
    Reason.SIGNATURE_MISMATCH: 2,
    Reason.DIGEST_MISMATCH: 2,
    Reason.TOKEN_INVALID: 2,
    Reason.TIMESTAMP_OUTSIDE: 3,
    Reason.CERTIFICATE_UNKNOWN: 4,  # whoever can fetch it may yet find the request good
}
"""How far a request got before it was refused; 1 where nothing is said."""


def _every(blocks: Sequence[Block], request: Presented, now_ms: int) -> Verdict:
    """A refusal if any proof that is there does not verify, or none is there."""
    present = [block for block in blocks if _is_there(block, request)]
    if not present:
        names = " or ".join(f"`{block.signature.place.brief}`" for block in blocks)
        return _refused(
            " or ".join(block.title for block in blocks),
            Unbelieved(Reason.SIGNATURE_MISSING, f"the request lacks {names}"),
        )
    verdicts = []
    for block in present:
        verdict = _one(block, request, now_ms)
        if not verdict.ok:
            return verdict
        verdicts.append(verdict)
    if len(verdicts) == 1:
        return verdicts[0]
    with_id = next((verdict for verdict in verdicts if verdict.replay_id is not None), verdicts[0])
    index = max(verdict.secret_index or 0 for verdict in verdicts)
    believed = _believed(" and ".join(verdict.scheme for verdict in verdicts), index, "secrets")
    return replace(believed, replay_id=with_id.replay_id, replay_keep_s=with_id.replay_keep_s)


def _is_there(block: Block, request: Presented) -> bool:
    """Whether a proof is tried at all."""
    return words.is_shown(block, request) if isinstance(block, TokenScheme) else request.has(block.signature.place)


def _one(block: Block, request: Presented, now_ms: int) -> Verdict:
    try:
        index, id_ = _proven(block, request, now_ms)
    except Unbelieved as refusal:
        return _refused(block.title, refusal)
    believed = _believed(block.title, index, block.rests_on)
    if block.replay is None:
        return believed
    return replace(believed, replay_id=id_, replay_keep_s=block.replay.keep_s)


def _proven(block: Block, request: Presented, now_ms: int) -> tuple[int, str | None]:
    """Ask the function that belongs to the type of a proof: which secret matched, and the request's one-time id."""
    match block:
        case HmacScheme():
            index = keyed_hash.matching(block, request, now_ms)
        case HashScheme():
            index = plain_hash.matching(block, request, now_ms)
        case Ed25519Scheme() | EcdsaScheme() | RsaScheme():
            index = public_key.matching(block, request, now_ms)
        case JwtScheme():
            index, claims = web_token.matching(block, request, now_ms)
            if block.replay is not None and block.replay.place.kind == "claim":
                return index, web_token.claimed_id(claims, block.replay.place)
        case SnsScheme():
            index = notification.matching(block, request, now_ms)
        case TokenScheme() | BasicScheme():
            index = words.matching(block, request, now_ms)
        case _:
            assert_never(block)
    return index, None if block.replay is None else replay_id(block, request)


@lru_cache(maxsize=1024)
def _believed(title: str, index: int, rests_on: str) -> Verdict:
    """A source's verdict about a good request is the same each time, but for the id that such a request may have."""
    noun = "public key" if rests_on == "public_keys" else "secret"
    matched = "the certificate" if rests_on == "certificate" else f"{noun} number {index + 1}"
    return Verdict(ok=True, secret_index=index, reason=Reason.VERIFIED, detail=f"{matched} matched", scheme=title)


def _refused(title: str, refusal: Unbelieved) -> Verdict:
    return Verdict(
        ok=False,
        secret_index=None,
        reason=refusal.reason,
        detail=f"{title}: {refusal.detail}",
        scheme=title,
        certificate_url=refusal.certificate_url,
    )
