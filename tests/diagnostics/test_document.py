import pytest

from bridge.diagnostics import Document, Span, parse_yaml
from bridge.diagnostics.document import Substitution
from tests.canaries import ERP_TOKEN

TEXT = """\
version: 1
destinations:
  erp:
    auth: {type: bearer, token: "${ERP_TOKEN}"}
    empty:
rules:
  - name: first
    on: erp/*
  - [a, b]
"""


def document_of(text: str = TEXT) -> Document:
    loaded = parse_yaml(text, "config.yaml")
    assert loaded.document is not None, loaded.findings
    return loaded.document


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        (("version",), False, Span(1, 10, 1, 11)),
        (("version",), True, Span(1, 1, 1, 8)),
        (("destinations", "erp", "auth", "type"), False, Span(4, 18, 4, 24)),
        (("destinations", "erp"), False, Span(3, 3, 3, 6)),
        (("destinations", "erp", "empty"), False, Span(5, 5, 5, 10)),
        (("rules", 0), False, Span(7, 5, 7, 9)),
        (("rules", 0, "on"), False, Span(8, 9, 8, 14)),
        (("rules", 1), False, Span(9, 5, 9, 11)),
        (("rules", 1, 1), False, Span(9, 9, 9, 10)),
        (("destinations", "erp", "nothing", "deeper"), False, Span(3, 3, 3, 6)),
        (("version", "deeper"), False, Span(1, 1, 1, 8)),
        ((), False, Span(1, 1, 1, 8)),
        (("nothing",), True, Span(1, 1, 1, 8)),
    ],
)
def test_each_path_has_its_span(path: tuple[str | int, ...], key: bool, expected: Span) -> None:  # noqa: FBT001 - a table
    assert document_of().span(path, key=key) == expected


def test_values_are_found_by_path() -> None:
    document = document_of()
    assert document.value(("rules", 1, 0)) == "a"
    with pytest.raises(LookupError):
        document.value(("rules", 7))


def test_a_masked_scalar_keeps_its_place_and_four_characters_at_most() -> None:
    document = document_of(f"a:\n  custom: '{ERP_TOKEN}'\n  short: tiny\nb: shown\n")
    document.mask(("a",))
    assert document.line(2) == f"  custom: 'erp-{'•' * (len(ERP_TOKEN) - 4)}'"
    assert document.line(3) == "  short: ••••"
    assert document.line(4) == "b: shown"


def test_a_key_that_sounds_secret_is_masked_unasked_but_a_variable_is_shown() -> None:
    document = document_of(f"client_secret: {ERP_TOKEN}\nsecrets:\n  - {ERP_TOKEN}\ntoken: ${{ERP_TOKEN}}\n")
    assert ERP_TOKEN[4:] not in "".join(document.line(number) for number in range(1, 5))
    assert document.line(4) == "token: ${ERP_TOKEN}"


def test_a_secret_block_is_masked_line_by_line() -> None:
    document = document_of("private_key: |\n  one two\n  three\nname: x\n")
    shown = [document.line(number) for number in range(1, 5)]
    assert shown == ["private_key: |", "  ••• •••", "  •••••", "name: x"]


def test_a_piece_of_a_text_is_told_as_it_is_written_with_its_variables_unresolved() -> None:
    document = document_of("if: a == '${ONE}' and b == '${TWO}'\n")
    resolved = "a == '1' and b == '22222222'"
    pieces = [Substitution(6, 12, 1), Substitution(24, 30, 8)]
    document.note_substitutions(("if",), pieces)
    assert document.written(("if",), 0, 8) == "a == '${ONE}'"
    assert document.written(("if",), resolved.index("b"), len("b == '22222222'")) == "b == '${TWO}'"
    assert document.written(("if",), resolved.index("2") + 1, 3) == "a == '${ONE}' and b == '${TWO}'"
    with pytest.raises(LookupError):
        document.written(("unless",), 0, 1)
