"""The sender's half of `verify`: what makes a body acceptable, for `crm-bridge send`, `demo`, `explain` and tests."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import urlencode

from bridge.errors import UsageError
from bridge.sources.draft import Draft, names_of, put_in_each
from bridge.sources.places import WHOLE_BODY, Place
from bridge.sources.proofs.encodings import encode
from bridge.sources.proofs.keyed_hash import HmacScheme
from bridge.sources.proofs.notification import SnsScheme
from bridge.sources.proofs.plain_hash import HashScheme, digest
from bridge.sources.proofs.private_key import OnlyTheSender, PrivateKeyNeeded, SecretNeeded, made_signature, made_token
from bridge.sources.proofs.proof import fits
from bridge.sources.proofs.public_key import PublicKeyScheme
from bridge.sources.proofs.signed import Given, Signed, messages
from bridge.sources.proofs.web_token import JwtScheme
from bridge.sources.proofs.window import age_of, written
from bridge.sources.proofs.words import BasicScheme, TokenScheme, shown_word
from bridge.sources.scheme import AnyScheme, Block, alternatives, credentials
from bridge.sources.verdict import Reason, Unbelieved, Verdict
from bridge.sources.verify import judge
from bridge.sources.wire import Pairs


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a sender with the secret sends.

    Attributes:
        headers: (name, value) pairs to send besides, or in place of, those that were given.
        query: all (name, value) pairs of the address, those that were given first.
        body: the bytes to send; those that were given unless the proof stands in the body.
    """

    headers: Sequence[tuple[str, str]]
    query: Sequence[tuple[str, str]]
    body: bytes

    @property
    def raw_query(self) -> str:
        """The query as it must stand in the request line, where the address is signed."""
        return urlencode(self.query, errors="replace")


