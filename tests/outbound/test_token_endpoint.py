"""Tokens from an endpoint on another host, in the forms and with the proofs that vendors ask for."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from bridge.clock import ManualClock
from bridge.connectors.destination import Destination, DestinationShape, compile_destination
from bridge.connectors.request import OutboundRequest
from bridge.model import Outcome
from bridge.outbound.credentials import TokenRefused
from bridge.outbound.outlet import Outlet
from bridge.outbound.token_endpoint import DEFAULT_LIFETIME_S, Question
from tests.canaries import ERP_TOKEN, ZENDESK_SECRET
from tests.connectors.builders import loaded
from tests.outbound.conftest import destination as shipped_destination

CONNECTOR = """
    name: own
    title: Own
    doc: An API whose tokens come from elsewhere
    settings:
      login_url: {{type: text, required: true, doc: Where tokens come from}}
      secret: {{type: secret, doc: A secret}}
      key: {{type: secret, doc: A private key}}
      scope: {{type: text, doc: A scope}}
    base_url: https://api.example.com
    auth: [{auth}]
    operations:
      things.get:
        doc: Read
        repeat: upsert
        request: {{method: GET, path: /things}}
        sample: {{params: {{}}, status: 200, json: {{}}}}
"""
CREDENTIALS = """{
    mode: oauth, needs: [secret], path: "{{ settings.login_url }}/acme/token", body: form,
    fields: {grant_type: client_credentials, client_id: bridge, client_secret: "{{ settings.secret }}",
             scope: "{{ settings.scope | default('') }}"}}"""
ASSERTED = """{
    mode: oauth, needs: [key], path: "{{ settings.login_url }}/acme/token", body: form,
    fields: {grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer"},
    assertion: {key: "{{ settings.key }}", claims: {iss: bridge, sub: robot@example.com, aud: "https://login.example.com"}}}"""


class Endpoint:
    """Gives a token for whatever it is asked, or what `answer` says."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: tuple[int, object] | None = None

    async def token(self, request: web.Request) -> web.Response:
        is_json = request.content_type == "application/json"
        given = await request.json() if is_json else await request.post()
        self.asked.append({str(name): str(value) for name, value in given.items()})
        self.headers.append(dict(request.headers))
        granted = {"access_token": f"at-{len(self.asked)}", "expires_in": 3600}
        status, body = self.answer or (200, granted)
        return web.json_response(body, status=status)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/acme/token", made.token)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


def destination(folder: Path, auth: str, **settings: Any) -> Destination:
    connector = loaded(folder, CONNECTOR.format(auth=auth)).connector
    assert connector is not None
    shape = DestinationShape.model_validate({"connector": "own", "allow_private_addresses": True, **settings})
    compiled, problems = compile_destination("crm", shape, connector)
    assert compiled is not None, problems
    return compiled


@asynccontextmanager
async def outlet_of(made: Destination, clock: ManualClock) -> AsyncIterator[Outlet]:
    outlet = Outlet(made, clock)
    try:
        yield outlet
    finally:
        await outlet.close()


def pem(private: Any = None, encryption: KeySerializationEncryption | None = None) -> str:
    key = private or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


# --- another host --------------------------------------------------------------------------------------------------


async def test_a_token_comes_from_another_host_and_is_asked_for_once_by_all_who_wait(
    endpoint: Endpoint, tmp_path: Path, clock: ManualClock
) -> None:
    made = destination(tmp_path, CREDENTIALS, login_url=endpoint.url, secret=ZENDESK_SECRET)
    async with outlet_of(made, clock) as outlet:
        headers = await asyncio.gather(*(outlet.credentials.headers() for _ in range(20)))
        assert {header["Authorization"] for header in headers} == {"Bearer at-1"}
        await outlet.credentials.refresh(outlet.credentials.version)
        assert (await outlet.credentials.headers())["Authorization"] == "Bearer at-2"
    asked = {"grant_type": "client_credentials", "client_id": "bridge", "client_secret": ZENDESK_SECRET}
    assert endpoint.asked == [asked, asked]


async def test_no_other_address_of_that_host_is_asked(endpoint: Endpoint, tmp_path: Path, clock: ManualClock) -> None:
    made = destination(tmp_path, CREDENTIALS, login_url=endpoint.url, secret=ZENDESK_SECRET)
    async with outlet_of(made, clock) as outlet:
        answer = await outlet.client.send(OutboundRequest("GET", f"{endpoint.url}/acme/page2"), {})
    assert (answer.status, answer.trouble) == (None, "address")


@pytest.mark.parametrize("url", ["http://login.example.com", "https://user@login.example.com", "https:///"])
def test_an_address_that_may_not_be_asked_is_found_by_check(tmp_path: Path, url: str) -> None:
    connector = loaded(tmp_path, CONNECTOR.format(auth=CREDENTIALS)).connector
    assert connector is not None
    shape = DestinationShape.model_validate({"connector": "own", "login_url": url, "secret": ZENDESK_SECRET})
    compiled, [problem] = compile_destination("crm", shape, connector)
    assert (compiled, problem.code, problem.key) == (None, "BR104", "login_url")


async def test_a_private_address_of_the_endpoint_is_refused_like_one_of_the_api(
    endpoint: Endpoint, tmp_path: Path, clock: ManualClock
) -> None:
    url = endpoint.url.replace("http://", "https://")
    made = destination(tmp_path, CREDENTIALS, login_url=url, secret=ZENDESK_SECRET, allow_private_addresses=False)
    async with outlet_of(made, clock) as outlet:
        with pytest.raises(TokenRefused) as caught:
            await outlet.credentials.headers()
    assert (caught.value.code, endpoint.asked) == ("address", [])


# --- forms of the question and of the header -----------------------------------------------------------------------


async def test_json_basic_login_scheme_and_header_are_as_the_file_says(
    endpoint: Endpoint, tmp_path: Path, clock: ManualClock
) -> None:
    auth = """{
        mode: oauth, needs: [secret], path: "{{ settings.login_url }}/acme/token", scheme: Zoho-oauthtoken,
        header: X-Token, username: bridge, password: "{{ settings.secret }}",
        fields: {grant_type: client_credentials, scope: "{{ settings.scope }}"}}"""
    made = destination(tmp_path, auth, login_url=endpoint.url, secret=ERP_TOKEN, scope="a b")
    async with outlet_of(made, clock) as outlet:
        assert await outlet.credentials.headers() == {"X-Token": "Zoho-oauthtoken at-1"}
    assert made.credential_header == "X-Token"
    assert endpoint.asked == [{"grant_type": "client_credentials", "scope": "a b"}]
    [headers] = endpoint.headers
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"bridge:{ERP_TOKEN}".encode()).decode()


