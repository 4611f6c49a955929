"""`${NAME}`, `${NAME:-default}` and `${file:PATH}` inside the texts of a parsed file (S32).

Resolved after parsing, so that no value of the environment can ever be read as YAML, and never in keys. A text stays
text, whatever the variable holds. `$${` is a literal `${`; `${{` is a dollar before a template and left alone.
"""

import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Final, NamedTuple, NoReturn

from bridge.diagnostics.document import Document, Path, Substitution
from bridge.diagnostics.findings import Finding, Place, Severity
from bridge.diagnostics.paths import dotted
from bridge.diagnostics.suggest import suggest

MAX_FILE_BYTES: Final = 65_536

_OPENING: Final = re.compile(r"(?P<escaped>\$\$\{)(?!\{)|\$\{(?!\{)")
_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^{}]*)?\}", re.ASCII)
_FILE: Final = re.compile(r"\$\{file:(?P<path>[^{}]+)\}")
_NOT_SECRET: Final = frozenset({"public_key", "public_keys"})
_SHARED_ON_PURPOSE: Final = (FilePath("/run/secrets"), FilePath("/var/run/secrets"))


class Resolved(NamedTuple):
    """A document's data with its variables filled in.

    `secrets` are the paths of all scalars that something was put into. They are taken for secrets, and what is there
    must never be printed. Where a variable is missing the text stays as written and its path joins
    `document.unresolved`.
    """

    data: object
    findings: list[Finding]
    secrets: frozenset[Path]


