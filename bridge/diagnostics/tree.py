"""From the events of PyYAML's parser to plain values and their places, refusing what is not wanted on the way.

Built with a stack of our own: no depth of nesting can exhaust Python's, because reading stops at `MAX_DEPTH`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, cast

import yaml

from bridge.diagnostics.document import Node, Path
from bridge.diagnostics.findings import Finding, Place, Severity
from bridge.diagnostics.positions import ScalarStyle, join_surrogates
from bridge.diagnostics.scalars import Scalar, resolve_plain
from bridge.diagnostics.source import Source

MAX_DEPTH: Final = 64
_SHOWN_KEY = 60
_QUOTE_HELP = "if it is meant as text, put the whole value in quotes"

Value = Scalar | dict[str, "Value"] | list["Value"]


class TooDeep(Exception):  # noqa: N818 - not an error of the program but a finding, raised to leave the loop
    """The nesting passed `MAX_DEPTH`; the finding is among those collected."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is not closed yet.

    `key` is the mapping's key whose value comes next; `keep` is False below a refused key, where values are read
    on but thrown away.
    """

    path: Path
    start: int
    container: dict[str, Value] | list[Value]
    keep: bool
    is_flow: bool
    last_end: int
    own_key: tuple[int, int] | None
    key: str | None = None
    key_span: tuple[int, int] | None = None
    key_wanted: bool = True
    keep_next: bool = True
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)


class TreeBuilder:
    """Takes events one by one; afterwards `data`, `nodes` and `findings` hold the result.

    `restore` puts back the characters that were replaced before parsing. `refused` are the paths of values that are
    not what their author meant: judging them makes no sense. `last_quoted` are the offsets of the value taken last,
    None when it has no quotes.
    """

    def __init__(self, source: Source, restore: dict[int, int]) -> None:
        self.data: Value = None
        self.nodes: dict[Path, Node] = {}
        self.findings: list[Finding] = []
        self.refused: set[Path] = set()
        self.last_quoted: tuple[int, int] | None = None
        self._source = source
        self._restore = restore
        self._stack: list[_Frame] = []
        self._complex_key_depth = 0
        self._documents = 0

    def take_all(self, events: Iterable[yaml.Event]) -> None:
        """Build from the events until the first document ends.

        Raises:
            TooDeep: See `findings`.
            yaml.MarkedYAMLError: The text is no YAML from some place on.
        """
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    self._report_second_document(event)
                    return
            elif self._complex_key_depth:
                self._skip_complex_key(event)
            else:
                self._take(event)

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_properties(event, event.anchor, event.tag)
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._refuse_properties(event, event.anchor, event.tag)
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close(event)
        elif isinstance(event, yaml.AliasEvent):
            self._refuse_alias(event)

    # ---- scalars

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start, end = _offsets(event)
        text = self._text(event, start, end)
        self.last_quoted = (start, end) if event.style in {"'", '"'} else None
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.container, dict) and frame.key_wanted:
            self._key(frame, text, is_plain=event.style is None, start=start, end=end)
            return
        value: Scalar = text
        if event.style is None:
            value = self._plain(text, start, end)
        self._add(value, Node(start, end, _style(event), self._key_span()))

    def _plain(self, text: str, start: int, end: int) -> Scalar:
        try:
            return resolve_plain(text)
        except OverflowError:
            self._report(
                "BR104", "this number is too large", start, end, "no program can hold it", helps=(_QUOTE_HELP,)
            )
            return text

    def _text(self, event: yaml.ScalarEvent, start: int, end: int) -> str:
        text = join_surrogates(str(event.value).translate(self._restore))
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._report(
                "BR005",
                "half a character cannot stand alone",
                start,
                end,
                r"holds one `\ud8..` escape without its other half",
                helps=("write the character itself, or both escapes",),
            )
            return text.encode("utf-8", "replace").decode("utf-8")
        return text

    def _key(self, frame: _Frame, text: str, *, is_plain: bool, start: int, end: int) -> None:
        frame.key, frame.key_span, frame.key_wanted, frame.keep_next = text, (start, end), False, frame.keep
        if is_plain and text == "<<":
            frame.keep_next = False
            self._report("BR003", "merge keys are not used here", start, end, helps=("write the keys out",))
        elif is_plain and not text:
            frame.keep_next = False
            self._report(
                "BR104", "a key is missing before the `:`", start, end, helps=('an empty key is written `""`',)
            )
        elif text in frame.seen:
            frame.keep_next = False
            first = self._source.place(self._source.span_at(*frame.seen[text]))
            message = f"key `{_short(text)}` is given twice"
            label = "this one would silently win in most programs"
            self._report(
                "BR002", message, start, end, label, related=((first, "first given here"),), helps=("keep one",)
            )
        else:
            frame.seen[text] = (start, end)

    # ---- mappings and lists

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        start, end = _offsets(event)
        frame = self._stack[-1] if self._stack else None
        if len(self._stack) >= MAX_DEPTH:
            self._report("BR004", f"nested deeper than {MAX_DEPTH} levels", start, end)
            raise TooDeep
        if frame is not None and isinstance(frame.container, dict) and frame.key_wanted:
            self._refuse_complex_key(frame, start, end)
            return
        container: dict[str, Value] | list[Value] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path, keep = self._next_path(), self._keeps_next()
        opened = _Frame(path, start, container, keep, bool(event.flow_style), end, self._key_span())
        self._add(container, None)
        if keep:  # so that a parent stands before its children; the end is put in when it is known
            self.nodes[path] = Node(start, end, None, opened.own_key)
        self._stack.append(opened)

    def _close(self, event: yaml.Event) -> None:
        frame = self._stack.pop()
        end = _offsets(event)[1] if frame.is_flow else frame.last_end
        if frame.keep:
            self.nodes[frame.path] = Node(frame.start, end, None, frame.own_key)
        if self._stack:
            self._stack[-1].last_end = end

    def _add(self, value: Value, node: Node | None) -> None:
        """Put a value where it belongs and go on to the next key or index; `node` None: an opened container."""
        path, keep = self._next_path(), self._keeps_next()
        if node is not None and keep:
            self.nodes[path] = node
        if not self._stack:
            self.data = value
            return
        frame = self._stack[-1]
        frame.last_end = max(frame.last_end, node.end if node is not None else 0)
        if isinstance(frame.container, list):
            frame.container.append(value)
            return
        if frame.keep_next:
            frame.container[frame.key or ""] = value
        frame.key, frame.key_span, frame.key_wanted = None, None, True

    def _next_path(self) -> Path:
        if not self._stack:
            return ()
        frame = self._stack[-1]
        return (*frame.path, len(frame.container) if isinstance(frame.container, list) else frame.key or "")

    def _keeps_next(self) -> bool:
        if not self._stack:
            return True
        frame = self._stack[-1]
        return frame.keep if isinstance(frame.container, list) else frame.keep_next

    def _key_span(self) -> tuple[int, int] | None:
        return self._stack[-1].key_span if self._stack else None

    # ---- what is refused

    def _refuse_complex_key(self, frame: _Frame, start: int, end: int) -> None:
        text = self._source.text
        self.refused.add(frame.path)
        if text.startswith("{{", start) or (frame.is_flow and text.startswith("{{", max(0, start - 1))):
            self._report(
                "BR001",
                "a template must stand in quotes",
                max(0, start - 1),
                end,
                "YAML reads `{` as the start of a mapping",
                helps=('put the whole value in quotes: `"{{ ... }}"`',),
            )
        else:
            self._report("BR104", "a key must be text", start, end, "a list or mapping cannot be a key")
        frame.key, frame.key_span, frame.key_wanted, frame.keep_next = "", (start, end), False, False
        self._complex_key_depth = 1

    def _skip_complex_key(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionStartEvent):
            self._complex_key_depth += 1
            if len(self._stack) + self._complex_key_depth > MAX_DEPTH:
                self._report("BR004", f"nested deeper than {MAX_DEPTH} levels", *_offsets(event))
                raise TooDeep
        elif isinstance(event, yaml.CollectionEndEvent):
            self._complex_key_depth -= 1

    def _refuse_properties(self, event: yaml.NodeEvent, anchor: str | None, tag: str | None) -> None:
        start = _offsets(event)[0]
        if anchor is not None:
            helps = ("write the value out where it is needed", _QUOTE_HELP)
            self._report(
                "BR003",
                "anchors are not used here",
                start,
                start + len(anchor) + 1,
                "`&` starts an anchor",
                helps=helps,
            )
        if tag is not None:
            start = self._source.text.find("!", start)
            self._report(
                "BR003",
                "tags are not used here",
                start,
                self._end_of_word(start),
                "`!` starts a tag",
                helps=(_QUOTE_HELP,),
            )

    def _refuse_alias(self, event: yaml.AliasEvent) -> None:
        start, end = _offsets(event)
        helps = ('if it is meant as text, put it in quotes: `"*..."`', "else write the value out")
        self._report("BR003", "aliases are not used here", start, end, "an unquoted `*` starts an alias", helps=helps)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.container, dict) and frame.key_wanted:
            frame.key, frame.key_span, frame.key_wanted, frame.keep_next = "", (start, end), False, False
        else:
            self.refused.add(self._next_path())
            self._add(None, Node(start, end, "", self._key_span()))

    def _report_second_document(self, event: yaml.Event) -> None:
        start, end = _offsets(event)
        helps = ("remove the `---`, or move what follows to a file of its own",)
        self._report("BR006", "a file holds one document", start, end, "a second one starts here", helps=helps)

    def _report(
        self,
        code: str,
        message: str,
        start: int,
        end: int,
        label: str = "",
        *,
        helps: tuple[str, ...] = (),
        related: tuple[tuple[Place, str], ...] = (),
    ) -> None:
        place = self._source.place(self._source.span_at(start, end))
        self.findings.append(Finding(code, Severity.ERROR, message, place, label, helps=helps, related=related))

    def _end_of_word(self, start: int) -> int:
        text = self._source.text
        end = start
        while end < len(text) and not text[end].isspace():
            end += 1
        return end


def _offsets(event: yaml.Event) -> tuple[int, int]:
    """PyYAML sets both marks on every event that its parser gives out; only the type stubs leave it open."""
    start, end = cast("yaml.Mark", event.start_mark), cast("yaml.Mark", event.end_mark)
    return start.index, end.index


def _style(event: yaml.ScalarEvent) -> ScalarStyle:
    return cast("ScalarStyle", event.style or "")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_KEY else text[:_SHOWN_KEY] + "\N{HORIZONTAL ELLIPSIS}"
