from collections.abc import Sequence

import pytest

from bridge.sources import Reason, Refused, Source, SourceConfig, Verdict, sign
from bridge.sources.advice import advice_of
from tests.canaries import CANARIES, ORDERS_SECRET
from tests.sources.builders import JSON_TYPE, NOW_MS, encoded, orders, preset, refused

BODY = encoded({"id": "evt_1", "type": "charge.failed"})
MINUTE_MS = 60_000
ADDRESS = "https://bridge.example.com/hooks/twilio"


def source_of(name: str, **settings: object) -> Source:
    config = SourceConfig.model_validate({"preset": name, "secret": ORDERS_SECRET} | settings)
    return Source.compile(name, config, preset(name))


def told(source: Source, *headers: tuple[str, str], body: bytes = BODY) -> Refused:
    answer = refused(source.receive(headers=[JSON_TYPE, *headers], query=[], body=body, now_ms=NOW_MS))
    assert not any(canary in repr(answer) for canary in CANARIES)
    return answer


def signed(source: Source, *, now_ms: int = NOW_MS) -> Sequence[tuple[str, str]]:
    return sign(source.verification, BODY, now_ms=now_ms).headers


@pytest.mark.parametrize("reason", [each for each in Reason if each not in {"verified", "not_checked"}])
def test_every_reason_has_an_answer(reason: Reason) -> None:
    verdict = Verdict(ok=False, secret_index=None, reason=reason, detail="for the log")
    refused = orders().advice.refusal(verdict)
    assert (refused.status, refused.code, refused.reason) == (401, str(reason), "for the log")
    assert refused.message.endswith(".")
    assert refused.help.endswith(".")
    assert "{" not in refused.help


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_wrong_clock_sends_nobody_to_the_secret(minutes: int) -> None:
    stripe = source_of("stripe")
    answer = told(stripe, *signed(stripe, now_ms=NOW_MS - minutes * MINUTE_MS))
    assert answer.code == "timestamp_outside"
    assert "clocks" in answer.help
    assert "secret" not in answer.help


def test_a_signature_written_in_another_way_is_to_be_looked_at() -> None:
    answer = told(orders(), ("X-Orders-Signature", "0" * 64))
    assert answer.code == "signature_malformed"
    assert "`crm-bridge capture orders`" in answer.help
    assert "`secret:`" not in answer.help


@pytest.mark.parametrize(
    ("reason", "suspect"), [(Reason.DIGEST_MISMATCH, "a proxy"), (Reason.TOKEN_INVALID, "`verify` of the source")]
)
def test_what_is_wrong_whatever_the_key_sends_nobody_to_the_secret(reason: Reason, suspect: str) -> None:
    answer = orders().advice.refusal(Verdict(ok=False, secret_index=None, reason=reason, detail=""))
    assert suspect in answer.help
    assert "`secret:`" not in answer.help


def test_where_the_address_is_signed_it_is_the_first_suspect() -> None:
    here = source_of("twilio-json", public_url=f"{ADDRESS}?key=x")
    there = source_of("twilio-json", public_url="https://bridge.example.com:8443/hooks/twilio")
    fields = sign(there.verification, BODY, now_ms=NOW_MS)
    answer = refused(here.receive(headers=[JSON_TYPE, *fields.headers], query=fields.query, body=BODY, now_ms=NOW_MS))
    assert answer.code == "signature_mismatch"
    assert answer.reason.endswith(f"is `{ADDRESS}` what is entered at the sender?")  # without its query
    assert "`public_url:`" in answer.help
    assert "raw body" not in answer.help


def test_who_shows_a_secret_is_not_told_of_a_signature() -> None:
    telegram = source_of("telegram")
    for headers in ([], [("X-Telegram-Bot-Api-Secret-Token", "wrong")]):
        answer = told(telegram, *headers)
        assert "signature" not in answer.message
        assert "`X-Telegram-Bot-Api-Secret-Token`" in answer.help
    pipedrive = source_of("pipedrive", secret=f"bridge:{ORDERS_SECRET}")
    answer = told(pipedrive, ("Authorization", "Bearer abc"))
    assert (answer.code, answer.message) == (
        "signature_malformed",
        "The secret is not shown the way this source expects it.",
    )


def test_a_form_that_may_be_signed_or_show_its_secret_is_told_of_both() -> None:
    answer = told(source_of("form"))
    assert answer.message == "The request carries no signature."
    assert "`X-Form-Signature` or `X-Form-Token`" in answer.help


def test_a_topic_that_is_not_known_can_be_added() -> None:
    advice = advice_of("alarms", source_of("aws-sns", secret=()).verification, "Amazon SNS")
    verdict = Verdict(ok=False, secret_index=None, reason=Reason.TOPIC_UNKNOWN, detail="")
    assert "`verify.topics` of the source `alarms`" in advice.refusal(verdict).help


def test_a_sender_without_a_secret_is_told_of_the_window() -> None:
    verdict = Verdict(ok=False, secret_index=None, reason=Reason.NO_SECRET, detail="")
    assert "`crm-bridge open-window orders`" in orders().advice.refusal(verdict).help
