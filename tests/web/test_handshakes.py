"""Handshakes against a real server: every sender, windows, repeats, strangers, and what has to be durable first."""

import asyncio
import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from yarl import URL

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.engine.confirmations import PREFIX
from bridge.engine.handshakes import Handshaking
from bridge.engine.lines import LINES
from bridge.errors import StoreFailed, StoreUnavailable
from bridge.outbound.outside import Outside
from bridge.store.sqlite import SqliteStore
from bridge.web.handshakes import Greeter
from tests.canaries import ORDERS_SECRET
from tests.conftest import log_text
from tests.sources.key_pairs import certificate, rsa_key
from tests.sources.proofs.test_notification import TOPIC as NOTIFIED_TOPIC
from tests.sources.proofs.test_notification import URL as CERTIFICATE_URL
from tests.sources.proofs.test_notification import notified
from tests.sources.shaking import BLOCKS, HOOK_SECRET, NOTION_TOKEN, SUBSCRIBE_URL, TOPIC, VERIFY_TOKEN, shaking
from tests.web.conftest import Doors

SCRIPT = "<script>alert(1)</script>"
OTHER_SECRET = "0f3ad9ab1c9d6bb1e7c2a5d3f8e4c6b7a1b2c3d4e5f60718293a4b5c6d7e8f90"
MINUTE = 60_000


@dataclass(frozen=True)
class Heard:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


@dataclass
class Calls:
    """Where our client would go: what it was asked, and what it is answered."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    def client(self, _origin: str) -> "Calls":
        return self

    async def send(
        self, request: OutboundRequest, credentials: Mapping[str, str], *, timeout_ms: int | None = None
    ) -> Answer:
        assert (request.method, dict(credentials), timeout_ms) == ("GET", {}, None)
        self.asked.append(request.url)
        self.was_asked.set()
        await self.may_answer.wait()
        return self.answers.pop(0) if self.answers else Answer(200, {}, b"<xml/>")

    async def close(self) -> None:
        """Nothing is open."""


class Hall:
    """The public listener of a bridge with one source for each sender."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.world = doors.world
        self.engine = doors.world.engine
        self.calls = Calls()
        self.calls.may_answer.set()
        present = self.engine.present
        sources = {name: shaking(name) for name in BLOCKS}
        present.configuration = replace(present.configuration, sources={**present.configuration.sources, **sources})
        self.restart_parts()

    def restart_parts(self) -> None:
        """What a new process would have in memory: nothing."""
        self.engine.handshaking = Handshaking.over(
            self.engine.store, self.engine.present, self.world.clock, Outside(self.calls.client)
        )
        self.doors.ingest._greeter = Greeter(self.engine.handshaking, failed=self.world.failures.append)

    async def ask(self, method: str, name: str, **more: Any) -> Heard:
        query = "&".join(f"{key}={value}" for key, value in more.pop("query", ()))
        url = URL(f"{self.doors.public}/hooks/{name}" + (f"?{query}" if query else ""), encoded=True)
        async with self.doors.session.request(method, url, allow_redirects=False, **more) as got:
            return Heard(got.status, got.headers, await got.read())

    async def post(self, name: str, body: Any, *, secret: str | None = ORDERS_SECRET, **headers: str) -> Heard:
        """JSON, signed unless there is no secret."""
        raw = json.dumps(body).encode()
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        if secret is not None:
            given["X-Signature"] = hmac.new(secret.encode(), raw, "sha256").hexdigest()
        return await self.ask("POST", name, data=raw, headers=given)

    async def shake(self, secret: str = HOOK_SECRET) -> Heard:
        """Asana's first request."""
        return await self.post("asana", {}, secret=None, X_Hook_Secret=secret)

    async def open(self, name: str = "asana", length: str = "10m") -> None:
        await self.world.console.open_window(name, length)

    async def stored(self) -> int:
        return (await self.world.store.store.books()).accepted


@pytest.fixture
async def hall(doors: Doors) -> Hall:
    return Hall(doors)


def mac(text: str) -> bytes:
    return hmac.digest(ORDERS_SECRET.encode(), text.encode(), "sha256")


