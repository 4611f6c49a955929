"""The page `docs/presets.md`: all shipped presets in tables, made from their files."""

from collections.abc import Mapping
from typing import Final, get_args

from bridge.sources.describe import Written, body, marks, proof
from bridge.sources.schema import Group

GROUPS: Final[Mapping[str, str]] = {
    "messaging": "Chat and messaging",
    "support": "Support desks and CRMs",
    "shops": "Shops and payments",
    "email": "E-mail",
    "forms": "Forms and calendars",
    "code": "Code, projects and content",
    "operations": "Operations",
    "identity": "Accounts and identity",
    "files": "Documents and files",
    "automation": "Automation and standards",
    "other": "Others",
}
"""What each shelf of presets is called."""

_INTRODUCTION = """\
# Presets

The senders that are known. `crm-bridge sources NAME` shows how to connect one: the steps at the sender, the lines for
the configuration, the events, the fields, and how the sender behaves. `crm-bridge sources --find WORD` searches them.
What a preset says can be changed in place, and your own belong in `config/sources/`: see [sources.md](sources.md).

The marks say where the statements of a preset come from: **L** the vendor's own library, **D** the vendor's page, **C**
several public receivers agree, **K** common knowledge, not looked up again. `crm-bridge sources NAME` gives each
statement with its mark. Try a preset whose signature rests on C or K with a real request before you rely on it.

This page is made from the presets' files: `make presets` writes it anew.
"""


def presets_page(presets: Mapping[str, Written]) -> str:
    """The whole page.

    Args:
        presets: name -> the preset's YAML.
    """
    parts = [_INTRODUCTION]
    for group in get_args(Group):
        found = {name: each for name, each in presets.items() if each.get("group", "other") == group}
        if found:
            rows = [_row(name, each) for name, each in found.items()]
            head = "| preset | sender | proof | body | marks |\n|---|---|---|---|---|\n"
            parts.append(f"## {GROUPS[group]}\n\n{head}{''.join(rows)}")
    return "\n".join(parts)


def _row(name: str, preset: Written) -> str:
    cells = (f"`{name}`", str(preset["title"]), proof(preset), body(preset), marks(preset))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
