"""`--update`: what a test says about what happens is rewritten as it did happen; all else stays byte for byte.

Only the spans that differ are replaced, so comments, order, quotes and matchers that still hold are kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.configuration.report import Path
from bridge.diagnostics import Document
from bridge.rules.testing.compare import NOTHING, Difference
from bridge.rules.testing.results import (
    Called,
    CaseResult,
    Happened,
    Mismatch,
    Missing,
    Unanswered,
    Unexpected,
    WrongLink,
    WrongOutcome,
    WrongText,
    WrongWait,
)
from bridge.rules.testing.writing import block, exchange_of, flow, item_text, outcome_of
from bridge.units import format_duration


class CannotUpdate(Exception):  # noqa: N818 - reads as what happened
    """A failed test that a person has to change; the text says why."""


@dataclass(slots=True)
class Edits:
    """Replacements in one file; of two that overlap the wider one counts."""

    document: Document
    spans: dict[tuple[int, int], str] = field(default_factory=dict)

    def replace(self, path: Path, text: str) -> None:
        """Put `text` in the place of the value at `path`."""
        node = self.document.nodes[path]
        written = self.document.text[node.start : node.end].rstrip()
        self.spans[node.start, node.start + len(written)] = text

    def set(self, parent: Path, key: str, value: object) -> None:
        """Replace the value of a key, or add the key at the end of its mapping."""
        indent = self.document.place_of(self._first_key(parent), key=True).span
        column = indent.column - 1 if indent is not None else 0
        if self.document.has((*parent, key)):
            self.replace((*parent, key), flow(value))
            return
        node = self.document.nodes[parent]
        written = self.document.text[node.start : node.end].rstrip()
        end = node.start + len(written)
        if written.endswith("}") and written.startswith("{"):
            self.spans[end - 1, end] = f", {key}: {flow(value)}}}"
        else:
            self._add(end, f"\n{' ' * column}{key}:{block(value, column)}")

    def _add(self, at: int, text: str) -> None:
        self.spans[at, at] = self.spans.get((at, at), "") + text

    def _first_key(self, parent: Path) -> Path:
        return next(path for path in self.document.nodes if len(path) == len(parent) + 1 and path[:-1] == parent)

    def applied(self) -> str:
        """The text with all replacements."""
        text, before = self.document.text, len(self.document.text) + 1
        widest = sorted(self.spans.items(), key=lambda edit: (edit[0][0], -edit[0][1]))
        kept: list[tuple[tuple[int, int], str]] = []
        for (start, end), new in widest:
            if kept and start < kept[-1][0][1]:
                continue
            kept.append(((start, end), new))
        for (start, end), new in reversed(kept):
            if end <= before:
                text = text[:start] + new + text[end:]
                before = start
        return text


def update(edits: Edits, result: CaseResult) -> None:
    """Note what has to change so that a failed test says what happened.

    Raises:
        CannotUpdate: a person has to change it.
    """
    case = result.case
    _refuse(edits.document, result)
    for turn, happened in zip(case.turns, result.turns, strict=True):
        _update_exchanges(edits, result, turn.path, happened)
    for failure in result.failures:
        match failure:
            case WrongOutcome(path):
                happened = next(each for turn, each in zip(case.turns, result.turns, strict=True) if turn.path == path)
                edits.set(path, "outcome", outcome_of(happened.ended))
            case WrongText(path, _, what, _, got):
                edits.replace((*path, what), flow(got))
            case WrongLink(path, difference):
                edits.replace(path, flow(None if difference.got is NOTHING else difference.got))
            case WrongWait():
                edits.replace((*failure.exchange.path, "waits"), format_duration(failure.got_ms or 0))
            case _:
                pass  # requests are dealt with turn by turn


def _refuse(document: Document, result: CaseResult) -> None:
    if document.has((*result.case.path, "cases")):
        raise CannotUpdate("it has `cases`: change the values of the case")
    for failure in result.failures:
        if isinstance(failure, Unanswered):
            raise CannotUpdate("only a person can say what a look before a repeat finds: give it an `answer`")
        if isinstance(failure, WrongWait) and failure.got_ms is None:
            raise CannotUpdate("the delivery did not wait: take `waits` out")


def _update_exchanges(edits: Edits, result: CaseResult, turn: Path, happened: Happened) -> None:
    at = (*turn, "exchanges")
    mismatches = {each.call.number: each for each in result.failures if isinstance(each, Mismatch)}
    own = [mismatches[call.number] for call in happened.calls if call.number in mismatches]
    missing = [each for each in result.failures if isinstance(each, Missing) and each.exchange.path[:-1] == at]
    unexpected = [call for call in happened.calls if _is_unexpected(result, call)]
    if missing or unexpected:
        _rebuild(edits, at, happened.calls, {each.call.number for each in own})
        return
    for each in own:
        for traced in each.traced:
            _update_value(edits, (*each.exchange.path, "expect"), traced.difference, each.call)


def _is_unexpected(result: CaseResult, call: Called) -> bool:
    return any(isinstance(each, Unexpected) and each.call.number == call.number for each in result.failures)


def _update_value(edits: Edits, expect: Path, difference: Difference, call: Called) -> None:
    """One value that differs; what cannot be changed by itself is written anew with what is around it."""
    path = (*expect, *difference.path)
    if difference.got is not NOTHING and edits.document.has(path):
        edits.replace(path, flow(difference.got))
        return
    kind = str(difference.path[0])
    whole = {**exchange_of(call)}["expect"]
    value = whole.get(kind) if isinstance(whole, Mapping) else None
    if value is None:
        raise CannotUpdate(f"the request has no `{kind}` any more: take it out")
    edits.set(expect, kind, value)


def _rebuild(edits: Edits, at: Path, calls: Sequence[Called], wrong: set[int]) -> None:
    """Write the list of exchanges anew; those that are as they were are taken over as they are written."""
    document = edits.document
    if not document.has(at):
        edits.set(at[:-1], "exchanges", [exchange_of(call) for call in calls])
        return
    node = document.nodes[at]
    is_flow = document.text[node.start : node.end].lstrip().startswith("[")
    kept = [call.exchange.path if call.exchange is not None and call.number not in wrong else None for call in calls]
    if is_flow or not calls:
        items = [
            _written(document, path) if path is not None else flow(exchange_of(call))
            for path, call in zip(_once(kept), calls, strict=True)
            if path != ()
        ]
        edits.replace(at, f"[{', '.join(items)}]")
        return
    column = (document.span_at(node.start, node.start).column) - 1
    texts = [
        _with_comments(document, path) if path is not None else item_text(exchange_of(call), column)
        for path, call in zip(_once(kept), calls, strict=True)
        if path != ()
    ]
    edits.replace(at, ("\n" + " " * column).join(f"- {text}" for text in texts))


def _once(paths: Sequence[Path | None]) -> list[Path | None]:
    """The paths, each only once: an exchange with `times` stands for several calls. `()` marks the others."""
    seen: set[Path] = set()
    once: list[Path | None] = []
    for path in paths:
        once.append(() if path in seen else path)
        if path is not None:
            seen.add(path)
    return once


def _written(document: Document, path: Path) -> str:
    node = document.nodes[path]
    return document.text[node.start : node.end].rstrip()


def _with_comments(document: Document, path: Path) -> str:
    """An item as it is written, with the comments that stand between it and the next one."""
    written = _written(document, path)
    following = (*path[:-1], int(path[-1]) + 1)
    if not document.has(following):
        return written
    end = document.nodes[path].start + len(written)
    between = document.text[end : document.nodes[following].start].rstrip().removesuffix("-").rstrip()
    return written + between