def is_safe(heard: Heard) -> bool:
    return (
        heard.headers["X-Content-Type-Options"] == "nosniff"
        and "sandbox" in heard.headers["Content-Security-Policy"]
        and heard.headers["Cache-Control"] == "no-store"
    )


def is_text(heard: Heard) -> bool:
    return heard.headers["Content-Type"] == "text/plain; charset=utf-8" and is_safe(heard)


# --- each sender -----------------------------------------------------------------------------------------------------


async def test_slack(hall: Hall) -> None:
    body = {"type": "url_verification", "challenge": "3eZbrw1aB10FEMAGAZd4"}
    heard = await hall.post("slack", body)
    assert (heard.status, heard.body, is_text(heard)) == (200, b"3eZbrw1aB10FEMAGAZd4", True)
    assert (await hall.post("slack", body, secret="another-secret-0123456789")).status == 401
    assert (await hall.post("slack", body, secret=None)).status == 401
    assert await hall.stored() == 0


def hub(**changed: str) -> list[tuple[str, str]]:
    given = {"mode": "subscribe", "challenge": "1158201444", "verify_token": VERIFY_TOKEN} | changed
    return [(f"hub.{name}", value) for name, value in given.items()]


async def test_meta(hall: Hall) -> None:
    heard = await hall.ask("GET", "meta", query=hub())
    assert (heard.status, heard.body, is_text(heard)) == (200, b"1158201444", True)
    wrong = await hall.ask("GET", "meta", query=hub(verify_token="another-word"))
    assert (wrong.status, wrong.code) == (403, "verify_token")
    assert VERIFY_TOKEN.encode() not in wrong.body
    twice = await hall.ask("GET", "meta", query=[*hub(), ("hub.verify_token", "x")])
    assert (twice.status, twice.code) == (400, "handshake_repeated")
    assert (await hall.ask("GET", "meta")).status == 403
    assert (await hall.ask("HEAD", "meta", query=hub())).status == 405


async def test_zoom(hall: Hall) -> None:
    body = {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}
    heard = await hall.post("zoom", body)
    assert (heard.status, is_safe(heard)) == (200, True)
    assert heard.json == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": mac("qgg8vlvZRS6UYooatFL8Aw").hex()}
    assert (await hall.post("zoom", body, secret=None)).status == 401


async def test_graph(hall: Hall) -> None:
    heard = await hall.ask(
        "POST",
        "graph",
        query=[("validationToken", "Validation%3a+Testing+a%2fb")],
        headers={"Content-Type": "text/plain"},
    )
    assert (heard.status, heard.body, is_text(heard)) == (200, b"Validation: Testing a/b", True)


async def test_x(hall: Hall) -> None:
    heard = await hall.ask("GET", "x", query=[("crc_token", "dG9rZW4"), ("nonce", "n")])
    assert heard.json == {"response_token": "sha256=" + base64.b64encode(mac("dG9rZW4")).decode()}
    forged = await hall.ask("GET", "x", query=[("crc_token", "%7B%22type%22:%22a%22%7D")])
    assert (forged.status, forged.code) == (400, "handshake_value")


async def test_dropbox(hall: Hall) -> None:
    heard = await hall.ask("GET", "dropbox", query=[("challenge", "abc")])
    assert (heard.status, heard.body, is_text(heard)) == (200, b"abc", True)


async def test_discord(hall: Hall) -> None:
    assert (await hall.post("discord", {"type": 1})).json == {"type": 1}
    assert (await hall.post("discord", {"type": 1}, secret="another-secret-0123456789")).status == 401
    pong = await hall.post("discord-events", {"type": 0})
    assert (pong.status, pong.body, "Content-Type" in pong.headers) == (204, b"", False)
    assert (await hall.post("discord-events", {"type": 0}, secret=None)).status == 401
    assert await hall.stored() == 0


async def test_mailchimp_mandrill_and_trello(hall: Hall) -> None:
    assert (await hall.ask("GET", "mailchimp")).status == 200
    assert (await hall.ask("HEAD", "mandrill")).status == 200
    assert await hall.stored() == 0


