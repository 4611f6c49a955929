from typing import Any

import pytest
from pydantic import ValidationError

from bridge.connectors.destination import DEFAULT_SCHEDULE_MS, Destination, DestinationShape, compile_destination
from bridge.connectors.library import shipped
from bridge.connectors.request import MASK
from bridge.expressions import compile_template
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET

ZENDESK = {"connector": "zendesk", "subdomain": "acme", "client_id": "bridge", "client_secret": ZENDESK_SECRET}
HTTP = {"connector": "http", "base_url": "https://erp.example.com/api/"}


def compiled(data: dict[str, Any]) -> tuple[Destination | None, list[tuple[str, str | None]]]:
    shape = DestinationShape.model_validate(data)
    destination, problems = compile_destination("d", shape, shipped(shape.connector))
    return destination, [(problem.code, problem.key) for problem in problems]


def right(data: dict[str, Any]) -> Destination:
    destination, problems = compiled(data)
    assert destination is not None, problems
    return destination


def test_secrets_are_kept_apart_from_settings_and_out_of_the_repr() -> None:
    destination = right(ZENDESK)
    assert destination.settings == {"subdomain": "acme", "client_id": "bridge", "scope": "read write"}
    assert destination.all_settings["client_secret"] == ZENDESK_SECRET
    assert ZENDESK_SECRET not in repr(destination)
    assert ERP_TOKEN not in repr(right(HTTP | {"auth": {"type": "bearer", "token": ERP_TOKEN}}))


def test_an_address_that_may_be_the_credential_itself_is_a_mask_for_people() -> None:
    webhook = right({"connector": "slack-webhook", "base_url": f"https://hooks.slack.com/services/{ERP_TOKEN}"})
    assert webhook.shown_url == f"https://hooks.slack.com/{MASK}"
    assert ERP_TOKEN not in repr(webhook)
    assert right(HTTP).shown_url == f"https://erp.example.com/{MASK}"
    assert right(HTTP | {"auth": {"type": "none"}}).shown_url == f"https://erp.example.com/{MASK}"
    assert right(HTTP | {"base_url": "https://erp.example.com"}).shown_url == "https://erp.example.com"
    with_token = HTTP | {"auth": {"type": "bearer", "token": ERP_TOKEN}}
    assert right(with_token).shown_url == "https://erp.example.com/api"
    assert right(ZENDESK).shown_url == "https://acme.zendesk.com"


def test_the_base_url_is_built_of_settings_that_cannot_leave_the_vendors_host() -> None:
    assert right(ZENDESK).base_url == "https://acme.zendesk.com"
    for subdomain in ("evil.com/", "a.b", "a@b", "", "A", "x" * 64):
        assert compiled(ZENDESK | {"subdomain": subdomain}) == (None, [("BR104", "subdomain")])


def test_a_slash_at_the_end_of_the_base_url_is_dropped() -> None:
    assert right(HTTP).base_url == "https://erp.example.com/api"


@pytest.mark.parametrize(
    "base_url",
    [
        "http://erp.example.com",
        "erp.example.com",
        "ftp://erp.example.com",
        "https://",
        "https://user:pass@erp.example.com",
        "https://erp.example.com/?a=1",
        "https://erp.example.com/#x",
        "https://erp.example.com:99999",
        "https://[::1",
        "https://erp.example.com:0",
    ],
)
def test_a_base_url_that_cannot_be_meant_is_refused(base_url: str) -> None:
    assert compiled(HTTP | {"base_url": base_url}) == (None, [("BR104", "base_url")])


def test_plain_http_needs_the_word_of_the_operator() -> None:
    private = {"base_url": "http://10.0.0.7:8000", "allow_private_addresses": True}
    assert right(HTTP | private).base_url == "http://10.0.0.7:8000"


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        ({"connector": "hubspot"}, [("BR101", None)]),
        ({"connector": "hubspot", "token": HUBSPOT_TOKEN, "api_versoin": "v3"}, [("BR102", "api_versoin")]),
        ({"connector": "hubspot", "token": HUBSPOT_TOKEN, "api_version": "latest"}, [("BR104", "api_version")]),
        ({"connector": "hubspot", "token": 5}, [("BR104", "token")]),
        ({"connector": "zendesk", "subdomain": "acme", "client_id": "bridge"}, [("BR101", None)]),
        ({"connector": "http"}, [("BR101", None)]),
        (HTTP | {"auth": {"type": "bearer"}}, [("BR101", "auth")]),
        (HTTP | {"auth": {"type": "magic"}}, [("BR104", "auth")]),
        (HTTP | {"auth": {"type": "header", "name": "X\r\nY", "value": "v"}}, [("BR104", "auth")]),
        (HTTP | {"auth": "token"}, [("BR104", "auth")]),
    ],
)
def test_what_is_wrong_is_told_with_its_key(data: dict[str, Any], problems: list[tuple[str, str | None]]) -> None:
    destination, found = compiled(data)
    assert destination is None
    assert found == problems