async def test_a_token_that_never_changes_has_its_scheme_and_header_too(tmp_path: Path, clock: ManualClock) -> None:
    auth = '{mode: bearer, needs: [secret], token: "{{ settings.secret }}", scheme: Token, header: X-Auth}'
    made = destination(tmp_path, auth, login_url="https://login.example.com", secret=ERP_TOKEN)
    async with outlet_of(made, clock) as outlet:
        assert await outlet.credentials.headers() == {"X-Auth": f"Token {ERP_TOKEN}"}


@pytest.mark.parametrize(
    ("expires_in", "lifetime", "used_s"),
    [(None, None, DEFAULT_LIFETIME_S), (None, "2h", 7_200), ("3599", "2h", 3_599), (3_600, "2h", 3_600)],
)
async def test_a_token_is_used_as_long_as_the_answer_says_else_the_file_else_half_an_hour(
    endpoint: Endpoint, tmp_path: Path, clock: ManualClock, expires_in: object, lifetime: str | None, used_s: int
) -> None:
    endpoint.answer = (200, {"access_token": "at", "expires_in": expires_in})
    auth = CREDENTIALS if lifetime is None else CREDENTIALS.replace("body: form", f"body: form, lifetime: {lifetime}")
    made = destination(tmp_path, auth, login_url=endpoint.url, secret=ZENDESK_SECRET)
    async with outlet_of(made, clock) as outlet:
        await outlet.credentials.headers()
        clock.advance((used_s - 60) * 1000 - 1)
        await outlet.credentials.headers()
        assert len(endpoint.asked) == 1
        clock.advance(1)
        await outlet.credentials.headers()
        assert len(endpoint.asked) == 2


@pytest.mark.parametrize("status", [200, 400])
async def test_a_refusal_is_one_for_a_person_also_when_it_comes_with_200(
    endpoint: Endpoint, tmp_path: Path, clock: ManualClock, status: int
) -> None:
    endpoint.answer = (status, {"error": "invalid_client"})
    made = destination(tmp_path, CREDENTIALS, login_url=endpoint.url, secret=ZENDESK_SECRET)
    async with outlet_of(made, clock) as outlet:
        with pytest.raises(TokenRefused) as caught:
            await outlet.credentials.headers()
    assert caught.value.outcome is Outcome.UNAUTHORIZED


# --- assertions ----------------------------------------------------------------------------------------------------


async def test_an_assertion_is_signed_anew_for_each_question(
    endpoint: Endpoint, tmp_path: Path, clock: ManualClock
) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = destination(tmp_path, ASSERTED, login_url=endpoint.url, key=pem(private))
    async with outlet_of(made, clock) as outlet:
        assert await outlet.credentials.headers() == {"Authorization": "Bearer at-1"}
        clock.advance(10_000)
        await outlet.credentials.refresh(1)
    said = [
        jwt.decode(
            asked["assertion"],
            private.public_key(),
            algorithms=["RS256"],
            audience="https://login.example.com",
            options={"verify_exp": False, "verify_iat": False},
        )
        for asked in endpoint.asked
    ]
    assert [each["iss"] for each in said] == ["bridge", "bridge"]
    assert said[0]["sub"] == "robot@example.com"
    assert [each["exp"] - each["iat"] for each in said] == [180, 180]
    assert said[1]["iat"] - said[0]["iat"] == 10
    assert [asked["grant_type"] for asked in endpoint.asked] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"] * 2


