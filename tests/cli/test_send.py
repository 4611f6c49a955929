import asyncio

import aiohttp
import orjson
import pytest

from bridge.sandbox import Sandbox, SandboxUrls
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