def signs_time(scheme: AnyScheme) -> bool:
    """Whether the moment of signing is part of what is signed, at least in one of the alternatives."""
    return any(
        isinstance(block, JwtScheme) or (isinstance(block, Signed) and block.timestamp is not None)
        for block in alternatives(scheme)
    )


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who signs, and when."""

    now_ms: int
    secret_index: int
    fresh: bool
    private_key: str | None


def sign(
    scheme: AnyScheme,
    body: bytes,
    *,
    now_ms: int,
    header: str | None = None,
    secret_index: int = 0,
    given: Mapping[str, str] | None = None,
    query: Pairs = (),
    method: str = "POST",
    fresh: bool = False,
    private_key: str | None = None,
) -> SignedRequest:
    """The request that a sender with the secret would make of `body`.

    Args:
        scheme: the source's verification.
        body: the bytes to send. They stay as they are unless the proof stands in them.
        now_ms: the time to sign, milliseconds since the Unix epoch.
        header: at which place to prove it when the scheme has several (the header's name in any case, or what a
            message of ours calls the place); the first that suits the body otherwise.
        secret_index: which secret to sign with; 0 is the first.
        given: the headers that will be sent; those that are signed and not among them are made up, the same for the
            same body. Without a `Content-Type` the body is taken for what it looks like.
        query: (name, value) pairs that will stand in the address.
        method: the method of the request.
        fresh: whether an id that must not come twice is a new one each time, not the one that is there already.
        private_key: PEM; the private half of one of the public keys that the source verifies with.

    Returns:
        A request that `verify` believes. For a source that checks nothing it is what was given.

    Raises:
        PrivateKeyNeeded: the source verifies with public keys, and `private_key` belongs to none of them.
        OnlyTheSender: nobody but the vendor can sign for this source.
        UsageError: the scheme has no such place or secret, or no such request can be made of this body.
    """
    sender = _Sender(now_ms, secret_index, fresh, private_key)
    choices = _choices(scheme, header, secret_index)
    if not choices:
        return SignedRequest([], list(query), body)
    query = list(query)
    problems: list[UsageError] = []
    for block in choices:
        draft = Draft(body, headers=given or {}, query=query, method=method)
        try:
            _prove(block, draft, sender)
            verdict = judge(scheme, draft.presented(), now_ms)
        except UsageError as error:
            problems.append(error)
        except Unbelieved as refusal:
            problems.append(UsageError(f"{block.title}: {refusal.detail}"))
        else:
            if verdict.ok:
                return SignedRequest(list(draft.made.items()), draft.query, draft.body)
            problems.append(_refused(block, verdict))
    raise _together(problems)


def _together(problems: Sequence[UsageError]) -> UsageError:
    """Why none of the alternatives can be proven; of the kind that all the reasons have in common."""
    text = "; ".join(dict.fromkeys(str(problem) for problem in problems))
    for kind in (PrivateKeyNeeded, OnlyTheSender):
        if all(isinstance(problem, kind) for problem in problems):
            return kind(text)
    return UsageError(text)


def _refused(block: Block, verdict: Verdict) -> UsageError:
    """Why the source would not believe what was made."""
    if block.rests_on == "public_keys" and verdict.reason is Reason.SIGNATURE_MISMATCH:
        return PrivateKeyNeeded("the private key is not the half of any public key of the source")
    return UsageError(f"no such request can be made of this: {verdict.detail}")


def _choices(scheme: AnyScheme, header: str | None, secret_index: int) -> Sequence[Block]:
    """The alternatives to try; none for a scheme that checks nothing."""
    blocks = alternatives(scheme)
    if header is not None and blocks:
        wanted = [block for block in blocks if header.lower() in _names(block.signature.place)]
        if not wanted:
            known = names_of(block.signature.place for block in blocks)
            raise UsageError(f"the source takes no signature in that header; it takes {known}")
        blocks = tuple(wanted)
    most = max((_secrets(block) for block in blocks), default=1)
    if not most:
        raise SecretNeeded("the configuration holds no secret of this source: its sender brings one")
    if not 0 <= secret_index < most:
        raise UsageError(f"the source has {most} secret(s), so there is no number {secret_index + 1}")
    return blocks


def _secrets(block: Block) -> int:
    """How many secrets there are to choose from; of private keys the one that is given."""
    return len(credentials(block)) if block.rests_on == "secrets" else 1


def _names(place: Place) -> set[str]:
    return {place.name.lower(), place.brief.lower(), f"{place.kind}:{place.name}".lower()}


def _prove(block: Block, draft: Draft, sender: _Sender) -> None:
    """Make a draft one that the block believes.

    Raises:
        UsageError: it cannot be done.
        Unbelieved: as `UsageError`; the draft lacks something that the scheme reads.
    """
    if not sender.secret_index < _secrets(block):
        raise UsageError(f"{block.title} has no secret number {sender.secret_index + 1}")
    for name, wanted in block.require.items():
        there = draft.presented().headers.get(name.lower(), ())
        fit = [value for value in there if fits(value, wanted)]
        draft.put(Place("header", name), (fit or [wanted.replace("*", "")])[0])
    if block.replay is not None and block.replay.place.kind != "claim":
        _put_id(block.replay.place, draft, sender)
    match block:
        case TokenScheme() | BasicScheme():
            _show_word(block, draft, sender)
        case SnsScheme():
            raise OnlyTheSender("nobody but Amazon can sign a notification: publish one to the topic")
        case JwtScheme():
            token = made_token(
                block,
                draft.body,
                draft.raw_query,
                sender.now_ms,
                secret_index=sender.secret_index,
                private_key=sender.private_key,
            )
            draft.put(block.signature.place, block.signature.prefix + token)
        case HmacScheme() | HashScheme() | PublicKeyScheme():
            _sign_text(block, draft, sender)
        case _:
            assert_never(block)


def _show_word(block: TokenScheme | BasicScheme, draft: Draft, sender: _Sender) -> None:
    word = shown_word(block, sender.secret_index)
    place = block.signature.place
    if isinstance(block, TokenScheme) and block.each is not None:
        path = [] if block.each == WHOLE_BODY else block.each.split(".")
        draft.body = put_in_each(draft.body, path, place, word)
    else:
        draft.put(place, word)


def _sign_text(block: HmacScheme | HashScheme | PublicKeyScheme, draft: Draft, sender: _Sender) -> None:
    """Fill in all that is signed, and then the signature."""
    place = block.signature.place
    if block.covers(place):
        raise UsageError(f"{place.shown} is part of what it signs: let the sender send its own test")
    timestamp = _put_time(block, draft, sender)
    for token in block.tokens:
        if token.place is not None:
            _put_signed(token.place, draft)
    if block.body_digest is not None:
        hashed = hashlib.new(block.body_digest.algorithm, draft.body, usedforsecurity=False).digest()
        draft.put(block.body_digest.place, encode(hashed, block.body_digest.encoding))
    draft.put(place, _value(block, _signature(block, draft, Given((), timestamp), sender), timestamp))


def _signature(block: HmacScheme | HashScheme | PublicKeyScheme, draft: Draft, given: Given, sender: _Sender) -> bytes:
    if isinstance(block, PublicKeyScheme):
        (text, *_) = messages(block, draft.presented(), given)
        return made_signature(block, text, sender.private_key)
    key = block.keys[sender.secret_index]
    (text, *_) = messages(block, draft.presented(), given, key)
    return digest(block, text) if isinstance(block, HashScheme) else hmac.digest(key, text, block.algorithm)


def _put_time(block: Signed, draft: Draft, sender: _Sender) -> str | None:
    """The signed time as it is written; one in the body stays as long as it is good."""
    time = block.timestamp
    if time is None:
        return None
    text = written(time, sender.now_ms)
    if time.place.kind == "sig":
        return text
    there = draft.presented().values(time.place) if time.place.kind in {"json", "form", "form_json"} else ()
    if len(there) == 1:
        try:
            age_of(time, there[0], sender.now_ms)
        except Unbelieved:
            pass
        else:
            return there[0]
    draft.put(time.place, text)
    return text


def _put_signed(place: Place, draft: Draft) -> None:
    """Make sure that there is something to sign at a place; a header that was given is part of the proof."""
    there = draft.presented().values(place) if draft.presented().has(place) else ()
    if not there:
        draft.put(place, _made_up(draft.body))
    elif place.kind == "header" and len(there) == 1:
        draft.put(place, there[0])


def _put_id(place: Place, draft: Draft, sender: _Sender) -> None:
    if sender.fresh or not draft.presented().has(place):
        draft.put(place, _made_up(draft.body + (str(sender.now_ms).encode() if sender.fresh else b"")))


def _made_up(content: bytes) -> str:
    return f"crm-bridge-{hashlib.sha256(content).hexdigest()[:24]}"


def _value(scheme: Signed, signature: bytes, timestamp: str | None) -> str:
    """The signature's value, with its prefix, name and the time beside it where the scheme asks for them."""
    place = scheme.signature
    text = place.prefix + encode(signature, place.encoding)
    if place.field is None:
        return text
    elements = [f"{place.field}={text}"]
    if scheme.timestamp is not None and scheme.timestamp.place.kind == "sig":
        elements.insert(0, f"{scheme.timestamp.place.name}={timestamp}")
    return (place.split or "").join(elements)
