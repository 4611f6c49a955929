"""A rule, compiled: its templates ready, its operations found, its reads and writes known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.connectors.operation import CompiledOperation
from bridge.expressions import Clause, Template, Tree
from bridge.model import Order, Outcome


class Mode(StrEnum):
    """Whether a rule's requests are sent, or only rendered and recorded."""

    LIVE = "live"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Step:
    """One call of an operation, or with `each` one for every item of a list.

    `reads_links` are the links that its `for_each`, `if`, `with` or `remember` name, `sends_links` those that a 404
    may be about: the links in the request's path, or, when there are none, all in its `with`. `reads_steps` are the
    steps whose results its `for_each`, `if` or `with` name.
    """

    id: str
    destination: str
    operation: CompiledOperation
    given: Tree
    """The rendered `with`."""
    paths: Mapping[str, Template]
    """Parameters of type `path`: their template parts are percent-encoded."""
    condition: Template | None
    catch: frozenset[Outcome]
    remember: Mapping[str, Template]
    reads_links: frozenset[str]
    sends_links: frozenset[str]
    reads_steps: frozenset[str]
    each: Template | None
    """`for_each`: gives the list; `item` and `index` are in scope for the step's other templates."""
    reads_items: bool
    """Whether a template of the rule looks into this step's `items`."""
    timeout_ms: int | None
    """How long one request may take; None: as the destination says."""

    @property
    def label(self) -> str:
        """`destination.operation`, as the rule's `use` says it."""
        return f"{self.destination}.{self.operation.name}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the engine, `explain` and the rule tests use it."""

    name: str
    revision: str
    """A short hash of everything the rule says, so that an attempt can name the rule it was rendered with."""
    patterns: Sequence[str]
    condition: Template | None
    condition_text: str
    """The `if` as the file has it, variables not resolved: what may be stored and shown. Empty without an `if`."""
    clauses: Sequence[Clause]
    """What the `if` demands first, for the index: an event that does not meet them is skipped without a look at it."""
    key: Template | None
    variables: Tree
    recall: Mapping[str, Template]
    order: Order
    order_hold_ms: int
    coalesce_ms: int | None
    coalesce_by: Template | None
    forward_order: Sequence[str]
    forward_by: Template | None
    newer_by: Template | None
    """`only_newer`: what must not go back in time; None when the rule does not ask for it."""
    newer_time: Template | None
    mode: Mode
    schedule_ms: tuple[int, ...] | None
    """The waits after each failure; None: as the destination says. The same holds for `horizon_ms`."""
    horizon_ms: int | None
    steps: Sequence[Step]

    @property
    def destinations(self) -> tuple[str, ...]:
        """The destinations its steps name, each once, in the order of the steps."""
        return tuple(dict.fromkeys(step.destination for step in self.steps))
