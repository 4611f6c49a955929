"""What a call must pass before it leaves, and how safe it is to send again: the facts of its connector, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.connectors.destination import Destination
from bridge.connectors.operation import CompiledOperation
from bridge.rules.actions import Send
from bridge.units import format_duration


@dataclass(frozen=True, slots=True)
class Permit:
    """A limit that the call needs a place in: at most `calls` in any `per_ms` milliseconds.

    `key` is the value that has a window of its own, None where all calls share one. `by_operator`: the configuration
    chose the number.
    """

    limit: str
    calls: int
    per_ms: int
    key: str | None
    doc: str
    by_operator: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """Everything that the call waits for. `together` calls may share its request; 1 when it goes alone."""

    permits: Sequence[Permit]
    concurrency: int
    together: int
    repeat: str


def passage(destination: Destination, send: Send) -> Passage:
    """What a call passes on its way to a destination."""
    batch = send.batch if destination.batch_on(send.operation.name) else None
    return Passage(
        permits=tuple(_permits(destination, send)),
        concurrency=destination.concurrency,
        together=batch.max if batch is not None else 1,
        repeat=repeat_in_words(send.operation),
    )


def repeat_in_words(operation: CompiledOperation) -> str:
    """Whether the call may be sent again when its answer was lost, and what makes that safe."""
    match operation.operation.repeat:
        case "key":
            header = operation.operation.idempotency
            words = f"safe to repeat: the API takes the key in `{header.header}` once" if header else "safe to repeat"
            if header is None or header.lasts is None:
                return words
            return f"{words}; after {format_duration(header.lasts)} the bridge looks first whether the call had arrived"
        case "upsert":
            return "safe to repeat: the same request has the same effect"
        case "probe":
            return "safe to repeat: the bridge looks first whether the call had arrived"
        case "unsafe":
            return "not safe to repeat: when its answer is lost, a person decides (`unanswered`)"


def _permits(destination: Destination, send: Send) -> list[Permit]:
    call, found = send.call, []
    for limit in destination.limits:
        if call is None or not limit.applies_to(send.operation.name, send.request.method):
            continue
        key = limit.key_of(call)
        if not limit.keyed or key is not None:
            found.append(Permit(limit.name, limit.calls, limit.per_ms, key, limit.limit.doc, limit.fixed))
    return found
