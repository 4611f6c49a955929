"""YAML blocks of a Markdown file, each checked as a whole configuration, with the places of the Markdown file.

A block counts when its first key is `version:`; others are excerpts for the reader.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.configuration.load import LoadedConfiguration, configure
from bridge.configuration.report import shown
from bridge.diagnostics import Finding, Place, Severity, Source, parse_yaml

_FENCE = re.compile(r"^```ya?ml[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """(lines before the block's first line, its text) of each YAML block."""
    for found in _FENCE.finditer(text):
        yield text.count("\n", 0, found.start(1)), found.group(1)


def check_markdown(path: Path, environ: Mapping[str, str]) -> LoadedConfiguration:
    """The findings of every block that is a configuration."""
    findings: list[Finding] = []
    documents: dict[str, Source] = {}
    name = shown(path, path.resolve().parent)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return LoadedConfiguration(None, (_unreadable(name, error),), documents)
    documents[name] = Source(name, text)
    for before, block in blocks(text):
        loaded = parse_yaml(block, name, base_line=before, path=path)
        if loaded.document is not None and isinstance(loaded.document.data, dict) and "version" in loaded.document.data:
            checked = configure(loaded, path, environ)
            findings += checked.findings
            documents |= {other: source for other, source in checked.documents.items() if other != name}
        else:
            findings += loaded.findings
    return LoadedConfiguration(None, tuple(findings), documents)


def _unreadable(name: str, error: OSError | UnicodeDecodeError) -> Finding:
    if isinstance(error, OSError):
        why = (error.strerror or type(error).__name__).lower()
        return Finding("BR208", Severity.ERROR, f"cannot read `{name}`: {why}", Place(name))
    return Finding("BR005", Severity.ERROR, "this file is not UTF-8 text", Place(name), helps=("save it as UTF-8",))
