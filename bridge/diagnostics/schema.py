"""From pydantic's errors to findings with places: one mistake, one message, in the words of the file."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core.core_schema import ErrorType

from bridge.diagnostics.document import Document, Path
from bridge.diagnostics.findings import Finding, Place, Severity, in_order
from bridge.diagnostics.keys import Loc, keys_at
from bridge.diagnostics.paths import dotted, inside
from bridge.diagnostics.suggest import quoted_list, suggest
from bridge.diagnostics.wording import EXPECTED, Wording, choices_of, expectation, one_of, wording

_BUILT_IN: Final = frozenset(get_args(ErrorType))
_QUOTED_NAME: Final = re.compile(r"'([^']+)'")
_UNKNOWN: Final = "extra_forbidden"
_MISSING: Final = "missing"


@dataclass(frozen=True, slots=True)
class _Error:
    """One of pydantic's errors, with the path in the document that its `loc` means.

    `union` is where `loc` first left the document for the tag `member` of a union; None when it never did.
    """

    kind: str
    loc: Loc
    path: Path
    message: str
    value: object
    context: Mapping[str, Any] = field(default_factory=dict)
    union: Path | None = None
    member: str = ""
    is_key: bool = False


def from_validation_error(
    document: Document | None,
    error: ValidationError,
    *,
    model: type[BaseModel],
    at: Path = (),
    elsewhere: Mapping[Path, str] | None = None,
) -> list[Finding]:
    """Make findings of what pydantic refused.

    Args:
        document: The file that the data came from; None when none of it came from a file.
        error: What `model_validate` raised. Its own text shows values and must not be printed.
        model: The model that was validated, for the keys it knows.
        at: Where in the document the validated data stands.
        elsewhere: Paths whose value is not in the file, and where it is: `environment variable BRIDGE_...`.

    Returns:
        Findings, without those about values whose variables could not be resolved: that is reported already.
    """
    return _Translation(document, model, at, elsewhere or {}).findings(error)


class _Translation:
    def __init__(
        self, document: Document | None, model: type[BaseModel], at: Path, elsewhere: Mapping[Path, str]
    ) -> None:
        self._document = document
        self._model = model
        self._at = at
        self._elsewhere = elsewhere

    def findings(self, error: ValidationError) -> list[Finding]:
        raw = [self._read(item) for item in error.errors(include_url=False)]
        errors = [item for item in _settle_unions(raw) if not self._is_unresolved(item.path)]
        missing = dict.fromkeys((item.path[:-1], str(item.path[-1])) for item in errors if item.kind == _MISSING)
        findings = [self._unknown_key(item, missing) for item in errors if item.kind == _UNKNOWN]
        findings += [self._finding(item) for item in errors if item.kind not in {_UNKNOWN, _MISSING}]
        findings += [self._missing_key(parent, name) for parent, name in missing]
        return in_order(findings)

    # ---- reading pydantic's errors

    def _read(self, item: Mapping[str, Any]) -> _Error:
        loc: Loc = tuple(item["loc"])
        path, union, member, is_key = self._at, None, "", False
        for index, part in enumerate(loc):
            if part == "[key]":
                is_key = True
            elif self._is_written((*path, part)) or (item["type"] == _MISSING and index == len(loc) - 1):
                path = (*path, part)
            elif union is None:
                union, member = path, str(part)
        context = item.get("ctx", {})
        return _Error(item["type"], loc, path, item["msg"], item.get("input"), context, union, member, is_key)

    def _is_written(self, path: Path) -> bool:
        in_file = self._document is not None and self._document.has(path)
        return in_file or any(known[: len(path)] == path for known in self._elsewhere)

    def _is_unresolved(self, path: Path) -> bool:
        return self._document is not None and path in self._document.unresolved

    # ---- one finding each

    def _unknown_key(self, item: _Error, missing: dict[tuple[Path, str], None]) -> Finding:
        parent, name = item.path[:-1], str(item.path[-1])
        known = keys_at(self._model, item.loc[:-1])
        near = suggest(name, [key for above, key in missing if above == parent]) or suggest(name, known)
        if near is not None:
            missing.pop((parent, near), None)
        return self._make(
            "BR102",
            f"unknown key `{_short(name)}` in {inside(parent)}",
            self._place(item.path, key=True),
            label="not a key of this place",
            helps=(f"a key with a similar name exists: `{near}`",) if near else (),
            notes=(f"keys known here: {quoted_list(known)}",) if known and not near else (),
        )

    def _missing_key(self, parent: Path, name: str) -> Finding:
        return self._make(
            "BR101",
            f"key `{name}` is missing in {inside(parent)}",
            self._place(parent, key=True),
            label=f"needs `{name}`",
        )

    def _finding(self, item: _Error) -> Finding:
        if item.kind == "union_tag_not_found":
            return self._no_tag(item)
        if item.kind == "union_tag_invalid":
            return self._wrong_tag(item)
        if item.kind not in _BUILT_IN:
            return self._own_problem(item)
        if item.kind in {"value_error", "assertion_error"}:
            return self._make("BR104", str(item.context.get("error", "")) or _fallback(item), self._place(item.path))
        return self._worded(item.path, wording(item.kind, item.context, item.value), is_key=item.is_key)

    def _worded(self, path: Path, words: Wording, *, is_key: bool = False) -> Finding:
        subject = f"`{dotted(path)}`" if path else "this file"
        if is_key:
            subject = f"a key in {inside(path[:-1])}"
        place = self._place(path, key=is_key)
        return self._make("BR104", f"{subject} {words.predicate}", place, label=words.label, helps=words.helps)

    def _no_tag(self, item: _Error) -> Finding:
        name = _QUOTED_NAME.search(str(item.context.get("discriminator", "")))
        if name is not None:
            return self._missing_key(item.path, name[1])
        return self._worded(item.path, Wording("has none of the forms that are known here"))

    def _wrong_tag(self, item: _Error) -> Finding:
        name = _QUOTED_NAME.search(str(item.context.get("discriminator", "")))
        path = (*item.path, name[1]) if name is not None else item.path
        return self._worded(path, one_of(choices_of(item.context), item.context.get("tag")))

    def _own_problem(self, item: _Error) -> Finding:
        context = item.context
        place = self._place(item.path, key=item.is_key)
        if "offset" in context and self._document is not None and item.path not in self._elsewhere:
            span = self._document.span_inside(item.path, int(context["offset"]), int(context.get("length", 1)))
            place = self._document.place(span)
        message = str(context.get("headline", "")) or item.message
        notes, helps = ((str(context[name]),) if context.get(name) else () for name in ("note", "help"))
        code = str(context.get("code", "BR104"))
        return self._make(code, message, place, label=str(context.get("label", "")), notes=notes, helps=helps)

    def _place(self, path: Path, *, key: bool = False) -> Place:
        elsewhere = self._elsewhere.get(path)
        if elsewhere is not None:
            return Place(elsewhere)
        if self._document is None:
            return Place("default")
        return self._document.place_of(path, key=key)

    @staticmethod
    def _make(
        code: str,
        message: str,
        place: Place,
        *,
        label: str = "",
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
    ) -> Finding:
        return Finding(code, Severity.ERROR, message, place, label, notes, helps)


def _settle_unions(errors: Iterable[_Error]) -> list[_Error]:
    """One story per union: pydantic tells what each of its members did not like."""
    settled: list[_Error] = []
    unions: dict[Path, dict[str, list[_Error]]] = {}
    for error in errors:
        if error.union is None:
            settled.append(error)
        else:
            unions.setdefault(error.union, {}).setdefault(error.member, []).append(error)
    for path, members in unions.items():
        settled += _settle_union(path, members)
    return settled


def _settle_union(path: Path, members: Mapping[str, list[_Error]]) -> list[_Error]:
    of_right_shape = [told for told in members.values() if not any(_is_wrong_shape(error, path) for error in told)]
    if of_right_shape:
        return min(of_right_shape, key=lambda told: (sum(error.kind == "literal_error" for error in told), len(told)))
    shapes = [error for told in members.values() for error in told if _is_wrong_shape(error, path)]
    words = [EXPECTED[error.kind] for error in shapes]
    first = shapes[0]
    merged = expectation(words, first.value)
    context = {"headline": f"`{dotted(path)}` {merged.predicate}", "label": merged.label}
    if merged.helps:
        context["help"] = merged.helps[0]
    return [_Error("problem", first.loc, path, "", first.value, context)]


def _is_wrong_shape(error: _Error, path: Path) -> bool:
    return error.path == path and error.kind in EXPECTED


def _fallback(item: _Error) -> str:
    return f"`{dotted(item.path)}` has a value that does not fit here"


def _short(name: str, most: int = 60) -> str:
    return name if len(name) <= most else name[:most] + "\N{HORIZONTAL ELLIPSIS}"
