"""All vectors of a row, and what `verify` says of one."""

from collections.abc import Sequence
from functools import cache
from urllib.parse import parse_qsl

from bridge.sources import AnyScheme, Verdict, parse_verification, verify
from tests.sources.vectors import families, odd_hashes, odd_proofs
from tests.sources.vectors.families import Vector
from tests.sources.vectors.request import Row, Sent
from tests.sources.vectors.rows import ROWS

_ODDS = {**odd_hashes.ODDS, **odd_proofs.ODDS}


def vectors_of(row: Row) -> tuple[Vector, ...]:
    odd = (Vector(title, sent, ok=ok) for title, ok, sent in _ODDS.get(row.name, ()))
    return (*families.of(row), *odd)


def believed(row: Row, vector: Vector, now_s: float) -> Verdict:
    """What the documented function says of a vector at a time."""
    sent = vector.sent(now_s)
    return verify(
        scheme_of(row.name, tuple(vector.secrets)),
        headers=headers_of(row, sent),
        query=parse_qsl(sent.raw_query, keep_blank_values=True),
        body=sent.body,
        now_ms=int(now_s * 1000),
        raw_query=sent.raw_query,
    )


def headers_of(row: Row, sent: Sent) -> list[tuple[str, str]]:
    return [("Content-Type", row.media_type), *sent.headers]


@cache
def scheme_of(name: str, secrets: Sequence[str]) -> AnyScheme:
    (row,) = (each for each in ROWS if each.name == name)
    return parse_verification(row.block(*secrets))
