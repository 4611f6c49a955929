"""What a scheme leaves open: allowed, because senders do it so, and worth saying at every start."""

from collections.abc import Iterator

from bridge.sources.problems import SourceWarning
from bridge.sources.proofs.proof import Proof
from bridge.sources.proofs.signed import Signed
from bridge.sources.scheme import AnyScheme, NoVerification, alternatives


def cautions(name: str, verification: AnyScheme) -> Iterator[SourceWarning]:
    """What to say at every start about how a source verifies, each thing once."""
    if isinstance(verification, NoVerification):
        yield SourceWarning(
            ("verify",),
            f"the source `{name}` believes anybody who reaches its address",
            "keep it on a loopback address, or describe the sender's signature under `verify`",
        )
    found = [caution for block in alternatives(verification) for caution in _of(name, block)]
    yield from dict.fromkeys(found)


def _of(name: str, block: Proof) -> Iterator[SourceWarning]:
    if not isinstance(block, Signed):
        return
    time = block.timestamp
    if time is not None and (time.past_s is None or time.future_s is None):
        yield SourceWarning(
            ("verify", "timestamp"),
            f"the source `{name}` takes signed times of any age",
            "set `past_s` and `future_s`, unless the sender repeats old requests unchanged",
        )
    if not block.covers_body:
        yield SourceWarning(("verify", "message"), f"the signature of the source `{name}` {_gap(block)}", _REST)
    if block.replay is not None and not block.covers(block.replay.place):
        yield SourceWarning(
            ("verify", "replay"),
            f"the source `{name}` tells repeats by an id that is not signed: a copied request can be given a new one",
            "put the id in `message`, if the sender signs it",
        )


_REST = "that is how this sender signs: let no rule rest on the other parts of the body alone"


def _gap(block: Signed) -> str:
    if any(token.kind == "crc32" for token in block.tokens):
        return "covers a checksum of the body, for which another body can be made"
    return "covers a part of the body only"
