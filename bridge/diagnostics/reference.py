"""All codes as one page of the manual, `docs/codes.md`."""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.diagnostics.code_page import Page
from bridge.diagnostics.codes import PAGES

RANGES: Final = (
    ("BR0", "The YAML itself"),
    ("BR1", "The shape of keys, values and templates"),
    ("BR2", "Names that point from one place to another"),
    ("BR3", "Secrets and environment"),
    ("BR4", "Right, but probably not meant"),
    ("BR45", "What an account itself says"),
    ("BR5", "What a sender is told"),
    ("BR6", "Deliveries"),
    ("BR7", "The start"),
)
"""How the codes of each kind begin, and what they are about; the longest beginning counts."""


def chapters() -> Iterator[tuple[str, Sequence[Page]]]:
    """Each kind with its pages, in the order of the codes."""
    begins = {code: max((start for start, _ in RANGES if code.startswith(start)), key=len) for code in PAGES}
    for start, about in RANGES:
        yield about, [page for page in PAGES.values() if begins[page.code] == start]


def reference() -> str:
    """All pages as one page of Markdown, `docs/codes.md`."""
    lines = [
        "# Codes",
        "",
        "Every finding has a code. `crm-bridge check --explain CODE` prints its entry, `crm-bridge check --codes` all.",
        "[checking.md](checking.md) says what `check` does. This page is written from `bridge/diagnostics/codes.py`.",
    ]
    for about, pages in chapters():
        lines += ["", f"## {about}"]
        for each in pages:
            lines += ["", f"### {each.code}: {each.title}", "", each.what, each.why, f"**Mend:** {each.mend}"]
    return "\n".join(lines) + "\n"
