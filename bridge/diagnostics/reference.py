"""All codes as one page of the manual, `docs/codes.md`."""

from typing import Final

from bridge.diagnostics.codes import PAGES

RANGES: Final = (
    ("BR0", "The YAML itself"),
    ("BR1", "The shape of keys, values and templates"),
    ("BR2", "Names that point from one place to another"),
    ("BR3", "Secrets and environment"),
    ("BR4", "Right, but probably not meant"),
    ("BR5", "What a sender is told"),
    ("BR6", "Deliveries"),
    ("BR7", "The start"),
)
"""How the codes of each hundred begin, and what they are about."""


def reference() -> str:
    """All pages as one page of Markdown, `docs/codes.md`."""
    lines = [
        "# Codes",
        "",
        "Every finding has a code. `crm-bridge check --explain CODE` prints its entry, `crm-bridge check --codes` all.",
        "[checking.md](checking.md) says what `check` does. This page is written from `bridge/diagnostics/codes.py`.",
    ]
    for start, about in RANGES:
        lines += ["", f"## {about}"]
        for each in PAGES.values():
            if each.code.startswith(start):
                lines += ["", f"### {each.code}: {each.title}", "", each.what, each.why, f"**Mend:** {each.mend}"]
    return "\n".join(lines) + "\n"
