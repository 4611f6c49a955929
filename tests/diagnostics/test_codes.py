import re
from pathlib import Path

import pytest

import bridge
from bridge.diagnostics import PAGES, page

ROOT = Path(bridge.__file__).parent
NEEDED = """
    BR001 BR002 BR003 BR004 BR005 BR101 BR102 BR103 BR104 BR110 BR120 BR121 BR122 BR123 BR201 BR202 BR203 BR204 BR205
    BR206 BR207 BR208 BR210 BR211 BR301 BR302 BR303 BR304 BR305 BR401 BR402 BR403 BR701 BR702 BR703
"""


@pytest.mark.parametrize("code", NEEDED.split())
def test_a_code_that_others_rely_on_is_registered(code: str) -> None:
    assert page(code).code == code


@pytest.mark.parametrize("code", PAGES)
def test_every_page_says_what_why_and_how_to_mend_it(code: str) -> None:
    found = PAGES[code]
    assert found.title
    assert not found.title.endswith(".")
    for part in (found.what, found.why, found.mend):
        assert len(part) > 15
        assert part.endswith(("`", "."))


def test_pages_stand_in_the_order_of_their_codes() -> None:
    assert list(PAGES) == sorted(PAGES)


def test_every_code_that_the_program_writes_has_a_page() -> None:
    used = {
        code for file in ROOT.rglob("*.py") for code in re.findall(r'"(BR[0-9]{3})"', file.read_text(encoding="utf-8"))
    }
    assert used <= set(PAGES)


def test_an_unknown_code_is_an_error_of_the_program() -> None:
    with pytest.raises(LookupError, match="has no page"):
        page("BR999")


def test_a_page_prints_as_three_short_answers() -> None:
    lines = str(page("BR110")).splitlines()
    assert lines[0] == "BR110: a duration or size without a usable unit"
    assert [line.split()[0] for line in lines[2:]] == ["what", "why", "mend"]