async def test_monday(hall: Hall) -> None:
    heard = await hall.post("monday", {"challenge": "3eZbrw1a"}, secret=None)
    assert (heard.status, heard.json, is_safe(heard)) == (200, {"challenge": "3eZbrw1a"}, True)


async def test_okta(hall: Hall) -> None:
    heard = await hall.ask("GET", "okta", headers={"X-Okta-Verification-Challenge": "0gjW6e"})
    assert (heard.status, heard.json) == (200, {"verification": "0gjW6e"})


async def test_adobe(hall: Hall) -> None:
    heard = await hall.ask("GET", "adobe", headers={"X-AdobeSign-ClientId": "CBJ"})
    assert (heard.status, heard.headers["X-AdobeSign-ClientId"]) == (200, "CBJ")
    assert await hall.stored() == 0
    event = await hall.post("adobe", {"type": "AGREEMENT_CREATED"}, X_AdobeSign_ClientId="CBJ")
    assert (event.status, event.headers["X-AdobeSign-ClientId"]) == (200, "CBJ")
    assert await hall.stored() == 1
    refused = await hall.post("adobe", {"type": "A"}, secret=None, X_AdobeSign_ClientId="CBJ")
    assert (refused.status, "X-AdobeSign-ClientId" in refused.headers) == (401, False)


async def test_ringcentral(hall: Hall) -> None:
    heard = await hall.ask("POST", "ringcentral", headers={"Validation-Token": "9ba5bcb5"})
    assert (heard.status, heard.headers["Validation-Token"], heard.body) == (200, "9ba5bcb5", b"")


async def test_xero(hall: Hall) -> None:
    intent = {"events": [], "firstEventSequence": 0, "lastEventSequence": 0}
    right = await hall.post("xero", intent)
    assert (right.status, right.body) == (200, b"")
    wrong = await hall.post("xero", intent, secret="another-secret-0123456789")
    assert (wrong.status, wrong.body) == (401, b"")
    event = await hall.post("xero", {"type": "a", "firstEventSequence": 1})
    assert (event.status, event.body) == (200, b"")
    assert await hall.stored() == 1


# --- strangers -------------------------------------------------------------------------------------------------------


async def test_other_methods_are_405_with_those_that_are_taken(hall: Hall) -> None:
    for name in ("none", "slack", "meta", "mandrill", "adobe"):
        source = hall.engine.present.configuration.sources[name]
        for method in ("GET", "HEAD", "PUT", "OPTIONS", "DELETE"):
            heard = await hall.ask(method, name)
            if method in source.methods:
                assert heard.status != 405
            else:
                assert (heard.status, heard.headers["Allow"]) == (405, ", ".join(source.methods))


async def test_a_script_comes_back_only_where_it_is_asked_for_and_never_as_a_page(hall: Hall) -> None:
    said = []
    challenge = json.dumps({"type": "url_verification", "challenge": SCRIPT}).encode()
    for name in BLOCKS:
        for method in ("GET", "POST"):
            heard = await hall.ask(
                method,
                name,
                query=[(key, SCRIPT) for key in ("challenge", "crc_token", "validationToken", "hub.challenge", "a")],
                data=challenge if method == "POST" else None,
                headers={"Validation-Token": "x", "Referer": SCRIPT},
            )
            assert heard.status < 500
            assert heard.headers["X-Content-Type-Options"] == "nosniff"
            assert "html" not in heard.headers.get("Content-Type", "")
            if SCRIPT.encode() in heard.body:
                assert is_safe(heard)
                said.append((name, method, heard.headers["Content-Type"].partition(";")[0]))
    assert said == [
        ("graph", "POST", "text/plain"),
        ("dropbox", "GET", "text/plain"),
        ("monday", "POST", "application/json"),
    ]


async def test_a_header_cannot_be_split(hall: Hall) -> None:
    raw = await hall.doors.say(
        b"POST /hooks/ringcentral HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nValidation-Token: a\tb\r\n\r\n"
    )
    assert raw.startswith(b"HTTP/1.1 400")
    assert b"a\tb" not in raw


