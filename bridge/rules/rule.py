"""A rule, compiled: its templates ready, its operations found, its reads and writes known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.connectors.operation import CompiledOperation
from bridge.expressions import Template, Tree
from bridge.model import Order, Outcome


@dataclass(frozen=True, slots=True)
class Step:
    """One call of an operation.

    `reads_links` are the links that its `if`, `with` or `remember` name, `sends_links` those that a 404 may be about:
    the links in the request's path, or, when there are none, all in its `with`. `reads_steps` are the steps whose
    results its `if` or `with` name.
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
    key: Template | None
    variables: Tree
    recall: Mapping[str, Template]
    order: Order
    order_hold_ms: int
    coalesce_ms: int | None
    coalesce_by: Template | None
    forward_order: Sequence[str]
    forward_by: Template | None
    steps: Sequence[Step]

    @property
    def destinations(self) -> tuple[str, ...]:
        """The destinations its steps name, each once, in the order of the steps."""
        return tuple(dict.fromkeys(step.destination for step in self.steps))
