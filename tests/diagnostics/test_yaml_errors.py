import pytest
import yaml

from bridge.diagnostics import Source, parse_yaml
from bridge.diagnostics.yaml_errors import explain_yaml_error

PREFIX = "this file is not valid YAML: "


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("\ta: 1", "1:1", PREFIX + "a tab is used for indentation"),
        ("a:\n\t- 1", "2:1", PREFIX + "a tab is used for indentation"),
        ("a:\tb", "1:3", PREFIX + "a tab separates words"),
        ("on: *", "1:5", "an unquoted `*` starts an alias, and aliases are not used here"),
        ("on: */x", "1:5", "an unquoted `*` starts an alias, and aliases are not used here"),
        ("a: & b", "1:4", "an unquoted `&` starts an anchor, and anchors are not used here"),
        ("a: !x!y 1", "1:4", "an unquoted `!` starts a tag, and tags are not used here"),
        ("a: !<x y", "1:4", "an unquoted `!` starts a tag, and tags are not used here"),
        ("a: {{ x }} and more", "1:4", "a template must stand in quotes"),
        ("a: {% if x %}", "1:4", PREFIX + "a template must stand in quotes"),
        ("- {{ x | y('z: 1') }}", "1:3", "a template must stand in quotes"),
        ("a: @home", "1:4", PREFIX + "`@` cannot start a value without quotes"),
        ("a: %x", "1:4", PREFIX + "`%` cannot start a value without quotes"),
        ("a: b: c", "1:5", PREFIX + "a `:` followed by a space is not expected here"),
        ("a: 'x' y", "1:8", PREFIX + "text goes on after the value has ended"),
        ("a:\n  b: 1\n c: 2", "3:2", PREFIX + "the indentation does not line up with the lines above"),
        ("a: 1\nb\nc: 2", "2:1", PREFIX + "a line is no `key: value`"),
        ('a: "x\nb: 1\n', "1:4", PREFIX + "a quote is not closed"),
        ('a:\n  b: "{{ x }}\n  c: {d: "{{ y }}"}\n', "2:6", PREFIX + "a quote is not closed"),
        ("a: 'x\n- b.c: 'y'\n", "1:4", PREFIX + "a quote is not closed"),
        ('a: "{{ x | default("y") }}"', "1:20", PREFIX + "a quote inside `{{ }}` ends the value"),
        ("a: '{{ b['c'] }}'", "1:10", PREFIX + "a quote inside `{{ }}` ends the value"),
        ("a: 'x\n  and more' y", "2:13", PREFIX + "text goes on after the value has ended"),
        ('a: "x\n---\n', "2:1", PREFIX + "a line `---` or `...` stands inside quoted text"),
        ("a: [1, 2\nb: 3\n", "2:2", PREFIX + "a list in `[ ]` is not closed, or a comma is missing"),
        ("a: {b: 1\nc: 3\n", "2:2", PREFIX + "a mapping in `{ }` is not closed, or a comma is missing"),
        (r'a: "\d"', "1:6", PREFIX + "an unknown escape in double quotes"),
        (r'a: "\u12"', "1:7", PREFIX + "an escape in double quotes is not complete"),
        (r'a: "\UFFFFFFFF"', "1:7", PREFIX + "it cannot be understood from here on"),
        ("a: - 1", "1:4", PREFIX + "a list entry `-` is not expected here"),
        ("a: ? b", "1:4", PREFIX + "a `?` followed by a space is not expected here"),
        ("a: |x\n  b", "1:5", PREFIX + "something stands behind `|` or `>`"),
        ("%YAML 2.0\n---\na: 1", "1:1", PREFIX + "only YAML 1 is understood"),
        ("  a: 1\n b: 2\n", "2:2", PREFIX + "text stands outside the one value of the file"),
    ],
)
def test_a_mistake_is_named_in_plain_words_at_its_place(text: str, place: str, message: str) -> None:
    finding = parse_yaml(text, "f").findings[0]
    assert (str(finding.place), finding.message) == (f"f:{place}", message)
    assert finding.helps


def test_an_unclosed_bracket_points_back_to_where_it_opens() -> None:
    finding = parse_yaml("a: [1, 2\nb: 3\n", "f").findings[0]
    assert [(str(place), label) for place, label in finding.related] == [("f:1:4", "opens here")]


def test_a_quote_that_is_not_closed_shows_the_next_one_to_which_the_value_goes_on() -> None:
    finding = parse_yaml('a: "x\nb: "y"\n', "f").findings[0]
    assert [(str(place), label) for place, label in finding.related] == [
        ("f:2:4", "so the value goes on to this quote")
    ]


def test_one_mistake_gives_one_finding_even_when_reading_fails_after_it() -> None:
    assert len(parse_yaml("a: {{ x }} b\n", "f").findings) == 1


def test_an_error_without_a_place_is_still_explained() -> None:
    finding = explain_yaml_error(Source("f", "a: 1"), yaml.MarkedYAMLError(problem="something new"))
    assert (finding.code, str(finding.place)) == ("BR001", "f:1:1")
