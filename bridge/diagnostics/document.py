"""A parsed file: plain values, and for each of them the place where it was written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, cast

from bridge.diagnostics.findings import Place, Span
from bridge.diagnostics.positions import ScalarStyle, character_offsets
from bridge.diagnostics.source import Source, is_reference, is_secret_name

Path = tuple[str | int, ...]
"""The way to a value: keys and list indices from the top."""


@dataclass(frozen=True, slots=True)
class Node:
    """Where one value stands in the text: offsets in characters, the end exclusive.

    `style` is None for a mapping or a list. `key` are the offsets of its key when it stands in a mapping.
    """

    start: int
    end: int
    style: ScalarStyle | None
    key: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Substitution:
    """A piece of a scalar that was replaced: `start` up to `end` of its text became `length` characters."""

    start: int
    end: int
    length: int


class Document(Source):
    """One YAML file.

    Attributes:
        path: The file, None for text that was given directly.
        data: Plain dict, list, str, int, float, bool and None.
        nodes: Path -> where it is written.
        unresolved: Paths of scalars whose `${...}` could not be resolved, and of values that were refused when the
            text was read; judging their values makes no sense.
    """

    def __init__(
        self,
        source: Source,
        data: object,
        nodes: Mapping[Path, Node],
        *,
        path: FilePath | None = None,
    ) -> None:
        super().__init__(source.name, source.text, base_line=source.base_line)
        self.path = path
        self.data = data
        self.nodes = nodes
        self.unresolved: set[Path] = set()
        self._substitutions: dict[Path, tuple[Substitution, ...]] = {}
        self._mask_what_looks_secret()

    def has(self, path: Path) -> bool:
        """Whether something is written at `path`."""
        return path in self.nodes

    def value(self, path: Path) -> object:
        """The value as written, before variables are resolved.

        Raises:
            LookupError: Nothing is written there.
        """
        if path not in self.nodes:
            raise LookupError("nothing is written at this path")
        value: Any = self.data
        for part in path:
            value = value[part]
        return cast("object", value)

    def span(self, path: Path, *, key: bool = False) -> Span:
        """The span of the value at `path`, or of its key; of the longest known beginning when it is not written.

        For a mapping or list over several lines it is its key (or its first line): nobody wants whole blocks marked.
        """
        known = path
        while known not in self.nodes and known:
            known = known[:-1]
        node = self.nodes.get(known)
        if node is None:
            return self.span_at(0, 0)
        written = self.text[node.start : node.end].rstrip()  # a block scalar ends where the next key starts
        is_block = node.style is None and (not written.startswith(("[", "{")) or "\n" in written)
        if node.key is not None and (key or known != path or is_block or not written):
            return self.span_at(*node.key)
        if is_block:
            return self._first_inside(known, node)
        return self.span_at(node.start, node.start + len(written))

    def place_of(self, path: Path, *, key: bool = False) -> Place:
        """The place of the value (or key) at `path`."""
        return self.place(self.span(path, key=key))

    def span_inside(self, path: Path, offset: int, length: int) -> Span:
        """The span of `length` characters of a text value from `offset` on (both of the resolved text).

        Exact when the way from the value back to its quoted, folded or plain spelling is known, else the whole scalar.
        """
        node = self.nodes.get(path)
        if node is None:
            return self.span(path)
        start, end = self._as_written(path, offset), self._as_written(path, offset + length)
        return self._span_of_characters(path, node, start, end)

    def span_as_written(self, path: Path, offset: int, length: int) -> Span:
        """As :meth:`span_inside`, for offsets of the text before its variables were resolved."""
        node = self.nodes.get(path)
        if node is None:
            return self.span(path)
        return self._span_of_characters(path, node, offset, offset + length)

    def written(self, path: Path, offset: int, length: int) -> str:
        """Those characters of a text value (counted in the resolved text) as the file has them, `${NAME}` unresolved.

        Inside of what a variable stands for it is the whole value.

        Raises:
            LookupError: Nothing is written there.
        """
        text = str(self.value(path))
        return text[self._as_written(path, offset) : self._as_written(path, offset + length)] or text

    def mask(self, path: Path) -> None:
        """Hide the scalar at `path` (or all below it) in every excerpt, unless it only names a variable."""
        for inner, node in self.nodes.items():
            if inner[: len(path)] == path:
                self._mask_scalar(inner, node)

    def note_substitutions(self, path: Path, substitutions: Iterable[Substitution]) -> None:
        """Say which pieces of the scalar at `path` were replaced, in order, so that positions stay right."""
        self._substitutions[path] = tuple(substitutions)

    def _as_written(self, path: Path, offset: int) -> int:
        shift = 0
        for piece in self._substitutions.get(path, ()):
            begins = piece.start + shift
            if offset <= begins:
                break
            if offset < begins + piece.length:
                return piece.start
            shift += piece.length - (piece.end - piece.start)
        return offset - shift

    def _span_of_characters(self, path: Path, node: Node, start: int, end: int) -> Span:
        if node.style is None:
            return self.span(path)
        value = self.value(path)
        text = value if isinstance(value, str) else None
        offsets = character_offsets(self.text, node.start, node.end, node.style, text)
        if offsets is None or not 0 <= start <= end <= len(offsets):
            return self.span(path)
        if start == len(offsets):
            last = offsets[-1][1] if offsets else node.start
            return self.span_at(last, last)
        return self.span_at(offsets[start][0], offsets[max(start, end - 1)][1] if end > start else offsets[start][0])

    def _first_inside(self, path: Path, node: Node) -> Span:
        inside = (inner for inner in self.nodes if len(inner) == len(path) + 1 and inner[:-1] == path)
        first = next(inside, None)
        key = self.nodes[first].key if first is not None else None
        return self.span_at(*key) if key is not None else self.span_at(node.start, min(node.end, node.start + 1))

    def _mask_what_looks_secret(self) -> None:
        for path, node in self.nodes.items():
            names = [part for part in path if isinstance(part, str)]
            if names and is_secret_name(names[-1]):
                self._mask_scalar(path, node)

    def _mask_scalar(self, path: Path, node: Node) -> None:
        if node.style is not None and not is_reference(str(self.value(path))):
            self.mask_range(*_content(self.text, node))


def _content(text: str, node: Node) -> tuple[int, int]:
    """The offsets of a scalar without its quotes or its block header."""
    if node.style in {"'", '"'}:
        return node.start + 1, max(node.start + 1, node.end - 1)
    if node.style in {"|", ">"}:
        header_end = text.find("\n", node.start, node.end)
        return (header_end + 1 if header_end >= 0 else node.end), node.end
    return node.start, node.end
