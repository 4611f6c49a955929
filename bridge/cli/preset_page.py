"""The page `docs/presets.md`: all shipped presets in tables, made from their files."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, get_args

from bridge.sources.describe import Written, body, marks, proof
from bridge.sources.schema import Group
from bridge.sources.vocabulary import VOCABULARY

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

_USUAL = 3
"""From so many presets on a name is worth a word about its group."""

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

_FIELDS = """\
## Fields

One thing has one name under `fields`, whoever sends it, so that one rule can serve many senders. A preset gives those
that its sender tells; one that an event lacks is missing like any other name (`| default(omit)`). Presets have more
names, of their own senders: `crm-bridge sources NAME` lists all. What is not among them is in `body`.

Messages and their receipts have the types `message.received`, `message.sent`, `message.delivered`, `message.read` and
`message.failed` from every messaging sender, and a mail that comes in is `mail.received`. The sender's own word is
`event.raw_type`.
"""


def presets_page(presets: Mapping[str, Written]) -> str:
    """The whole page.

    Args:
        presets: name -> the preset's YAML.
    """
    parts = [_INTRODUCTION, _FIELDS, *(_words(about, words) for about, words in VOCABULARY.items())]
    for group in get_args(Group):
        found = {name: each for name, each in presets.items() if each.get("group", "other") == group}
        if found:
            rows = [_row(name, each) for name, each in found.items()]
            head = "| preset | sender | proof | body | marks |\n|---|---|---|---|---|\n"
            parts.append(f"## {GROUPS[group]}\n\n{head}{''.join(rows)}\n{_shared(found.values())}")
    return "\n".join(parts)


def _words(about: str, words: Mapping[str, str]) -> str:
    """The table of some names under `fields`."""
    rows = "".join(f"| `{name}` | {_cell(meaning)} |\n" for name, meaning in words.items())
    return f"| {about} | |\n|---|---|\n{rows}"


def _shared(presets: Iterable[Written]) -> str:
    """Which names under `fields` at least three of these presets have, the most usual first."""
    fields = (each.get("fields") for each in presets)
    uses = Counter(name for names in fields if isinstance(names, Mapping) for name in names)
    usual = [f"`{name}`" for name, count in uses.most_common() if count >= _USUAL]
    return f"Fields that {_USUAL} or more of them have: {', '.join(usual)}.\n" if usual else ""


def _row(name: str, preset: Written) -> str:
    cells = (f"`{name}`", str(preset["title"]), proof(preset), body(preset), marks(preset))
    return f"| {' | '.join(_cell(cell) for cell in cells)} |\n"


def _cell(text: str) -> str:
    """Text that stays in its cell."""
    return text.replace("|", r"\|")
