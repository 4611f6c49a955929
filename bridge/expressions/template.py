"""A template ready to render: what `compile_template` and `compile_expression` give."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from bridge.expressions.paths import Evaluate, Scope
from bridge.expressions.problems import RenderError, Unusable
from bridge.expressions.subjects import Subject
from bridge.expressions.values import MAX_OUTPUT_BYTES, OMIT, Missing, as_text, bounded_text, check_size, encoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.expressions.clauses import Clause
    from bridge.expressions.outline import Outline

Piece = str | Evaluate
_END_OF_SEGMENT = ("/", "?", "#")


class Template:
    """A compiled template. It holds no state and may be rendered any number of times, from any thread.

    Attributes:
        source: the text it was compiled from.
        reads: the static paths it looks up, e.g. `("steps", "user", "id")`; a path ends before a computed step.
        needs: those of them whose absence nothing allows for: no `default`, no `is defined`.
        constant: true when it looks up nothing, so that every scope renders the same.
        tables: the names of the lookup tables that it uses.
        clauses: for a bare expression, the comparisons that must hold before anything else is looked at.
        outline: for a bare expression, takes it apart at its `and`, `or` and `not`; worked out when asked.
    """

    __slots__ = (
        "_pieces",
        "_subjects",
        "clauses",
        "constant",
        "needs",
        "outline",
        "reads",
        "render",
        "source",
        "tables",
    )

    def __init__(
        self,
        source: str,
        pieces: tuple[Piece, ...],
        subjects: tuple[Subject, ...],
        *,
        single: bool,
        reads: "Reads",
        needs: "Reads" = frozenset(),
        tables: frozenset[str] = frozenset(),
    ) -> None:
        self.source = source
        self.reads = reads
        self.needs = needs
        self.constant = not reads
        self.tables = tables
        self.clauses: tuple[Clause, ...] = ()
        self.outline: Callable[[], Outline] | None = None
        self._pieces = pieces
        self._subjects = subjects
        self.render: Evaluate = _value(pieces[0], subjects[0]) if single else self._text
        """The value: of any JSON type for one single `{{ }}` (or `OMIT`), text for anything else.

        Raises `RenderError` when something is missing, of the wrong kind or too large. A function of its own for each
        template, because this is what every event pays for.
        """

    def __repr__(self) -> str:
        # Not the source: a secret of the configuration may have been put into it.
        return f"<Template reading {', '.join('.'.join(path) for path in sorted(self.reads)) or 'nothing'}>"

    def render_text(self, scope: Scope) -> str:
        """The value as text, also for one single `{{ }}`.

        Raises:
            RenderError: as `render`, and for null, lists, objects and `OMIT`.
        """
        return self._text(scope)

    def evaluate(self, scope: Scope) -> bool:
        """Whether the value counts as true: not false, null, 0, "", [] or {}.

        Raises:
            RenderError: as `render`, and for `OMIT`.
        """
        value = self.render(scope)
        if value is OMIT:
            raise RenderError("`omit` cannot be a condition", mend="write `default(false)`", offset=0)
        return bool(value)

    def render_path(self, scope: Scope) -> str:
        """A URL path: computed parts are percent-encoded whole, `/` included; literal text stays.

        Raises:
            RenderError: as `render_text`; when a computed part leaves a segment empty, or makes it `.` or `..`,
                since the request would then go to another resource.
        """
        parts = [_part(piece, subject, scope) for piece, subject in zip(self._pieces, self._subjects, strict=True)]
        for index, (piece, part) in enumerate(zip(self._pieces, parts, strict=True)):
            if not isinstance(piece, str) and not part and _is_whole_segment(parts, index):
                raise self._subjects[index].error("is empty, which would change the URL's path", None)
        path = "".join(parts)
        if any(segment in {".", ".."} for segment in path.partition("?")[0].split("/")):
            raise RenderError("a segment of the URL's path is `.` or `..`, which leads elsewhere", offset=0)
        return self._limited(path)

    def _text(self, scope: Scope) -> str:
        if len(self._pieces) == 1 and isinstance(self._pieces[0], str):
            return self._pieces[0]  # at most 4 KiB of a file that was read as UTF-8
        pieces = zip(self._pieces, self._subjects, strict=False)  # equally many, as compiled
        return self._limited("".join([_text(piece, subject, scope) for piece, subject in pieces]))

    def _limited(self, text: str) -> str:
        try:
            return bounded_text(text)
        except Unusable as problem:
            raise RenderError(f"the text {problem.predicate}", mend=problem.mend, offset=0) from None


Reads = frozenset[tuple[str, ...]]


def _value(piece: Piece, subject: Subject) -> Evaluate:
    """The function that renders one single `{{ }}`."""
    if isinstance(piece, str):
        raise TypeError("a single piece is an expression")

    def render(scope: Scope) -> object:
        value = piece(scope)
        if type(value) is str and len(value) <= MAX_OUTPUT_BYTES and value.isascii():
            return value
        if type(value) is Missing:
            raise value.error()
        return value if value is OMIT else subject.guard(_sized, value)

    return render


def _sized(value: object) -> object:
    if isinstance(value, str):
        return bounded_text(value)
    check_size(value)
    return value


def _text(piece: Piece, subject: Subject, scope: Scope) -> str:
    if isinstance(piece, str):
        return piece
    value = piece(scope)
    if type(value) is str:
        return value
    if type(value) is Missing:
        raise value.error()
    return subject.guard(as_text, value)


def _part(piece: Piece, subject: Subject, scope: Scope) -> str:
    text = _text(piece, subject, scope)
    return text if isinstance(piece, str) else subject.guard(_percent_encoded, text)


def _percent_encoded(text: str) -> str:
    return quote(encoded(bounded_text(text)), safe="")


def _is_whole_segment(parts: list[str], index: int) -> bool:
    before, after = "".join(parts[:index]), "".join(parts[index + 1 :])
    return (not before or before.endswith("/")) and (not after or after.startswith(_END_OF_SEGMENT))
