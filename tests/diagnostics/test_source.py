import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.diagnostics import Source, Span
from bridge.diagnostics.source import is_secret_name
from tests.canaries import AISOULE_SECRET, HUBSPOT_TOKEN


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("token: abc", "token: •••"),
        ("  - {client_secret: 'abc', name: x", "  - {client_secret: '•••', name: x"),
        ("secrets: [abc, ${NAME}", "secrets: [abc, ${NAME}"),
        ("api_key: abc # note", "api_key: ••• # note"),
        ("x-api-key: abc # note", "x-api-key: ••• # note"),
        ("token_url: https://x", "token_url: https://x"),
        ('token: "{{ body.token }}"', 'token: "{{ body.token }}"'),
    ],
)
def test_secrets_are_masked_even_in_a_file_that_is_no_yaml(line: str, shown: str) -> None:
    assert Source("f", line).line(1) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("secret: pass: word", "secret: ••••• ••••"),
        ("{secret: pass, path: /hooks}", "{secret: ••••, path: /hooks}"),
        ('url: "postgresql://bridge:pass@db/x"', 'url: "postgresql://bridge:••••@db/x"'),
        ("url: https://a.example/x?page=2&api_key=pass#top", "url: https://a.example/x?page=2&api_key=••••#top"),
        ("url: https://u:${PASSWORD}@a.example?token={{x}}", "url: https://u:${PASSWORD}@a.example?token={{x}}"),
        ("url: https://a.example:8080/@b?x=y", "url: https://a.example:8080/@b?x=y"),
    ],
)
def test_what_is_secret_inside_of_a_line_is_masked(line: str, shown: str) -> None:
    assert Source("f", line).line(1) == shown


def test_secrets_below_their_key_are_masked_too() -> None:
    source = Source("f", f"secrets:\n  - {AISOULE_SECRET}\n\n  - '{HUBSPOT_TOKEN}'\nname: x\n  {HUBSPOT_TOKEN[:3]}")
    shown = "\n".join(source.line(number) for number in range(1, 7))
    assert AISOULE_SECRET[4:] not in shown
    assert HUBSPOT_TOKEN[4:] not in shown
    assert shown.endswith("name: x\n  pat")


@pytest.mark.parametrize(
    "name",
    [
        "secret",
        "client_secret",
        "API_KEY",
        "api-key",
        "X-Signing-Key",
        "private-key",
        "apikey",
        "authorization",
        "x.token",
        "Password",
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["token_url", "secretary", "name", "key", "monkeys"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_lines_are_numbered_from_the_base_line() -> None:
    source = Source("README.md", "a\nb\r\nc", base_line=10)
    assert (source.first_line, source.last_line) == (11, 13)
    assert source.line(12) == "b"
    assert source.span_at(2, 3) == Span(12, 1, 12, 2)
    assert source.line(99) == ""


@settings(deadline=None)
@given(st.text())
def test_a_masked_line_is_as_long_as_the_line(text: str) -> None:
    source = Source("f", text)
    source.mask_range(0, len(text))
    assert sum(len(source.line(number)) for number in range(1, source.last_line + 1)) <= len(text)
    assert source.span_at(0, len(text)).line == 1