def test_problems_never_hold_a_secret() -> None:
    shape = DestinationShape.model_validate({"connector": "hubspot", "token": HUBSPOT_TOKEN, "tokn": HUBSPOT_TOKEN})
    _, problems = compile_destination("d", shape, shipped("hubspot"))
    assert problems
    assert HUBSPOT_TOKEN not in repr(problems)


def test_a_legacy_credential_works_with_a_warning() -> None:
    data = {"connector": "zendesk", "subdomain": "acme", "email": "a@example.com", "api_token": ZENDESK_SECRET}
    destination, problems = compiled(data)
    assert destination is not None
    assert problems == [("BR404", None)]
    assert destination.auth.mode == "basic"


REFRESH = "refresh-canary-token"
HUBSPOT_APP = {"connector": "hubspot", "client_id": "app", "client_secret": ERP_TOKEN, "refresh_token": REFRESH}


@pytest.mark.parametrize(
    ("data", "mode", "grant", "rotates"),
    [
        ({"connector": "hubspot", "token": HUBSPOT_TOKEN}, "bearer", None, None),
        (HUBSPOT_APP, "oauth", "refresh_token", "refresh_token"),
        (HUBSPOT_APP | {"token": HUBSPOT_TOKEN}, "bearer", None, None),
        (ZENDESK, "oauth", "client_credentials", None),
        (ZENDESK | {"refresh_token": REFRESH}, "oauth", "refresh_token", "refresh_token"),
        (ZENDESK | {"email": "a@example.com", "api_token": ERP_TOKEN}, "oauth", "client_credentials", None),
    ],
)
def test_the_way_in_is_the_first_that_the_settings_allow(
    data: dict[str, Any], mode: str, grant: str | None, rotates: str | None
) -> None:
    destination = right(data)
    auth = destination.auth
    assert (auth.mode, auth.fields.get("grant_type"), auth.rotates) == (mode, grant, rotates)
    assert REFRESH not in repr(destination)


def test_hubspots_token_endpoint_follows_the_version_setting() -> None:
    for version in ("2026-03", "v3"):
        destination = right(HUBSPOT_APP | {"api_version": version})
        path = compile_template(destination.auth.path or "").render_path({"settings": destination.all_settings})
        assert path == f"/oauth/{version}/token"
        assert destination.auth.body == "form"


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "refresh_token"])
def test_half_an_oauth_app_is_no_credential(missing: str) -> None:
    half = {name: value for name, value in HUBSPOT_APP.items() if name != missing}
    assert compiled(half) == (None, [("BR101", None)])


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (ZENDESK, "Authorization"),
        (HTTP, None),
        (HTTP | {"auth": {"type": "none"}}, None),
        (HTTP | {"auth": {"type": "bearer", "token": ERP_TOKEN}}, "Authorization"),
        (HTTP | {"auth": {"type": "header", "name": "X-Api-Key", "value": ERP_TOKEN}}, "X-Api-Key"),
    ],
)
def test_the_header_of_the_credential_is_known_so_that_it_can_be_masked(
    data: dict[str, Any], header: str | None
) -> None:
    assert right(data).credential_header == header


def test_the_default_retries_are_those_of_the_contract() -> None:
    destination = right(ZENDESK)
    assert destination.schedule_ms == DEFAULT_SCHEDULE_MS
    assert [wait // 1000 for wait in DEFAULT_SCHEDULE_MS] == [2, 10, 60, 300, 900, 3600, 7200, 14400, 28800, 28800]
    assert destination.horizon_ms == 24 * 3_600_000


@pytest.mark.parametrize(
    "common",
    [
        {"timeout": "0s"},
        {"concurrency": 0},
        {"retry": {"schedule": []}},
        {"retry": {"schedule": ["0s"]}},
        {"retry": {"tries": 3}},
        {"timeout": 10},
    ],
)
def test_common_keys_have_limits(common: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DestinationShape.model_validate(ZENDESK | common)


def test_hosts_of_files_are_named_and_their_size_is_bounded() -> None:
    assert right(ZENDESK).fetch.hosts == ()
    given = right(
        {**ZENDESK, "fetch": {"hosts": ["Media.example.com", "*.example.org", "127.0.0.1:80"], "max": "5MiB"}}
    )
    assert given.fetch.hosts == ("media.example.com", "*.example.org", "127.0.0.1:80")
    assert given.fetch.max == 5 * 1024 * 1024


@pytest.mark.parametrize(
    "fetch",
    [{"hosts": ["https://media.example.com"]}, {"hosts": ["*"]}, {"hosts": ["a/b"]}, {"max": "1GiB"}, {"host": ["a"]}],
)
def test_what_is_no_host_of_files_is_refused(fetch: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DestinationShape.model_validate({**ZENDESK, "fetch": fetch})
