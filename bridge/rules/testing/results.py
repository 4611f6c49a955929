"""What came of a rule test: every request, and everything that was not as expected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.connectors.answer import Answer
from bridge.connectors.opened import Opened, PartPath
from bridge.model import Death
from bridge.rules.state import Phase
from bridge.rules.testing.case import Case, Exchange
from bridge.rules.testing.compare import Difference

RulePath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Called:
    """One request that a rule made. `number` counts all of a test, from 1; `label` is `destination.operation`."""

    number: int
    rule: str
    step: str
    label: str
    phase: Phase
    request: Opened
    answer: Answer
    exchange: Exchange | None
    """The exchange that it was held against; None when no request was expected."""
    sampled: bool = False
    """The answer is the operation's sample, because the test gives none."""
    waited_ms: int | None = None
    """How long the delivery waits after the answer, if it does."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A difference, with the places inside the rule that the value comes from."""

    difference: Difference
    origins: tuple[RulePath, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A request that is not as expected."""

    call: Called
    exchange: Exchange
    traced: tuple[Traced, ...]


@dataclass(frozen=True, slots=True)
class Unexpected:
    """A request that was not expected. `step_path` is the place of its step in the rule."""

    call: Called
    step_path: RulePath


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A look before a repeat that the test does not answer: nobody else can say what it finds."""

    call: Called
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Missing:
    """A request that never came."""

    exchange: Exchange
    skipped: tuple[tuple[str, RulePath], ...] = ()
    """(rule, place of the condition that was false) of the steps that were skipped."""


@dataclass(frozen=True, slots=True)
class WrongWait:
    """A delivery waited for another time than expected; None when it did not wait."""

    call: Called
    exchange: Exchange
    expected_ms: int
    got_ms: int | None


@dataclass(frozen=True, slots=True)
class WrongOutcome:
    """An event ended otherwise with a rule (None: with none). `reason` and `death` say why it ended as it did."""

    path: PartPath
    rule: str | None
    expected: str
    got: str
    reason: str = ""
    death: Death | None = None


@dataclass(frozen=True, slots=True)
class WrongText:
    """The reason or the mend of an end does not contain the text that was expected. `what` is `reason` or `mend`."""

    path: PartPath
    rule: str
    what: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class WrongLink:
    """A link that is remembered otherwise in the end."""

    path: PartPath
    difference: Difference


Failure = Mismatch | Unexpected | Unanswered | Missing | WrongWait | WrongOutcome | WrongText | WrongLink


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one event with one rule."""

    rule: str
    word: str
    reason: str = ""
    death: Death | None = None


@dataclass(slots=True)
class Happened:
    """What happened in one turn: its requests, and what became of its event."""

    calls: list[Called] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """What of the rules a test has run: for the coverage."""

    called: frozenset[tuple[str, str]] = frozenset()
    """(rule, step) of every step that made a request."""
    conditions: frozenset[tuple[str, str | None, bool]] = frozenset()
    """(rule, step or None for the rule's own `if`, what it gave)."""
    rules: frozenset[str] = frozenset()
    """Rules that an event got into."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: passed when nothing failed."""

    case: Case
    failures: Sequence[Failure]
    turns: Sequence[Happened]
    links: Mapping[str, Mapping[str, object]]
    seen: Seen

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures
