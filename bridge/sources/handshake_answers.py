"""What a handshake is answered with: a function of the request, without network or store."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from bridge.sources.answers import Refused
from bridge.sources.handshake import (
    Block,
    Confirm,
    EchoHeader,
    EchoJson,
    EchoQuery,
    FixedReply,
    HmacJson,
    StoreSecret,
)
from bridge.sources.handshake_reading import REPEATED, TOKEN, Reading, Unfit, unfit
from bridge.sources.proofs.envelope import is_sns_host
from bridge.sources.reactions import Called, Learn, Reply
from bridge.sources.strict_json import dump_json

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
_SNS_QUERY = frozenset({"Action", "TopicArn", "Token"})


Reaction = Reply | Learn | Called | Refused
"""What is done about a request that is a handshake."""


@dataclass(frozen=True, slots=True)
class Handshakes:
    """The handshake blocks of one source, and the words it may be shown. Its repr shows none of these."""

    blocks: tuple[Block, ...] = ()
    verify_tokens: tuple[SecretStr, ...] = ()

    @property
    def methods(self) -> frozenset[str]:
        """What the address takes besides `POST`."""
        return frozenset(method for block in self.blocks for method in block.methods) - {"POST"}

    @property
    def learns(self) -> bool:
        """Whether the sender brings its secret."""
        return any(isinstance(block, StoreSecret) for block in self.blocks)

    @property
    def shows_a_token(self) -> bool:
        """Whether the sender shows a word that the operator chose."""
        return any(isinstance(block, EchoQuery) and block.token is not None for block in self.blocks)

    @property
    def signs_for_anybody(self) -> bool:
        """Whether somebody who has proven nothing is given the HMAC of a word."""
        return any(isinstance(block, HmacJson) and not block.is_signed for block in self.blocks)

    def meant(self, reading: Reading, *, signed: bool) -> Block | None:
        """The block that a request is about, of those that need a signature or of those that do not.

        Raises:
            Unfit: a name that tells it stands in the request twice.
        """
        method = reading.request.method
        blocks = (each for each in self.blocks if each.is_signed is signed and method in each.methods)
        return next((block for block in blocks if _is_meant(block, reading)), None)

    def answered(self, block: Block, reading: Reading, keys: Sequence[bytes]) -> Reaction:
        """What a request that is about a block is answered.

        Args:
            block: as `meant` gave it.
            reading: the request; where the block needs a signature, it was verified.
            keys: the keys of the source's secrets, the one that verified the request first.

        Raises:
            Unfit: the request is not as it must be.
        """
        match block:
            case EchoQuery() | EchoJson() | EchoHeader():
                return self._echoed(block, reading)
            case HmacJson():
                return _hashed(block, reading.text(block.value), keys)
            case FixedReply():
                return _fixed(block)
            case StoreSecret():
                return _learned(block, reading.text(block.from_))
            case Confirm():
                return _called(block, reading)

    def not_one(self, method: str) -> Refused:
        """The refusal of a request that could only be a handshake, and is none."""
        demands = any(
            isinstance(block, EchoQuery) and block.token is not None and method in block.methods
            for block in self.blocks
        )
        return unfit(
            "no_handshake",
            "This is not what the sender asks when it is set up.",
            f"a {method} that none of the source's handshakes is about",
            status=403 if demands else 400,
        ).refused

    def _echoed(self, block: EchoQuery | EchoJson | EchoHeader, reading: Reading) -> Reply:
        if isinstance(block, EchoQuery):
            self._check_token(block, reading)
        value = reading.text(_place(block) or "")
        if isinstance(block, EchoJson) and block.as_ == "json":
            return _json(block, {_last(block.field): value})
        if isinstance(block, EchoHeader) and block.field is not None:
            return _json(block, {block.field: value})
        if isinstance(block, EchoHeader) and block.as_ == "header":
            return Reply(block.kind, headers={block.header: value}, event=block.event)
        return Reply(block.kind, headers={"Content-Type": TEXT}, body=value.encode("ascii"), event=block.event)

    def _check_token(self, block: EchoQuery, reading: Reading) -> None:
        """Compare the word that the sender shows; hashes have one length, so that the time tells nothing of it."""
        if block.token is None:
            return
        try:
            word = reading.text(block.token.from_)
        except Unfit as error:
            if error.refused.code == REPEATED:
                raise
            place = block.token.from_
            raise _unentered("The verify token is missing.", f"nothing stands at `{place}`") from None
        if not self.verify_tokens:
            raise _unentered("This source has no verify token.", "the source has no `verify_token`")
        shown = hashlib.sha256(word.encode()).digest()
        known = [hashlib.sha256(each.get_secret_value().encode()).digest() for each in self.verify_tokens]
        if not any([hmac.compare_digest(shown, each) for each in known]):  # noqa: C419 - no early exit
            why = f"`{block.token.from_}` holds another word than the source's `verify_token`"
            raise _unentered("The verify token is not this source's.", why)


def _unentered(message: str, detail: str) -> Unfit:
    """The refusal of a sender that does not show the word which the operator should have entered there."""
    help_ = "Enter the same word at the sender as the source has under `verify_token:` in the bridge's configuration."
    return unfit("verify_token", message, detail, status=403, help_=help_)


def _is_meant(block: Block, reading: Reading) -> bool:
    """Whether `when` fits; without one, whether the request has the value that the block is about."""
    if not block.when.is_empty:
        return reading.fits(block.when)
    place = _place(block)
    return place is None or reading.has(place)


def _place(block: Block) -> str | None:
    """Where the value stands that a block is about, if it is about one."""
    match block:
        case EchoQuery():
            return f"query:{block.parameter}"
        case EchoJson():
            return f"json:{block.field}"
        case EchoHeader():
            return f"header:{block.header}"
        case HmacJson():
            return block.value
        case StoreSecret():
            return block.from_
        case FixedReply() | Confirm():
            return None


def _fixed(block: FixedReply) -> Reply:
    if block.json_ is not None:
        return _json(block, block.json_)
    if block.text is None:
        return Reply(block.kind, block.status, event=block.event)
    return Reply(block.kind, headers={"Content-Type": TEXT}, body=block.text.encode("ascii"), event=block.event)


def _json(block: Block, body: Mapping[str, object]) -> Reply:
    raw = dump_json(body)
    return Reply(block.kind, headers={"Content-Type": JSON}, body=raw, event=block.event)


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _hashed(block: HmacJson, value: str, keys: Sequence[bytes]) -> Reply:
    if not TOKEN.fullmatch(value):
        raise unfit("handshake_value", "The value is not a plain token.", f"`{block.value}` is not a plain token")
    if not keys:
        raise unfit("no_secret", "This source has no secret yet.", "the source has no secret", status=401)
    digest = hmac.new(keys[0], value.encode("ascii"), block.algorithm).digest()
    words = {"value": value, "hmac": block.prefix + _written(digest, block.encoding)}
    return _json(block, {key: words[which] for key, which in block.answer.items()})


def _written(digest: bytes, encoding: str) -> str:
    if encoding == "hex":
        return digest.hex()
    if encoding == "base64":
        return base64.b64encode(digest).decode()
    return base64.urlsafe_b64encode(digest).decode()


def _learned(block: StoreSecret, secret: str) -> Learn:
    kind, _, name = block.from_.partition(":")
    if not block.echo:
        return Learn(secret, Reply(block.kind))
    echo = _json(block, {_last(name): secret}) if kind == "json" else Reply(block.kind, headers={name: secret})
    return Learn(secret, echo)


def _called(block: Confirm, reading: Reading) -> Called:
    """The address that SNS wants to have called, if it is one of its own and about the topic of the signed message."""
    url, topic = reading.text("json:SubscribeURL"), reading.text("json:TopicArn")
    if not is_subscribe_url(url, topic):
        raise unfit(
            "subscribe_url", "The address to be called is not one of AWS SNS.", "`SubscribeURL` is not one of AWS SNS"
        )
    return Called(url, topic, Reply(block.kind))


def is_subscribe_url(url: str, topic: str) -> bool:
    """Whether an address confirms a subscription to a topic at AWS: https, an SNS host, its usual port and path."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, max_num_fields=len(_SNS_QUERY))
    except ValueError:
        return False
    query = dict(pairs)
    return (
        parts.scheme == "https"
        and is_sns_host(parts.netloc)
        and parts.path in {"", "/"}
        and not parts.fragment
        and len(pairs) == len(query)
        and query.keys() == _SNS_QUERY
        and query["Action"] == "ConfirmSubscription"
        and query["TopicArn"] == topic
    )
