import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.send import tampered
from bridge.engine.console import Query
from bridge.sandbox import Sandbox, SandboxUrls
from bridge.sources import SampleEvent, load_preset
from tests.cli.conftest import Place, message
from tests.sources.key_pairs import ed25519_key, private_pem, raw_of

# The developer pages' own sample, with the signature they print as an example.
CURL_BODY = (
    b'{"event":"message.received","timestamp":1780369298,"data":{"message_id":"msg_90a82b7194689c1",'
    b'"waba_number":"15550199999","sender":"918856879188","recipient":"15550199999","type":"text",'
    b'"body":"Hi there! I need pricing info."}}'
)
MOCK_SIGNATURE = "sha256=5d41402abc4b2a76b9719d911017c592ae3d0e1e9b1f3d6f8e0f6a3f8e2a1b0c"


async def send(place: Place, *words: str) -> tuple[int, str, str]:
    result = await asyncio.to_thread(place.run, "send", *words)
    return result.exit_code, result.stdout, result.stderr


async def test_the_published_sample_is_refused_with_help_and_taken_when_signed(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    async with place.load() as daemon:
        place.reach(daemon)
        headers = {"Content-Type": "application/json", "X-AISoule-Signature": MOCK_SIGNATURE}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{daemon.bound.public}/webhook", data=CURL_BODY, headers=headers) as response,
        ):
            assert response.status == 401
            help_ = orjson.loads(await response.read())["error"]["help"]
        assert "The secret of the source `aisoule` in the bridge's configuration (`secret:`) must be the one" in help_
        assert "`crm-bridge send aisoule EVENT.json` signs a test event" in help_

        code, out, _ = await send(place, "aisoule", place.event(CURL_BODY))
        assert code == 0
        assert out.startswith('200 {"ok":true,"id":"evt_')


@pytest.mark.parametrize("header", [None, "X-AISoule-Signature", "x-webhook-signature"])
async def test_each_signature_header_of_the_source_can_be_used(
    place: Place, sandbox: Sandbox, urls: SandboxUrls, header: str | None
) -> None:
    place.write(urls.generic)
    async with place.load() as daemon:
        place.reach(daemon)
        words = ("--header", header) if header else ()
        code, out, _ = await send(place, "aisoule", place.event(message()), *words)
        assert (code, out[:3]) == (0, "200")
        await sandbox.wait_for(lambda: sandbox.journal.of("generic", "POST", "/messages"))


async def test_a_url_may_be_an_address_or_a_whole_hook(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    async with place.load() as daemon:
        for url in (daemon.bound.public, f"{daemon.bound.public}/", f"{daemon.bound.public}/webhook"):
            code, out, _ = await send(place, "aisoule", place.event(message()), "--url", url)
            assert (code, out[:3]) == (0, "200")
        code, out, _ = await send(place, "aisoule", place.event(message()), "--url", f"{daemon.bound.public}/elsewhere")
        assert (code, out[:3]) == (1, "404")


async def test_a_refusal_gives_1_and_its_help(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    async with place.load() as daemon:
        place.reach(daemon)
        code, out, _ = await send(place, "aisoule", place.event(b"no json"))
    assert code == 1
    assert out.startswith("400 ")
    assert "body_unreadable" in out


async def test_nobody_there_gives_3(place: Place) -> None:
    code, _, err = await send(place, "aisoule", place.event(message()), "--url", "http://127.0.0.1:9")

    assert code == 3
    assert "nothing answers at http://127.0.0.1:9/webhook (ClientConnectorError)" in err
    assert "crm-bridge run" in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("aisole",), "there is no source `aisole`"),
        (("aisoule", "--header", "X-Other"), "it takes `X-AISoule-Signature`, `X-Webhook-Signature`"),
        (("aisoule", "--url", "localhost:8080"), "is not a web address"),
        (("aisoule", "--url", "ftp://x"), "is not a web address"),
    ],
)
async def test_wrong_use_gives_2(place: Place, words: tuple[str, ...], expected: str) -> None:
    source, *options = words
    code, _, err = await send(place, source, place.event(message()), *options)

    assert code == 2
    assert expected in err