async def test_a_flood_of_strangers_handshakes_takes_nothing_from_the_sender(hall: Hall) -> None:
    heard = [await hall.ask("GET", "dropbox", query=[("challenge", "a")]) for _ in range(320)]
    assert {each.status for each in heard} == {200, 429}
    assert heard[-1].code == "too_many_unproven"
    assert (await hall.post("dropbox", {"type": "event"})).status == 200


async def test_a_flood_of_handshakes_writes_five_lines(hall: Hall) -> None:
    with capture_logs() as logs:
        for _ in range(50):
            assert (await hall.ask("GET", "dropbox", query=[("challenge", "a")])).status == 200
        hall.doors.ingest._reports.close()
    assert [line["event"] for line in logs].count("handshake.answered") == LINES
    assert [(line["code"], line["lines"]) for line in logs if line["event"] == "hook.left_out"] == [
        ("echo_query", 50 - LINES)
    ]


# --- secrets that senders bring --------------------------------------------------------------------------------------


async def signed_event(hall: Hall, secret: str) -> Heard:
    return await hall.post("asana", {"type": "task", "n": secret[:4]}, secret=secret)


async def test_without_a_window_a_secret_is_refused_and_nothing_is_kept(hall: Hall) -> None:
    heard = await hall.shake()
    assert (heard.status, heard.code, "X-Hook-Secret" in heard.headers) == (403, "window_closed", False)
    assert HOOK_SECRET.encode() not in heard.body
    assert await hall.engine.store.learned() == {}
    refused = await signed_event(hall, HOOK_SECRET)
    assert (refused.status, refused.code) == (401, "no_secret")


async def test_in_a_window_asana_brings_its_secret_and_signs_with_it(hall: Hall) -> None:
    await hall.open()
    heard = await hall.shake()
    assert (heard.status, heard.headers["X-Hook-Secret"], heard.body) == (200, HOOK_SECRET, b"")
    assert (await signed_event(hall, HOOK_SECRET)).status == 200
    assert (await signed_event(hall, OTHER_SECRET)).status == 401
    assert await hall.stored() == 1


async def test_in_a_window_notion_brings_its_token_and_signs_with_it(hall: Hall) -> None:
    await hall.open("notion")
    heard = await hall.post("notion", {"verification_token": NOTION_TOKEN}, secret=None)
    assert heard.status == 200
    assert NOTION_TOKEN.encode() not in heard.body
    assert (await hall.post("notion", {"type": "page.created"}, secret=NOTION_TOKEN)).status == 200
    shown = await hall.world.console.show_secret("notion")
    assert shown["secret"] == NOTION_TOKEN


async def test_a_window_is_used_once(hall: Hall) -> None:
    await hall.open()
    assert (await hall.shake()).status == 200
    second = await hall.shake(OTHER_SECRET)
    assert (second.status, second.code) == (403, "window_closed")
    assert (await signed_event(hall, OTHER_SECRET)).status == 401


async def test_of_two_at_once_one_is_taken(hall: Hall) -> None:
    await hall.open()
    heard = await asyncio.gather(hall.shake(), hall.shake(OTHER_SECRET))
    assert sorted(each.status for each in heard) == [200, 403]
    [taken] = (each.headers["X-Hook-Secret"] for each in heard if each.status == 200)
    assert {(await signed_event(hall, secret)).status: secret for secret in (HOOK_SECRET, OTHER_SECRET)}[200] == taken


async def test_a_window_ends_at_its_time(hall: Hall) -> None:
    await hall.open(length="10m")
    hall.world.clock.advance(10 * MINUTE)
    assert (await hall.shake()).status == 403
    await hall.open(length="10m")
    hall.world.clock.advance(10 * MINUTE - 1)
    assert (await hall.shake()).status == 200


async def test_a_closed_window_is_closed(hall: Hall) -> None:
    await hall.open()
    assert (await hall.world.console.close_window("asana"))["was_open"] is True
    assert (await hall.shake()).status == 403
    assert (await hall.world.console.close_window("asana"))["was_open"] is False


async def test_a_window_of_one_source_is_none_of_another(hall: Hall) -> None:
    await hall.open("notion")
    assert (await hall.shake()).status == 403


