"""Requests as the verifiers of these tests see them."""

from collections.abc import Mapping, Sequence

from bridge.sources import AnyScheme, Verdict, parse_verification, verify
from tests.sources.builders import NOW_MS

Headers = Sequence[tuple[str, str]]


def judged(
    block: Mapping[str, object] | AnyScheme,
    headers: Headers = (),
    body: bytes = b"",
    *,
    now_ms: int = NOW_MS,
    raw_query: str = "",
    certificates: Mapping[str, bytes] | None = None,
) -> Verdict:
    scheme = parse_verification(block) if isinstance(block, Mapping) else block
    return verify(
        scheme,
        headers=headers,
        query=[],
        body=body,
        now_ms=now_ms,
        raw_query=raw_query,
        certificates=certificates,
    )