async def test_a_reload_with_the_same_key_keeps_the_token_and_one_with_another_does_not(
    endpoint: Endpoint, tmp_path: Path, clock: ManualClock
) -> None:
    one, other = pem(), pem()
    settings = [{"login_url": endpoint.url, "key": key} for key in (one, one, other)]
    first, same, new = (Outlet(destination(tmp_path, ASSERTED, **each), clock) for each in settings)
    await first.credentials.headers()
    same.succeed(first)
    assert await same.credentials.headers() == {"Authorization": "Bearer at-1"}
    new.succeed(same)
    assert await new.credentials.headers() == {"Authorization": "Bearer at-2"}
    for outlet in (first, same, new):
        await outlet.close()


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("not a key", "it is no private key in PEM form"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "it is no RSA key"),
        (pem(encryption=BestAvailableEncryption(b"word")), "it is encrypted with a password"),
    ],
    ids=["text", "elliptic", "encrypted"],  # keys are made anew in each process
)
def test_a_private_key_that_cannot_sign_is_found_by_check_and_never_shown(tmp_path: Path, key: str, why: str) -> None:
    connector = loaded(tmp_path, CONNECTOR.format(auth=ASSERTED)).connector
    assert connector is not None
    shape = DestinationShape.model_validate({"connector": "own", "login_url": "https://login.example.com", "key": key})
    compiled, [problem] = compile_destination("crm", shape, connector)
    assert (compiled, problem.key, problem.message) == (None, "key", f"the private key cannot be used: {why}")


async def test_neither_the_key_nor_the_assertion_shows_in_any_repr(
    endpoint: Endpoint, tmp_path: Path, clock: ManualClock
) -> None:
    key = pem()
    made = destination(tmp_path, ASSERTED, login_url=endpoint.url, key=key)
    endpoint.answer = (400, {"error": "invalid_grant"})
    async with outlet_of(made, clock) as outlet:
        with pytest.raises(TokenRefused) as caught:
            await outlet.credentials.headers()
        shown = " ".join(repr(each) for each in (made, outlet, outlet.credentials, caught.value))
    [asked] = endpoint.asked
    for secret in (asked["assertion"], key.splitlines()[1]):
        assert secret not in shown


# --- what the shipped connectors ask -------------------------------------------------------------------------------

APP = {"client_id": "c-1", "client_secret": ZENDESK_SECRET}
ENTRA = "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token"
DATAVERSE = "https://acme.crm4.dynamics.com/.default"


@pytest.mark.parametrize(
    ("connector", "settings", "url", "fields"),
    [
        ("salesforce", {"my_domain": "acme", **APP}, "/services/oauth2/token", {"grant_type": "client_credentials"}),
        (
            "salesforce",
            {"my_domain": "acme", **APP, "refresh_token": ERP_TOKEN},
            "/services/oauth2/token",
            {"grant_type": "refresh_token", "refresh_token": ERP_TOKEN},
        ),
        (
            "dynamics",
            {"org": "acme", "region": "crm4", "tenant": "acme.example", **APP},
            ENTRA,
            {"grant_type": "client_credentials", "scope": DATAVERSE},
        ),
        ("servicenow", {"instance": "acme", **APP}, "/oauth_token.do", {"grant_type": "client_credentials"}),
        *(
            (
                "zoho-crm",
                {"region": region, **APP, "refresh_token": ERP_TOKEN},
                f"https://{host}/oauth/v2/token",
                {"grant_type": "refresh_token", "refresh_token": ERP_TOKEN},
            )
            for region, host in (
                ("com", "accounts.zoho.com"),
                ("com.au", "accounts.zoho.com.au"),
                ("ca", "accounts.zohocloud.ca"),
            )
        ),
    ],
)
def test_the_shipped_connectors_ask_their_vendors_in_a_form(
    connector: str, settings: dict[str, str], url: str, fields: dict[str, str]
) -> None:
    made = shipped_destination(connector, allow_private_addresses=False, **settings)
    request = Question.of(made, made.all_settings).request(0)
    assert request.url == url
    assert dict(parse_qsl(request.body.decode())) == {**APP, **fields}
    assert made.token_url == (url if url.startswith("https://") else None)


def test_salesforces_assertion_speaks_for_a_user_and_needs_no_secret() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    settings = {"my_domain": "acme", "client_id": "c-1", "username": "robot@example.com", "private_key": pem(private)}
    made = shipped_destination("salesforce", **settings)
    request = Question.of(made, made.all_settings).request(1_780_369_300_000)
    asked = dict(parse_qsl(request.body.decode()))
    assert asked.keys() == {"grant_type", "assertion"}
    said = jwt.decode(asked["assertion"], options={"verify_signature": False})
    assert said == {
        "iss": "c-1",
        "sub": "robot@example.com",
        "aud": "https://login.salesforce.com",
        "iat": 1_780_369_300,
        "exp": 1_780_369_480,
    }