async def test_a_file_that_is_not_there_gives_2(place: Place) -> None:
    code, _, err = await send(place, "aisoule", str(place.folder / "none.json"))

    assert (code, "No such file" in err) == (2, True)


FORM = b"email=asha%40example.com&message=Hi"
CONTACT = """
version: 1
sources:
  contact:
    preset: form
    verify: {{type: token, secrets: ["${{AISOULE_WEBHOOK_SECRET}}"], signature: {{from: "query:token"}}}}
destinations:
  crm: {{connector: http, base_url: "{url}", allow_private_addresses: true}}
rules:
  - name: contact
    on: contact/submitted
    steps:
      - id: post
        use: crm.post
        with: {{path: /contacts, json: {{email: "{{{{ fields.email }}}}"}}}}
"""


async def test_a_form_is_sent_as_a_form_with_its_word_in_the_address(
    place: Place, sandbox: Sandbox, urls: SandboxUrls
) -> None:
    place.config.write_text(CONTACT.format(url=urls.generic))
    async with place.load() as daemon:
        place.reach(daemon)
        code, out, _ = await send(place, "contact", place.event(FORM, "event.txt"))
        assert (code, out[:3]) == (0, "200")
        await sandbox.wait_for(lambda: sandbox.journal.of("generic", "POST", "/contacts"))
    assert sandbox.generic.records[0].body == {"email": "asha@example.com"}


def test_a_form_is_explained_as_it_would_be_received(place: Place) -> None:
    place.config.write_text(CONTACT.format(url="http://127.0.0.1:9"))
    result = place.run("explain", "contact", place.event(FORM, "event.txt"))
    assert result.exit_code == 0
    assert "asha@example.com" in result.stdout


KEYED = """
version: 1
sources:
  discord:
    public_key: "{public}"
    verify:
      type: ed25519
      key: hex
      signature: {{from: "header:X-Signature-Ed25519"}}
      timestamp: {{from: "header:X-Signature-Timestamp"}}
      message: "{{timestamp}}{{body}}"
    event: {{type: "{{{{ body.kind }}}}", id: "{{{{ body.id }}}}"}}
destinations:
  crm: {{connector: http, base_url: "{url}", allow_private_addresses: true}}
rules:
  - name: copy
    on: discord/joined
    steps:
      - id: post
        use: crm.post
        with: {{path: /joined, json: {{id: "{{{{ body.id }}}}"}}}}
"""
JOINED = b'{"kind":"joined","id":"u7"}'


async def test_a_source_of_a_public_key_is_sent_to_with_the_private_one(
    place: Place, sandbox: Sandbox, urls: SandboxUrls
) -> None:
    place.config.write_text(KEYED.format(public=raw_of(ed25519_key()).hex(), url=urls.generic))
    key, other, none = (place.folder / name for name in ("key.pem", "other.pem", "none.pem"))
    key.write_text(private_pem(ed25519_key()))
    other.write_text(private_pem(ed25519_key(9)))
    event = place.event(JOINED)
    async with place.load() as daemon:
        place.reach(daemon)
        code, out, _ = await send(place, "discord", event, "--private-key", str(key))
        assert (code, out[:3]) == (0, "200")
        await sandbox.wait_for(lambda: sandbox.journal.of("generic", "POST", "/joined"))
        for words, said in (
            ((), "its private half is needed"),
            (("--private-key", str(other)), "is not the half of any public key"),
            (("--private-key", event), "is no private key in PEM form"),
            (("--private-key", str(none)), "No such file"),
        ):
            code, _, err = await send(place, "discord", event, *words)
            assert (code, said in " ".join(err.split())) == (2, True), err
            assert "PRIVATE KEY-----" not in err.replace("-----BEGIN PRIVATE KEY-----", "")


def test_what_only_the_sender_can_sign_is_explained_as_it_is(place: Place) -> None:
    place.config.write_text(KEYED.format(public=raw_of(ed25519_key()).hex(), url="http://127.0.0.1:9"))
    result = place.run("explain", "discord", place.event(JOINED))
    assert result.exit_code == 0
    assert '"id": "u7"' in result.stdout or '"id":"u7"' in result.stdout


