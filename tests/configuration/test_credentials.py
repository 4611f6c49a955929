from pathlib import Path

import pytest

from bridge.configuration.load import load_configuration
from tests.canaries import AISOULE_SECRET, ERP_TOKEN, HUBSPOT_TOKEN
from tests.configuration.builders import CONFIG, ENVIRON, RULES, full, lines, load, swap

LITERAL = swap(swap(CONFIG, '"${HUBSPOT_TOKEN}"', HUBSPOT_TOKEN), '"${AISOULE_WEBHOOK_SECRET}"', AISOULE_SECRET)


def test_each_credential_written_in_the_file_is_warned_about(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"config.yaml": f"{LITERAL}admin: {{token: 0123456789abcdef0123}}\n"})

    assert loaded.configuration is not None
    assert [line.partition(" written")[0] for line in lines(loaded)] == [
        "config.yaml:3:38: BR302 warning the credential `sources.aisoule.secret` is",
        "config.yaml:5:40: BR302 warning the credential `destinations.hubspot.token` is",
        "config.yaml:8:16: BR302 warning the credential `admin.token` is",
    ]


def test_the_mend_names_a_variable(tmp_path: Path) -> None:
    assert 'write `"${HUBSPOT_TOKEN}"` here' in lines(load(tmp_path, {"config.yaml": LITERAL}))[1]


@pytest.mark.parametrize(
    "verify",
    [
        '{preset: aisoule, secret: [%s, "${AISOULE_WEBHOOK_SECRET}"]}',
        "{verify: {type: hmac, secrets: [%s], signature: {from: 'header:X-Sign'}}, event: {type: x, id: body}}",
    ],
)
def test_a_list_of_secrets_is_looked_at_one_by_one(tmp_path: Path, verify: str) -> None:
    line = next(line for line in CONFIG.splitlines() if "preset:" in line)
    files = {"config.yaml": swap(CONFIG, line, f"  aisoule: {verify % AISOULE_SECRET}")}
    loaded = load(tmp_path, files)

    codes = [line.split()[1] for line in lines(loaded)]
    assert [code for code in codes if code != "BR122"] == ["BR302"]  # the second source has no `fields`
    assert AISOULE_SECRET not in full(loaded)


def test_the_generic_connectors_credentials_are_found_under_every_name(tmp_path: Path) -> None:
    auth = f"{{type: header, name: X-Key, value: {ERP_TOKEN}}}"
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, '{type: bearer, token: "${ERP_TOKEN}"}', auth)})

    assert ["destinations.erp.auth.value" in line for line in lines(loaded)] == [True]
    assert ERP_TOKEN not in full(loaded)


def test_no_literal_credential_is_printed_whole(tmp_path: Path) -> None:
    text = full(load(tmp_path, {"config.yaml": LITERAL}))

    assert "•••" in text
    assert HUBSPOT_TOKEN not in text
    assert AISOULE_SECRET not in text


TOKENS = [
    "pat-eu1-12345678-aaaa-bbbb-cccc-1234567890ab",
    "sk_live_0123456789abcdefghij",
    "xoxb-1234567890-abcdef",
    "ghp_0123456789abcdefghijklmn",
    "glpat-0123456789abcdefghij",
    "AKIA0123456789ABCDEF",
    "Bearer 0123456789abcdef0123",
    "Authorization is Basic dXNlcjpwYXNzd29yZA==",
]
INNOCENT = [
    "Basic plan with Bearer bonds",
    "{{ body.token }}",
    "Bearer ${ERP_TOKEN}",
    "skill_live_0123456789abcdefghij",
    "patience-eu1",
    "https://example.com/AKIA",
]


@pytest.mark.parametrize("token", TOKENS)
def test_what_looks_like_a_credential_is_found_in_rules_and_hidden(tmp_path: Path, token: str) -> None:
    loaded = load(tmp_path, {"rules.yaml": swap(RULES, '"{{ fields.text }}"', f'"{token}"')})

    assert loaded.configuration is not None
    [line] = lines(loaded)
    assert line.startswith("rules.yaml:8:46: BR302 warning the credential `rules[0].steps[0].with.json.text` is")
    assert 'write `"${TEXT}"` here' in line
    assert token not in full(loaded)
    assert token[8:] not in full(loaded)


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_resembles_a_credential_is_left_alone(tmp_path: Path, text: str) -> None:
    assert lines(load(tmp_path, {"rules.yaml": swap(RULES, '"{{ fields.text }}"', f'"{text}"')})) == []


def test_a_parameter_named_like_a_credential_is_one_when_it_is_long_enough(tmp_path: Path) -> None:
    def found(value: str) -> list[str]:
        return lines(load(tmp_path, {"rules.yaml": swap(RULES, 'text: "{{ fields.text }}"', f'api_key: "{value}"')}))

    assert len(found("0123456789ab")) == 1
    assert found("0123456789a") == []
    assert found("{{ fields.text }}") == []


def test_a_file_with_credentials_that_everybody_may_read_is_warned_about(tmp_path: Path) -> None:
    load(tmp_path, {"config.yaml": LITERAL})
    path = tmp_path / "config.yaml"
    path.chmod(0o644)

    found = [finding for finding in load_configuration(path, ENVIRON).findings if finding.code == "BR303"]
    assert [(str(finding.place), finding.label, finding.is_error) for finding in found] == [
        ("config.yaml:3:38", "its mode is 0644", False)
    ]


def test_a_file_that_only_names_variables_may_be_read_by_everybody(tmp_path: Path) -> None:
    load(tmp_path, {})
    (tmp_path / "config.yaml").chmod(0o644)

    assert load_configuration(tmp_path / "config.yaml", ENVIRON).findings == ()


def test_a_secret_from_a_readable_file_is_warned_about(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(HUBSPOT_TOKEN)
    (tmp_path / "token").chmod(0o644)
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, '"${HUBSPOT_TOKEN}"', '"${file:token}"')})

    assert [line.split()[1] for line in lines(loaded)] == ["BR303"]
    assert HUBSPOT_TOKEN not in full(loaded)