async def test_who_repeats_what_was_learned_hears_the_same_again(hall: Hall) -> None:
    """The answer was lost: a crash, or a cut connection, between the commit and the 200."""
    await hall.open()
    await hall.engine.store.learn("asana", HOOK_SECRET, now_ms=hall.world.clock.now_ms(), most=8)
    hall.restart_parts()
    hall.engine.present.learned = {}
    await hall.engine.handshaking.secrets.restore()
    heard = await hall.shake()
    assert (heard.status, heard.headers["X-Hook-Secret"]) == (200, HOOK_SECRET)
    assert (await signed_event(hall, HOOK_SECRET)).status == 200
    assert len((await hall.engine.store.learned())["asana"].secrets) == 1


async def test_a_stranger_before_a_closed_window_costs_no_commit(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SqliteStore, "learn")
    assert (await hall.shake()).status == 403


async def test_the_answer_waits_for_the_commit(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    store = hall.world.store.store
    before: list[int] = []
    learn = store.learn

    async def watched(*given: Any, **named: Any) -> Any:
        before.append(store.commits)
        result = await learn(*given, **named)
        before.append(store.commits)
        return result

    monkeypatch.setattr(store, "learn", watched)
    await hall.open()
    assert (await hall.shake()).status == 200
    assert before[1] == before[0] + 1


@pytest.mark.parametrize("error", [StoreUnavailable("busy"), StoreFailed("broken")])
async def test_what_cannot_be_kept_is_not_acknowledged(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def refuse(*_given: Any, **_named: Any) -> Any:
        raise error

    await hall.open()
    monkeypatch.setattr(hall.world.store.store, "learn", refuse)
    heard = await hall.shake()
    assert (heard.status, heard.headers["Retry-After"], "X-Hook-Secret" in heard.headers) == (503, "5", False)
    assert hall.world.failures == ([error] if isinstance(error, StoreFailed) else [])
    hall.world.failures.clear()


async def test_what_was_learned_survives_a_reload_and_more_than_one_is_good(hall: Hall) -> None:
    for secret in (HOOK_SECRET, OTHER_SECRET):
        await hall.open()
        assert (await hall.shake(secret)).status == 200
    present = hall.engine.present
    present.configuration = replace(
        present.configuration, sources={**present.configuration.sources, "asana": shaking("asana")}
    )
    assert (await signed_event(hall, HOOK_SECRET)).status == 200
    assert (await signed_event(hall, OTHER_SECRET)).status == 200
    [row] = [each for each in await hall.world.console.secrets() if each["source"] == "asana"]
    learned: Sequence[Mapping[str, Any]] = row["learned"]  # type: ignore[assignment]
    assert (await hall.world.console.retire_secrets("asana"))["retired"] == [learned[1]["number"]]
    assert (await signed_event(hall, HOOK_SECRET)).status == 401
    assert (await hall.post("asana", {"type": "later"}, secret=OTHER_SECRET)).status == 200


async def test_no_more_than_eight_are_kept(hall: Hall) -> None:
    for number in range(8):
        await hall.open()
        assert (await hall.shake(f"{HOOK_SECRET}-{number}")).status == 200
    with pytest.raises(Exception, match="has 8 secrets"):
        await hall.open()
    await hall.engine.store.open_window("asana", hall.world.clock.now_ms() + 1)
    await hall.engine.handshaking.secrets.restore()
    full = await hall.shake(OTHER_SECRET)
    assert (full.status, full.code) == (403, "secrets_full")
    assert (await signed_event(hall, f"{HOOK_SECRET}-0")).status == 200


async def test_what_cannot_be_a_secret_uses_no_window(hall: Hall) -> None:
    await hall.open()
    for secret in ("short", "changeme-changeme-changeme", "x" * 40, "a b c d e f g h \t i j k l m", "y" * 2_000):
        assert (await hall.shake(secret)).status == 400
    assert (await hall.shake()).status == 200


async def test_no_log_line_holds_a_secret(hall: Hall) -> None:
    await hall.shake(OTHER_SECRET)
    await hall.open()
    await hall.shake()
    await hall.shake(OTHER_SECRET)
    await hall.world.console.show_secret("asana")
    text = log_text()
    assert "handshake.learned" in text
    assert "no window is open for a secret" in text
    assert HOOK_SECRET not in text
    assert OTHER_SECRET not in text


# --- SNS -------------------------------------------------------------------------------------------------------------


def subscription(**changed: str) -> dict[str, str]:
    given = {"Type": "SubscriptionConfirmation", "TopicArn": TOPIC, "SubscribeURL": SUBSCRIBE_URL, "Token": "2336"}
    return given | changed


async def test_sns_is_called_once_however_often_it_asks(hall: Hall) -> None:
    hall.calls.may_answer.clear()
    asking = [asyncio.create_task(hall.post("sns", subscription())) for _ in range(5)]
    await hall.world.store.until(_has(lambda: len(hall.calls.asked) == 1))
    hall.calls.may_answer.set()
    assert {heard.status for heard in await asyncio.gather(*asking)} == {200}
    assert (await hall.post("sns", subscription())).status == 200
    assert hall.calls.asked == [SUBSCRIBE_URL]
    assert await hall.stored() == 0


def _has(condition: Callable[[], bool]) -> Callable[[], Any]:
    async def asked() -> bool:
        return condition()

    return asked


async def test_sns_is_not_called_for_what_it_did_not_sign(hall: Hall) -> None:
    assert (await hall.post("sns", subscription(), secret=None)).status == 401
    assert (await hall.post("sns", subscription(SubscribeURL="https://evil.test/"))).status == 400
    assert hall.calls.asked == []


async def test_when_the_call_fails_sns_is_told_to_repeat(hall: Hall) -> None:
    nowhere, cut = Answer(None, trouble=Trouble.CONNECT), Answer(200, trouble=Trouble.CUT)
    failures = [Answer(500), Answer(302), Answer(403), nowhere, cut]
    hall.calls.answers += failures
    for _ in failures:
        heard = await hall.post("sns", subscription())
        assert (heard.status, heard.code, heard.headers["Retry-After"]) == (503, "not_confirmed", "5")
    assert (await hall.post("sns", subscription())).status == 200
    assert hall.calls.asked == [SUBSCRIBE_URL] * (len(failures) + 1)


async def test_a_crash_after_the_call_has_it_made_again_and_a_crash_after_the_note_not(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_values: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(hall.world.store.store, "write_notes", crash)
        assert (await hall.post("sns", subscription())).status == 503
    hall.restart_parts()
    assert (await hall.post("sns", subscription())).status == 200
    hall.restart_parts()
    assert (await hall.post("sns", subscription())).status == 200
    assert hall.calls.asked == [SUBSCRIBE_URL] * 2


async def test_only_so_many_confirmations_are_noted(hall: Hall) -> None:
    for number in range(70):
        url = SUBSCRIBE_URL + str(number)
        assert (await hall.post("sns", subscription(SubscribeURL=url))).status == 200
    notes = await hall.engine.store.notes(PREFIX)
    assert {name: len(value) for name, value in notes.items()} == {"confirmed/sns": 64}  # type: ignore[arg-type]


async def test_the_end_of_a_subscription_is_an_event(hall: Hall) -> None:
    farewell = subscription(Type="UnsubscribeConfirmation", type="UnsubscribeConfirmation")
    assert (await hall.post("sns", farewell)).status == 200
    assert (await hall.stored(), hall.calls.asked) == (1, [])


# --- SNS with its own proof ------------------------------------------------------------------------------------------


def amazon(hall: Hall, *topics: str) -> None:
    """A source `amazon` that believes SNS."""
    present = hall.engine.present
    verify = {"type": "sns", **({"topics": list(topics)} if topics else {})}
    made = shaking("sns", verify=verify, body="text_json", path="/hooks/amazon")
    present.configuration = replace(present.configuration, sources={**present.configuration.sources, "sns": made})


def sns_message() -> dict[str, object]:
    confirmation = {"Type": "SubscriptionConfirmation", "SubscribeURL": NOTIFIED_URL, "Token": "2336"}
    value: dict[str, object] = json.loads(notified("2", 2048, **confirmation))
    return value


NOTIFIED_URL = f"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn={NOTIFIED_TOPIC}&Token=2336"
PEM = Answer(200, {}, certificate(rsa_key()))


async def test_sns_is_believed_with_its_certificate_and_confirmed_once(hall: Hall) -> None:
    amazon(hall, NOTIFIED_TOPIC)
    hall.calls.answers.append(PEM)
    for _ in range(2):
        assert (await hall.post("amazon", sns_message(), secret=None, Content_Type="text/plain")).status == 200
    assert hall.calls.asked == [CERTIFICATE_URL, NOTIFIED_URL]
    event = json.loads(notified("1"))
    assert (await hall.post("amazon", event, secret=None, Content_Type="text/plain; charset=UTF-8")).status == 200
    forged = await hall.post("amazon", {**event, "Message": "other"}, secret=None, Content_Type="text/plain")
    assert (forged.status, forged.code) == (401, "signature_mismatch")
    assert len(hall.calls.asked) == 2
    assert await hall.stored() == 1


async def test_a_topic_is_confirmed_only_if_it_is_named(hall: Hall) -> None:
    hall.calls.answers.append(PEM)
    amazon(hall, "arn:aws:sns:us-west-2:123456789012:another")
    other = await hall.post("amazon", sns_message(), secret=None, Content_Type="text/plain")
    assert (other.status, other.code) == (401, "topic_unknown")
    amazon(hall)
    unnamed = await hall.post("amazon", sns_message(), secret=None, Content_Type="text/plain")
    assert (unnamed.status, unnamed.code) == (403, "topic_unnamed")
    assert NOTIFIED_URL not in hall.calls.asked


async def test_without_the_certificate_sns_is_told_to_repeat_and_no_stranger_keeps_it_out(hall: Hall) -> None:
    amazon(hall, NOTIFIED_TOPIC)
    for number in range(20):
        hall.calls.answers.append(Answer(404))
        address = CERTIFICATE_URL.replace("f3ec", f"{number:04}")
        forged = {**sns_message(), "SigningCertURL": address}
        heard = await hall.post("amazon", forged, secret=None, Content_Type="text/plain")
        assert (heard.status, heard.code, heard.headers["Retry-After"]) == (503, "certificate_unavailable", "60")
    assert len(hall.calls.asked) == 20
    hall.calls.answers.append(PEM)
    assert (await hall.post("amazon", sns_message(), secret=None, Content_Type="text/plain")).status == 200


async def test_a_certificate_is_kept_once_a_request_was_believed_with_it(hall: Hall) -> None:
    amazon(hall, NOTIFIED_TOPIC)
    hall.calls.answers.append(PEM)
    certificates, event = hall.engine.handshaking.certificates, json.loads(notified("1"))
    forged = await hall.post("amazon", {**event, "Message": "other"}, secret=None, Content_Type="text/plain")
    assert (forged.status, forged.code, dict(certificates.kept)) == (401, "signature_mismatch", {})
    assert (await hall.post("amazon", event, secret=None, Content_Type="text/plain")).status == 200
    assert (list(certificates.kept), hall.calls.asked) == ([CERTIFICATE_URL], [CERTIFICATE_URL])


@pytest.mark.parametrize("answers", [[], [PEM]])
async def test_who_waits_for_a_call_when_the_bridge_stops_is_told_to_come_again(
    hall: Hall, answers: list[Answer]
) -> None:
    amazon(hall, NOTIFIED_TOPIC)
    message = sns_message()
    if answers:  # the certificate is here, and the confirmation is waited for
        hall.calls.answers += answers
        event = json.loads(notified("1"))
        assert (await hall.post("amazon", event, secret=None, Content_Type="text/plain")).status == 200
    hall.calls.may_answer.clear()
    hall.calls.was_asked.clear()
    waiting = asyncio.create_task(hall.post("amazon", message, secret=None, Content_Type="text/plain"))
    await hall.calls.was_asked.wait()
    await hall.engine.stop(within_s=0)
    heard = await waiting
    assert (heard.status, heard.code) == (503, "not_confirmed" if answers else "certificate_unavailable")
    assert [task for task in asyncio.all_tasks() if "_fetch" in repr(task) or "_confirm" in repr(task)] == []
