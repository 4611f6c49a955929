from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.diagnostics import Place, parse_yaml, render
from bridge.settings import Address, LoadedSettings, Settings, load_settings, parse_address
from tests.canaries import AISOULE_SECRET, ERP_TOKEN


def load(text: str = "", environ: Mapping[str, str] | None = None) -> LoadedSettings:
    loaded = parse_yaml(text, "config.yaml")
    assert loaded.document is not None, loaded.findings
    data: Any = loaded.document.data or {}
    return load_settings(data, environ or {}, document=loaded.document)


def settings_of(text: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    loaded = load(text, environ)
    assert loaded.settings is not None, loaded.findings
    return loaded.settings


def told(text: str = "", environ: Mapping[str, str] | None = None) -> list[str]:
    loaded = load(text, environ)
    assert loaded.settings is None
    return [f"{finding.place} {finding.code} {finding.message}" for finding in loaded.findings]


def test_without_any_setting_the_defaults_are_those_of_the_design() -> None:
    settings = settings_of()
    assert settings == Settings()
    assert (str(settings.server.listen), str(settings.admin.listen)) == ("127.0.0.1:8080", "127.0.0.1:8081")
    assert settings.server.max_body_bytes == 1_048_576
    assert settings.server.receive_timeout_ms == 30_000
    assert settings.store.retention_ms == 7 * 86_400_000
    assert settings.dead_letters.retention_ms == 30 * 86_400_000
    assert settings.store.store_path(Path("/etc/bridge")) == Path("/etc/bridge/var/bridge.db")
    assert settings.dead_letters.file_path(Path("/etc/bridge")) == Path("/etc/bridge/var/dead-letters.jsonl")


def test_keys_of_the_file_have_no_unit_in_their_names() -> None:
    settings = settings_of(
        "server: {max_body: 2MiB, drain_delay: 0s}\nstore: {retention: 1d}\nlog: {level: debug}\nrules: []"
    )
    assert settings.server.max_body_bytes == 2_097_152
    assert settings.server.drain_delay_ms == 0
    assert settings.store.retention_ms == 86_400_000
    assert settings.log.level == "debug"


def test_an_empty_section_means_its_defaults() -> None:
    assert settings_of("server:\nlog:\n") == Settings()


def test_the_environment_overrides_single_keys_of_the_file() -> None:
    text = "server: {listen: 0.0.0.0:80, max_connections: 9}\n"
    environ = {"BRIDGE_SERVER__LISTEN": "[::1]:9", "BRIDGE_DEAD_LETTERS__RETENTION": "5d", "BRIDGE_LOG__LEVEL": ""}
    settings = settings_of(text, environ)
    assert settings.server.listen == Address("::1", 9)
    assert settings.server.max_connections == 9
    assert settings.dead_letters.retention_ms == 5 * 86_400_000
    assert settings.log.level == "info"


def test_a_number_from_the_environment_is_a_number() -> None:
    assert settings_of(environ={"BRIDGE_SERVER__MAX_WAITING": "5"}).server.max_waiting == 5


def test_a_bad_value_is_reported_where_it_came_from() -> None:
    text = "server: {receive_timeout: 30}\nlog: {level: inf}\n"
    assert told(text, {"BRIDGE_SERVER__KEEP_ALIVE": "15"}) == [
        "config.yaml:1:27 BR110 a duration needs a unit",
        "config.yaml:2:14 BR104 `log.level` must be one of `debug`, `info`, `warning`, `error`",
        "environment variable BRIDGE_SERVER__KEEP_ALIVE BR110 a duration needs a unit",
    ]


def test_a_value_of_the_environment_hides_the_mistake_in_the_file() -> None:
    assert settings_of("server: {listen: 8080}\n", {"BRIDGE_SERVER__LISTEN": "localhost:1"}).server.listen.port == 1


def test_an_unknown_key_gets_the_nearest_one() -> None:
    loaded = load("server: {max_bdy: 1MiB}\n")
    assert [finding.helps for finding in loaded.findings] == [("a key with a similar name exists: `max_body`",)]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("BRIDGE_STORE_URL", "BRIDGE_STORE__URL"),
        ("BRIDGE_SERVER__LISTN", "BRIDGE_SERVER__LISTEN"),
        ("BRIDGE_SERVR__LISTEN", "BRIDGE_SERVER__LISTEN"),
        ("BRIDGE_CONFG", "BRIDGE_CONFIG"),
    ],
)
def test_a_variable_that_sets_nothing_is_reported_with_the_one_it_may_mean(name: str, near: str) -> None:
    (finding,) = load(environ={name: "x"}).findings
    assert (finding.code, str(finding.place)) == ("BR102", f"environment variable {name}")
    assert finding.helps == (f"did you mean `{near}`?",)


