"""YAML blocks of a Markdown file, each checked as if it were a file, with the places of the Markdown file.

A block counts when it has a key `version:`. A block of rules (a mapping with `rules:`, or a list of rules) counts when
it has a configuration to belong to: the last one above it, else the one that is given. Everything else
is an excerpt for the reader, and only has to be YAML.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.configuration.load import LoadedConfiguration, check_excerpt, configure, read_file
from bridge.configuration.report import shown
from bridge.diagnostics import Finding, Loaded, Place, Severity, Source, parse_yaml

_FENCE = re.compile(r"^```ya?ml[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """(lines before the block's first line, its text) of each YAML block."""
    for found in _FENCE.finditer(text):
        yield text.count("\n", 0, found.start(1)), found.group(1)


def check_markdown(path: Path, environ: Mapping[str, str], config: Path | None = None) -> LoadedConfiguration:
    """The findings of every block that is a configuration, or rules of one.

    Args:
        path: the Markdown file.
        environ: the environment.
        config: the configuration that blocks of rules belong to before the page has one itself; None for none.
    """
    findings: list[Finding] = []
    documents: dict[str, Source] = {}
    name = shown(path, path.resolve().parent)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return LoadedConfiguration(None, (_unreadable(name, error),), documents)
    documents[name] = Source(name, text)
    whole = (read_file(config), config) if config is not None else None
    for before, block in blocks(text):
        loaded = parse_yaml(block, name, base_line=before, path=path)
        checked, is_whole = _checked(loaded, path, environ, whole)
        if is_whole:
            whole = (loaded, path)
        findings += [each for each in checked.findings if each not in findings]
        documents |= {other: source for other, source in checked.documents.items() if other != name}
    return LoadedConfiguration(None, tuple(findings), documents)


def _checked(
    loaded: Loaded, path: Path, environ: Mapping[str, str], whole: tuple[Loaded, Path] | None
) -> tuple[LoadedConfiguration, bool]:
    """What is found in a block, and whether it is a whole configuration."""
    data = loaded.document.data if loaded.document is not None else None
    if isinstance(data, dict) and "version" in data:
        return configure(loaded, path, environ), True
    if whole is not None and _has_rules(data):
        return check_excerpt(loaded, *whole, environ), False
    return LoadedConfiguration(None, loaded.findings, {}), False


def _has_rules(data: object) -> bool:
    entries = data.get("rules") if isinstance(data, dict) else data
    if not isinstance(entries, list):
        return False
    return any(isinstance(entry, dict) and {"name", "steps"} <= entry.keys() for entry in entries)


def _unreadable(name: str, error: OSError | UnicodeDecodeError) -> Finding:
    if isinstance(error, OSError):
        why = (error.strerror or type(error).__name__).lower()
        return Finding("BR208", Severity.ERROR, f"cannot read `{name}`: {why}", Place(name))
    return Finding("BR005", Severity.ERROR, "this file is not UTF-8 text", Place(name), helps=("save it as UTF-8",))