# --- what is sent ----------------------------------------------------------------------------------------------


async def send_json(place: Place, *words: str, code: int = 0) -> Any:
    return await asyncio.to_thread(lambda: place.json("send", *words, code=code))


def samples() -> Sequence[SampleEvent]:
    preset = load_preset("aisoule").preset
    assert preset is not None
    return preset.samples


async def test_a_sample_is_sent_by_its_name(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    sample = samples()[0]
    async with place.load() as daemon:
        place.reach(daemon)
        code, out, _ = await send(place, "aisoule", "--sample", sample.name)
        assert (code, out[:3]) == (0, "200")
        [event] = await daemon.console.events(Query())
        assert event["type"] == sample.events[0].type


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--sample", "nothing-like-it"), "there is no sample `nothing-like-it`"),
        ((), "say which sample to send"),
        (("--sample", "x", "event.json"), "two things to send"),
        (("event.json", "--repeat", "2", "--burst", "2"), "two ways to send"),
        (("event.json", "--at", "noon"), "--at"),
        (("event.json", "--age", "long"), "--age"),
        (("event.json", "--age", "1m", "--at", "1m"), "two times"),
        (("event.json", "--set-header", "nonsense"), "is no header"),
        (("event.json", "--set-header", "A: b\r\nC: d"), "is no header"),
        (("event.json", "--secret-number", "2"), "there is no number 2"),
    ],
)
async def test_what_makes_no_sense_gives_2(place: Place, words: tuple[str, ...], expected: str) -> None:
    file = place.event(message())
    given = [file if word == "event.json" else word for word in words]
    code, _, err = await send(place, "aisoule", *given, "--url", "http://127.0.0.1:9")
    assert (code, expected in err) == (2, True), err


def test_a_time_that_nothing_signs_is_told_to_change_nothing(place: Place) -> None:
    shop = '  aisoule: {preset: aisoule, secret: "${OLDER}"}\n  shop:\n'
    place.config.write_text(ROTATING.replace("  shop:\n", shop))
    place.environ["OLDER"] = "another-old-word-0123456789"
    told = {}
    for source in ("aisoule", "shop"):
        result = place.run("send", source, place.event(message()), "--age", "10m", "--url", "http://127.0.0.1:9")
        assert result.exit_code == 3
        told[source] = "--age and --at change nothing" in result.stderr
    assert told == {"aisoule": True, "shop": False}


def test_a_wrong_sample_lists_those_there_are(place: Place) -> None:
    result = place.run("send", "aisoule")
    assert [sample.name for sample in samples() if f"`{sample.name}`" not in result.stderr] == []