def test_a_whole_section_cannot_be_set_by_one_variable() -> None:
    assert [finding.code for finding in load(environ={"BRIDGE_SERVER": '{"listen": "x"}'}).findings] == ["BR102"]


@pytest.mark.parametrize(
    "name",
    [
        "BRIDGE_CONFIG", "BRIDGE_SERVICE_HOST", "BRIDGE_SERVICE_PORT", "BRIDGE_SERVICE_PORT_HTTP", "BRIDGE_PORT",
        "BRIDGE_PORT_8080_TCP", "BRIDGE_PORT_8080_TCP_ADDR", "OTHER__NAME",
    ],
)  # fmt: skip
def test_variables_of_others_are_left_alone(name: str) -> None:
    assert settings_of(environ={name: "x"}) == Settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("bridge.internal:0", Address("bridge.internal", 0)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[fe80::1%eth0]:65535", Address("fe80::1%eth0", 65_535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, expected: Address) -> None:
    assert parse_address(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("8080", "an address to listen on needs a host and a port"),
        ("'localhost'", "an address to listen on needs a host and a port"),
        ("':8080'", "an address to listen on needs a host and a port"),
        ("'::1:8080'", "the host of this address cannot be read"),
        ("'a b:8080'", "the host of this address cannot be read"),
        ("localhost:http", "the port of this address cannot be read"),
        ("localhost:65536", "the port of this address cannot be read"),
        ("'localhost:-1'", "the port of this address cannot be read"),
    ],
)
def test_another_form_of_an_address_is_refused(value: str, message: str) -> None:
    assert told(f"server:\n  listen: {value}\n") == [f"config.yaml:2:11 BR104 {message}"]


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///var/bridge.db", "/base/var/bridge.db"), ("sqlite:////data/bridge.db", "/data/bridge.db")],
)
def test_three_slashes_are_relative_and_four_absolute(url: str, path: str) -> None:
    assert settings_of(f"store: {{url: '{url}'}}").store.store_path(Path("/base")) == Path(path)


@pytest.mark.parametrize(
    "url", ["sqlite://x", "sqlite:///", "sqlite:///dir/", "mysql://x", "bridge.db", "sqlite:///a?mode=ro"]
)
def test_another_url_of_a_store_is_refused(url: str) -> None:
    assert told(f"store: {{url: '{url}'}}") == ["config.yaml:1:14 BR104 this is not the URL of a store"]


def test_postgresql_is_refused_without_repeating_its_password() -> None:
    loaded = load(environ={"BRIDGE_STORE__URL": f"postgresql://user:{ERP_TOKEN}@host/db"})
    assert [finding.message for finding in loaded.findings] == ["a PostgreSQL store is not built yet"]
    assert ERP_TOKEN not in render(loaded.findings, {})


def test_the_admin_token_is_hidden_and_long() -> None:
    settings = settings_of(environ={"BRIDGE_ADMIN__TOKEN": AISOULE_SECRET})
    assert settings.admin.token is not None
    assert settings.admin.token.get_secret_value() == AISOULE_SECRET
    assert AISOULE_SECRET not in repr(settings)
    assert told("admin: {token: short}") == ["config.yaml:1:16 BR304 the admin token is too short"]


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.server.max_connections = 1


def test_a_later_problem_is_shown_where_the_setting_came_from() -> None:
    loaded = load("store: {url: sqlite:///x.db}\n", {"BRIDGE_ADMIN__LISTEN": "localhost:1"})
    assert str(loaded.place_of("store", "url")) == "config.yaml:1:14"
    assert loaded.place_of("admin", "listen") == Place("environment variable BRIDGE_ADMIN__LISTEN")
    assert loaded.place_of("server", "listen") == Place("default")


def test_a_section_must_be_a_mapping() -> None:
    assert told("log: debug\n", {"BRIDGE_LOG__FORMAT": "json"}) == ["config.yaml:1:6 BR104 `log` must be a mapping"]
