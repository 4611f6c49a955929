"""`docs/codes.md` is written from the pages of the codes: `GOLDEN=write pytest tests/docs/test_codes.py`."""

import re
from pathlib import Path

from bridge.diagnostics import PAGES
from bridge.diagnostics.reference import chapters, reference
from tests.golden.words import check_words


def test_the_page_of_codes_is_the_one_that_the_program_has(repository: Path) -> None:
    path = repository / "docs/codes.md"
    check_words(path, reference())
    assert re.findall(r"^### (BR\d{3}): ", path.read_text(), re.MULTILINE) == list(PAGES)


def test_every_code_stands_in_one_chapter_and_none_is_empty() -> None:
    assert sorted(page.code for _, pages in chapters() for page in pages) == list(PAGES)
    assert all(pages for _, pages in chapters())


def test_every_code_that_the_pages_name_exists(repository: Path) -> None:
    for path in (repository / "README.md", *sorted((repository / "docs").glob("*.md"))):
        assert set(re.findall(r"\bBR\d{3}\b", path.read_text())) <= set(PAGES), path.name
