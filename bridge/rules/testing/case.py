"""A rule test ready to be carried out: one of its cases, with bodies as bytes and places kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.connectors.opened import PartPath
from bridge.rules.testing.schema import AnswerShape, ExpectShape


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a sender posts to a source, without its signature."""

    source: str
    body: bytes
    headers: Sequence[tuple[str, str]] = ()
    query: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that is expected, and its answer; None is the operation's own sample.

    `path` is where it stands in the file. `waits_ms` is how long the delivery should wait after the answer.
    """

    expect: ExpectShape
    answer: AnswerShape | str | None
    path: PartPath
    waits_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One event, or only time, and what is expected. `outcomes` is rule -> word; under "" for every rule."""

    path: PartPath
    event: Inbound | None = None
    after_ms: int | None = None
    at_ms: int | None = None
    exchanges: Sequence[Exchange] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One test, or one of its cases. `rules` are the rules that run, None for all.

    `path` is where the test stands in its file; `label` is its name with that of the case.
    """

    name: str
    label: str
    path: PartPath
    rules: Sequence[str] | None
    turns: Sequence[Turn]
    links: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    links_after: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
