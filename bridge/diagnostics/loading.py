"""YAML files as plain data with places, and everything that is wrong with them as findings.

Pure-Python PyYAML, never the C loader (it crashes on deep nesting), never its constructors (fact 10, S30).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import yaml

from bridge.diagnostics.document import Document
from bridge.diagnostics.findings import Finding, Place, Severity
from bridge.diagnostics.source import Source
from bridge.diagnostics.tree import TooDeep, TreeBuilder
from bridge.diagnostics.yaml_errors import explain_yaml_error, unreadable_from

MAX_BYTES: Final = 1_048_576

_BYTE_ORDER_MARK: Final = "\ufeff"
_UNPRINTABLE: Final = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# YAML 1.1 takes these for line breaks, JSON and every editor do not; they are swapped for unused private characters
# while PyYAML reads, so that lines are counted as people count them and text keeps them.
_FOREIGN_BREAKS: Final = "\x85\u2028\u2029"
_PRIVATE_USE: Final = range(0xE000, 0xF900)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file.

    Attributes:
        document: None when nothing of the file can be used. It may be there along with errors in `findings`
            (a key given twice, an alias): good enough to look for more mistakes, not to run.
        findings: Everything wrong, in the order of the file.
        source: The text for excerpts; None when the file is no readable text.
    """

    document: Document | None
    findings: tuple[Finding, ...]
    source: Source | None

    @property
    def is_usable(self) -> bool:
        """Whether there is a document without any error."""
        return self.document is not None and not any(finding.is_error for finding in self.findings)


def load_yaml(path: Path, *, name: str | None = None) -> Loaded:
    """Read one file.

    Args:
        path: The file; at most `MAX_BYTES`.
        name: What to call it in findings, by default the path.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        help_ = "give the file with `-c FILE` or $BRIDGE_CONFIG; `config.example.yaml` is one to begin with"
        return _refused(name, "BR208", f"cannot read `{name}`: {_why(error)}", helps=(help_,))
    if len(content) > MAX_BYTES:
        return _refused(name, "BR004", "this file is larger than 1 MiB", helps=("split it over several files",))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(name, content, error.start)
    return parse_yaml(text, name, path=path)


def parse_yaml(text: str, name: str, *, base_line: int = 0, path: Path | None = None) -> Loaded:
    """Read YAML from a text; its first line is number `base_line` + 1. Never raises for any text."""
    source = Source(name, text.removeprefix(_BYTE_ORDER_MARK), base_line=base_line)
    if len(text) > MAX_BYTES:  # characters: never fewer bytes than that, so no file that fits is refused
        return _refused(name, "BR004", "this text is larger than 1 MiB", source=source)
    unprintable = _UNPRINTABLE.search(source.text)
    if unprintable is not None:
        return _control_character(source, unprintable)
    hidden, restore = _hide_foreign_breaks(source.text)
    builder = TreeBuilder(source, restore)
    finding = _build(builder, source, hidden)
    findings = tuple(builder.findings)
    if finding is not None and all(finding.place != earlier.place for earlier in findings):
        findings = (*findings, finding)
    if finding is not None or any(found.code == "BR004" for found in findings):
        return Loaded(None, findings, source)
    document = Document(source, builder.data, builder.nodes, path=path)
    document.unresolved |= builder.refused
    return Loaded(document, findings, document)


def _build(builder: TreeBuilder, source: Source, text: str) -> Finding | None:
    """Feed the builder; the finding is the one that ends reading, when PyYAML cannot go on."""
    loader = yaml.SafeLoader(text)
    try:
        builder.take_all(_events(loader))
    except TooDeep:
        return None  # its finding is in the builder
    except yaml.MarkedYAMLError as error:
        return explain_yaml_error(source, error, last_quoted=builder.last_quoted)
    except (ValueError, OverflowError):  # an escape beyond Unicode, a version with thousands of digits
        return unreadable_from(source, loader.index)
    return None


def _events(loader: yaml.SafeLoader) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield cast("yaml.Event", loader.get_event())  # type: ignore[no-untyped-call] # the stubs leave it out


def _hide_foreign_breaks(text: str) -> tuple[str, dict[int, int]]:
    """The text without YAML 1.1's extra line breaks, and the table that puts them back."""
    if not any(character in text for character in _FOREIGN_BREAKS):
        return text, {}
    used = set(text)
    free = (code for code in _PRIVATE_USE if chr(code) not in used)
    hide = {ord(character): code for character, code in zip(_FOREIGN_BREAKS, free, strict=False)}
    return text.translate(hide), {code: character for character, code in hide.items()}


def _control_character(source: Source, found: re.Match[str]) -> Loaded:
    code_point = ord(found.group())
    what = "a NUL character" if code_point == 0 else f"a control character (U+{code_point:04X})"
    finding = Finding(
        "BR005",
        Severity.ERROR,
        f"this file holds {what}",
        source.place(source.span_at(found.start(), found.end())),
        "cannot stand in a text file",
        helps=(rf'remove it, or write it as an escape in double quotes: `"\u{code_point:04x}"`',),
    )
    return Loaded(None, (finding,), source)


def _not_utf8(name: str, content: bytes, position: int) -> Loaded:
    line = content.count(b"\n", 0, position) + 1
    return _refused(
        name,
        "BR005",
        "this file is not UTF-8 text",
        notes=(f"the first wrong byte is in line {line}",),
        helps=("save it as UTF-8",),
    )


def _refused(
    name: str,
    code: str,
    message: str,
    *,
    notes: tuple[str, ...] = (),
    helps: tuple[str, ...] = (),
    source: Source | None = None,
) -> Loaded:
    finding = Finding(code, Severity.ERROR, message, Place(name), notes=notes, helps=helps)
    return Loaded(None, (finding,), source)


def _why(error: Exception) -> str:
    """The reason without the path that Python adds to it."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, PermissionError):
        return "this process may not open it"
    return (error.strerror or "it cannot be opened").lower() if isinstance(error, OSError) else "its name is not a path"
