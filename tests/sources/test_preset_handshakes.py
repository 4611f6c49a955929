"""What the senders of chat, calls and meetings ask of an address, answered as their presets say."""

import base64
import hmac
import json
from collections.abc import Sequence

import pytest

from bridge.sources import AnswerText, Received, Refused, Reply, meet
from tests.sources.builders import JSON_TYPE, NOW_MS
from tests.sources.senders import KEY, signed, source_of

Pair = tuple[str, str]
META = ["whatsapp-cloud", "instagram", "messenger", "meta-lead-ads"]
HUB = [("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", KEY)]


def ask(
    name: str, method: str, *, query: Sequence[Pair] = (), headers: Sequence[Pair] = (), body: bytes = b""
) -> Received | Reply | Refused:
    """What the bridge does about a request to the address of a preset's source."""
    answer = meet(source_of(name), headers=headers, query=query, body=body, now_ms=NOW_MS, method=method)
    assert isinstance(answer, Received | Reply | Refused)
    return answer


def post(name: str, body: object, *headers: Pair, unsigned: bool = False) -> Received | Reply | Refused:
    """A POST of JSON by the sender, or by somebody who cannot sign."""
    content = json.dumps(body).encode()
    proof = [] if unsigned else signed(source_of(name), content).headers
    return ask(name, "POST", headers=[JSON_TYPE, *proof, *headers], body=content)


def replied(answer: object) -> Reply:
    assert isinstance(answer, Reply), answer
    return answer


def status(answer: object) -> int:
    assert isinstance(answer, Refused), answer
    return answer.status


@pytest.mark.parametrize("name", META)
def test_meta_gets_its_challenge_for_the_word_that_was_entered(name: str) -> None:
    assert replied(ask(name, "GET", query=HUB)).body == b"1158201444"
    assert status(ask(name, "GET", query=[*HUB[:2], ("hub.verify_token", "another")])) == 403
    assert status(ask(name, "GET", query=HUB[:2])) == 403


def test_slack_gets_its_challenge_when_it_signed() -> None:
    question = {"token": "t", "challenge": "3eZbrw1aB10FEMAGAZd4", "type": "url_verification"}
    assert replied(post("slack", question)).body == b"3eZbrw1aB10FEMAGAZd4"
    assert status(post("slack", question, unsigned=True)) == 401


def test_slack_may_look_at_the_certificate_of_a_command() -> None:
    form = ("Content-Type", "application/x-www-form-urlencoded")
    look = ask("slack-commands", "POST", headers=[form], body=b"ssl_check=1")
    assert (replied(look).status, replied(look).body) == (200, b"")


@pytest.mark.parametrize("name", ["slack-commands", "slack-interactivity"])
def test_who_shows_an_answer_to_people_gets_an_empty_one(name: str) -> None:
    assert source_of(name).answer_body == "empty"


@pytest.mark.parametrize("name", ["twilio", "plivo"])
def test_who_carries_out_an_answer_gets_one_that_does_nothing(name: str) -> None:
    assert source_of(name).answer_body == AnswerText(text="<Response/>", type="text/xml")


def test_zoom_gets_the_hash_of_its_token() -> None:
    question = {"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}
    expected = hmac.new(KEY.encode(), b"qgg8vlvZRS6UYooatFL8Aw", "sha256").hexdigest()
    answer = replied(post("zoom", question))
    assert json.loads(answer.body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": expected}
    assert status(post("zoom", question, unsigned=True)) == 401


def test_x_gets_the_hash_of_its_token() -> None:
    expected = base64.b64encode(hmac.new(KEY.encode(), b"9b4507b3-9040", "sha256").digest()).decode()
    answer = replied(ask("x", "GET", query=[("crc_token", "9b4507b3-9040")]))
    assert json.loads(answer.body) == {"response_token": f"sha256={expected}"}
    assert status(ask("x", "GET")) == 400


def test_front_gets_its_challenge_as_text_when_it_signed() -> None:
    question = {"type": "sync", "authorization": {"id": "cmp_abc"}}
    challenge = ("X-Front-Challenge", "c6f1a3c0e")
    assert replied(post("front", question, challenge)).body == b"c6f1a3c0e"
    assert status(post("front", question, challenge, unsigned=True)) == 401


def test_ringcentral_gets_its_header_back() -> None:
    answer = replied(ask("ringcentral", "POST", headers=[("Validation-Token", "a-token")]))
    assert answer.headers == {"Validation-Token": "a-token"}


def test_intercom_may_look_whether_the_address_answers() -> None:
    assert replied(ask("intercom", "HEAD")).status == 200


def test_discord_gets_204_for_its_ping_and_401_for_a_wrong_signature() -> None:
    ping = {"version": 1, "application_id": "1", "type": 0}
    assert replied(post("discord", ping)).status == 204
    assert status(post("discord", ping, unsigned=True)) == 401


def test_discord_is_told_that_the_answer_to_a_command_comes_later() -> None:
    ping = {"id": "1", "application_id": "1", "type": 1, "version": 1, "token": "t"}
    assert json.loads(replied(post("discord-interactions", ping)).body) == {"type": 1}
    assert status(post("discord-interactions", ping, unsigned=True)) == 401
    command = post("discord-interactions", ping | {"type": 2, "data": {"name": "ticket"}})
    assert isinstance(command, Received)
    assert [event.type for event in command.events] == ["command"]
    assert json.loads(replied(command.reply).body) == {"type": 5}
    assert status(post("discord-interactions", ping | {"type": 2}, unsigned=True)) == 401


def test_teams_shows_that_a_mention_was_noted_once_it_is_an_event() -> None:
    mention = {"type": "message", "id": "1", "conversation": {"id": "c"}, "text": "<at>CRM</at> hello"}
    answer = post("teams", mention)
    assert isinstance(answer, Received)
    assert len(answer.events) == 1
    assert json.loads(replied(answer.reply).body) == {"type": "message", "text": "Noted."}
    assert status(post("teams", mention, unsigned=True)) == 401


def test_line_s_look_at_the_address_is_a_signed_list_of_no_events() -> None:
    answer = post("line", {"destination": "U1", "events": []})
    assert isinstance(answer, Received)
    assert not answer.events
