"""Problems as values: where, what, why, how to mend. Nothing is printed here; `render` does that."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.diagnostics.codes import page


class Severity(StrEnum):
    """Errors refuse the configuration, warnings do not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a file: lines and columns count characters from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file and a span in it.

    `file` is the name to show; it may also be `environment variable BRIDGE_...` or `default`, then without span.
    """

    file: str
    span: Span | None = None

    def __str__(self) -> str:
        return self.file if self.span is None else f"{self.file}:{self.span.line}:{self.span.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake, once.

    Attributes:
        code: A registered code; anything else is refused.
        severity: Whether it stops the start.
        message: What is wrong, standing alone, without the place, a full stop or any secret.
        place: The smallest span that is wrong.
        label: A few words beside the marked span.
        notes: Why, or what else matters.
        helps: How to mend it, ready to paste.
        related: Other places that matter, each with its own label.
    """

    code: str
    severity: Severity
    message: str
    place: Place
    label: str = ""
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    related: tuple[tuple[Place, str], ...] = ()

    def __post_init__(self) -> None:
        page(self.code)

    @property
    def is_error(self) -> bool:
        """Whether the configuration must be refused."""
        return self.severity is Severity.ERROR


def in_order(findings: list[Finding]) -> list[Finding]:
    """By file, line and column; what has no span comes first in its file."""
    nowhere = Span(0, 0, 0, 0)
    return sorted(findings, key=lambda found: (found.place.file, found.place.span or nowhere, found.code))