class _Refused(Exception):  # noqa: N818 - carries a finding out of a substitution, it is no error of the program
    """One `${...}` that cannot be filled in."""

    def __init__(
        self, code: str, message: str, label: str, *, notes: tuple[str, ...] = (), helps: tuple[str, ...] = ()
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.label = label
        self.notes = notes
        self.helps = helps


@dataclass(slots=True)
class _Missing:
    """The places that need the same missing variable."""

    reason: _Refused
    needed: list[tuple[Place, str]] = field(default_factory=list)


def resolve_variables(
    document: Document,
    environ: Mapping[str, str],
    *,
    base_dir: FilePath,
    reading: Callable[[FilePath], None] = lambda _: None,
) -> Resolved:
    """Fill in the variables of a document.

    Args:
        document: It learns which pieces of its texts were replaced, so that later positions stay right.
        environ: The environment; an empty variable counts as missing.
        base_dir: Where relative `${file:...}` paths start.
        reading: Told each file that `${file:...}` names, just before it is read.
    """
    resolver = _Resolver(document, environ, base_dir, reading)
    data = resolver.resolve(document.data, ())
    return Resolved(data, resolver.all_findings(), frozenset(resolver.touched))


def readable_by_others(path: FilePath, place: Place) -> Finding | None:
    """A warning when any user of the machine may read the file; None too when its mode cannot be seen.

    Folders where container runtimes mount secrets are left out: their modes are not the operator's choice.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    if not mode & stat.S_IROTH or any(path.is_relative_to(shared) for shared in _SHARED_ON_PURPOSE):
        return None
    return Finding(
        "BR303",
        Severity.WARNING,
        "a file that holds secrets can be read by every user of this machine",
        place,
        f"its mode is {stat.S_IMODE(mode):04o}",
        helps=(f"chmod 600 {path}",),
    )


class _Resolver:
    def __init__(
        self, document: Document, environ: Mapping[str, str], base_dir: FilePath, reading: Callable[[FilePath], None]
    ) -> None:
        self.touched: set[Path] = set()
        self._document = document
        self._environ = environ
        self._base_dir = base_dir
        self._reading = reading
        self._findings: list[Finding] = []
        self._missing: dict[str, _Missing] = {}

    def resolve(self, value: object, path: Path) -> object:
        """The value with every text below it resolved; depth is bounded by the loader."""
        if isinstance(value, dict):
            return {key: self.resolve(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.resolve(inner, (*path, index)) for index, inner in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._text(value, path)
        return value

    def all_findings(self) -> list[Finding]:
        return [*self._findings, *(_missing_finding(missing) for missing in self._missing.values())]

    def _text(self, text: str, path: Path) -> str:
        pieces: list[str] = []
        substitutions: list[Substitution] = []
        index = 0
        for start, end, replacement in self._replacements(text, path):
            pieces += (text[index:start], replacement)
            substitutions.append(Substitution(start, end, len(replacement)))
            index = end
        if path in self._document.unresolved:
            return text
        self._document.note_substitutions(path, substitutions)
        return "".join([*pieces, text[index:]])

    def _replacements(self, text: str, path: Path) -> Iterator[tuple[int, int, str]]:
        index = 0
        while (opening := _OPENING.search(text, index)) is not None:
            index = opening.end()
            if opening["escaped"] is not None:
                yield opening.start(), opening.end(), "${"
                continue
            start = opening.start()
            closing = text.find("}", start)
            end = closing + 1 if closing >= 0 else len(text)
            try:
                replacement, index = self._value(text, start, path)
            except _Refused as reason:
                self._document.unresolved.add(path)
                self._report(reason, text[start:end], path, start)
                index = end
            else:
                self.touched.add(path)
                yield start, index, replacement

    def _value(self, text: str, start: int, path: Path) -> tuple[str, int]:
        """What to put in place of the `${` at `start`, and where it ends."""
        file = _FILE.match(text, start)
        if file is not None:
            return self._file(file["path"], path, start, file.end() - start), file.end()
        variable = _VARIABLE.match(text, start)
        if variable is None:
            _refuse_syntax(text, start)
        name, default = variable["name"], variable["default"]
        value = self._environ.get(name, "")
        if not value and default is None:
            raise self._not_set(name, is_empty=name in self._environ)
        if _is_torn(value):
            raise _Refused("BR301", f"environment variable `{name}` is not UTF-8 text", "needed here")
        return value or (default or "").removeprefix(":-"), variable.end()

    def _not_set(self, name: str, *, is_empty: bool) -> _Refused:
        near = None if is_empty else suggest(name, (known for known, value in self._environ.items() if value))
        return _Refused(
            "BR301",
            f"environment variable `{name}` is {'empty' if is_empty else 'not set'}",
            "",
            notes=(f"a variable with a similar name is set: `{near}`",) if near else (),
            helps=(f"export {name}=\N{HORIZONTAL ELLIPSIS}, or put it in a file and pass `--env-file FILE`",),
        )

    def _file(self, name: str, path: Path, offset: int, length: int) -> str:
        file = self._base_dir / name
        self._reading(file)
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError):
            raise _Refused(
                "BR301",
                f"the file `{name}` cannot be read",
                f"needed by `{dotted(path)}`",
                notes=(f"looked for `{file}`",),
                helps=("create it (mode 600), or correct the path; it is relative to the configuration file",),
            ) from None
        text = _file_text(name, content)
        place = self._document.place(self._document.span_as_written(path, offset, length))
        warning = None if _NOT_SECRET.intersection(path) else readable_by_others(file, place)
        if warning is not None:
            self._findings.append(warning)
        return text

    def _report(self, reason: _Refused, spelled: str, path: Path, offset: int) -> None:
        place = self._document.place(self._document.span_as_written(path, offset, len(spelled)))
        if reason.code == "BR301" and not reason.label:  # the same variable may be missing in many places
            missing = self._missing.setdefault(reason.message, _Missing(reason))
            missing.needed.append((place, f"needed by `{dotted(path)}`"))
            return
        label, notes, helps = reason.label, reason.notes, reason.helps
        self._findings.append(Finding(reason.code, Severity.ERROR, reason.message, place, label, notes, helps))


def _missing_finding(missing: _Missing) -> Finding:
    (place, label), *others = missing.needed
    reason = missing.reason
    related = tuple((other, f"also {text}") for other, text in others)
    return Finding(reason.code, Severity.ERROR, reason.message, place, label, reason.notes, reason.helps, related)


def _refuse_syntax(text: str, start: int) -> NoReturn:
    """Say what is wrong with the `${` at `start`, without repeating it: it may be a pasted secret."""
    closing = text.find("}", start)
    message = "`${...}` cannot be read"
    if closing < 0:
        raise _Refused("BR305", message, "the `}` is missing", helps=("close it, or write `$${` for a literal `${`",))
    if "{" in text[start + 2 : closing]:
        raise _Refused(
            "BR305", message, "a default cannot hold `{` or another variable", helps=("set the variable itself",)
        )
    helps = (
        "write `${NAME}`, `${NAME:-default}` or `${file:PATH}`",
        "write `$${` for a literal `${`, and `{{ ... }}` for data of the event",
    )
    raise _Refused("BR305", message, "not the name of a variable", helps=helps)


def _file_text(name: str, content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise _Refused("BR301", f"the file `{name}` is larger than 64 KiB", "read here", notes=("a secret is short",))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Refused("BR301", f"the file `{name}` is not UTF-8 text", "read here") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise _Refused("BR301", f"the file `{name}` is empty", "read here", helps=("write the value into it",))
    return text


def _is_torn(value: str) -> bool:
    """Whether the environment held bytes that are no UTF-8; Python marks them with lone halves of characters."""
    return any("\ud800" <= character <= "\udfff" for character in value)