async def test_a_stored_event_is_sent_again_byte_for_byte(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    odd = message().replace(b":", b" : ")  # bytes that no writer of ours makes
    async with place.load() as daemon:
        place.reach(daemon)
        assert (await send(place, "aisoule", place.event(odd)))[0] == 0
        [event] = await daemon.console.events(Query())
        content = (await daemon.console.event_content(str(event["id"])))["content"]
        assert base64.b64decode(str(content)) == odd
        found = await send_json(place, "aisoule", str(event["id"]))
        assert found["duplicates"] == 1
        assert found["requests"][0]["answer"]["id"] == event["id"]
    code, _, err = await send(place, "aisoule", str(event["id"]), "--url", "http://127.0.0.1:9")
    assert (code, "nothing answers" in err) == (3, True)  # it was found in the store, and then nobody was there


async def test_an_event_that_is_not_stored_gives_1(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    async with place.load() as daemon:
        place.reach(daemon)
        code, _, err = await send(place, "aisoule", "evt_0123")
    assert (code, "there is no event `evt_0123`" in err) == (1, True)


# --- how often -------------------------------------------------------------------------------------------------


async def test_repeats_are_sent_one_after_another_and_duplicates_are_named(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    async with place.load() as daemon:
        place.reach(daemon)
        code, out, _ = await send(place, "aisoule", place.event(message()), "--repeat", "3")
        lines = out.splitlines()
        assert code == 0
        assert [line.endswith("(a duplicate)") for line in lines[:3]] == [False, True, True]
        assert lines[3].startswith("3 sent: 3 x 200; 2 duplicates; slowest ")


async def test_duplicates_are_named_whatever_the_answer_says(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    place.config.write_text(
        place.config.read_text().replace(
            "sources:\n", 'sources:\n  shop: {preset: gupshup, secret: "${AISOULE_WEBHOOK_SECRET}"}\n', 1
        )
    )
    async with place.load() as daemon:
        place.reach(daemon)
        found = await send_json(place, "shop", "--sample", "message-received", "--repeat", "2")
        assert [(each["answer"], each["duplicates"]) for each in found["requests"]] == [(None, 0), (None, 1)]


async def test_a_burst_is_summed_up(place: Place, urls: SandboxUrls) -> None:
    place.write(urls.generic)
    async with place.load() as daemon:
        place.reach(daemon)
        file = place.event(message())
        found = await send_json(place, "aisoule", file, "--burst", "150")
        assert (found["sent"], found["statuses"], found["duplicates"]) == (150, {"200": 150}, 149)
        assert found["slowest_ms"] == max(each["took_ms"] for each in found["requests"])
        assert (await daemon.store.books()).accepted == 1
        code, out, _ = await send(place, "aisoule", file, "--burst", "2", "--tamper")
        assert (code, out.startswith("2 sent: 2 x 401; 0 duplicates")) == (1, True)


async def test_a_burst_at_nobody_gives_3_and_says_so_once(place: Place) -> None:
    code, _, err = await send(place, "aisoule", place.event(message()), "--burst", "3", "--url", "http://127.0.0.1:9")
    assert (code, err.count("nothing answers")) == (3, 1)


# --- refused on purpose ----------------------------------------------------------------------------------------

ROTATING = """
version: 1
server: {listen: "127.0.0.1:0", drain_delay: 0s}
admin: {listen: "127.0.0.1:0"}
sources:
  shop:
    verify:
      type: hmac
      secrets: ["${AISOULE_WEBHOOK_SECRET}", "${OLDER}"]
      signature: {from: "header:X-Shop-Signature", split: ",", field: v1}
      timestamp: {from: "sig:t", past_s: 300, future_s: 300}
      message: "{timestamp}.{body}"
    event: {type: "{{ body.event }}", id: "{{ body.timestamp }}"}
destinations: {}
rules: []
"""


async def test_a_stale_time_another_secret_a_changed_byte_and_a_header_do_what_they_say(place: Place) -> None:
    place.config.write_text(ROTATING)
    place.environ["OLDER"] = "another-old-word-0123456789"
    file = place.event(message())
    async with place.load() as daemon:
        place.reach(daemon)

        async def code_of(*words: str) -> str | None:
            found = await asyncio.to_thread(place.run, "send", "shop", file, "--json", *words)
            request = orjson.loads(found.stdout)["requests"][0]
            assert found.exit_code == (0 if request["status"] == 200 else 1)
            return None if request["status"] == 200 else str(request["answer"]["error"]["code"])

        assert await code_of() is None
        assert await code_of("--secret-number", "2") is None
        assert await code_of("--age", "4m") is None
        assert await code_of("--age", "10m") == "timestamp_outside"
        assert await code_of("--age=-10m") == "timestamp_outside"
        assert await code_of("--at", "2020-01-01T00:00:00Z") == "timestamp_outside"
        assert await code_of("--tamper") == "signature_mismatch"
        assert await code_of("--set-header", "X-Shop-Signature: t=1,v1=00") == "signature_malformed"
        assert await code_of("--set-header", "Content-Type: text/css") == "content_type"
        status: Any = (await daemon.console.status())["sources"]
        assert status["shop"]["older_secret_at"] is not None
        assert status["shop"]["last_sent_away"]["code"] == "content_type"


@given(st.binary(min_size=1, max_size=200))
def test_a_tampered_body_differs_in_one_bit(body: bytes) -> None:
    changed = tampered(body)
    assert len(changed) == len(body)
    assert sum((a ^ b).bit_count() for a, b in zip(body, changed, strict=True)) == 1
