from tests.cli.conftest import Place, message


def test_every_rule_is_explained_with_its_exact_requests_in_order(place: Place) -> None:
    log, receipts = place.json("explain", "aisoule", place.event(message(text="Hello")))

    assert (log["rule"], log["matched"], log["reason"], log["skipped_steps"]) == ("log", True, "done", ["look"])
    [request] = log["requests"]
    assert (request["step"], request["operation"]) == ("post", "crm.post")
    assert (request["method"], request["url"], request["body"]) == ("POST", "/messages", {"text": "Hello"})
    assert request["headers"]["Authorization"] == "••••"
    assert request["headers"]["Idempotency-Key"] == request["idempotency_key"]
    assert (receipts["matched"], receipts["requests"]) == (False, [])
    assert receipts["reason"] == "`on` is aisoule/message.read; this event is aisoule/message.received"


def test_a_false_if_is_given_as_the_reason(place: Place) -> None:
    [log, _] = place.json("explain", "aisoule", place.event(message(kind="image")))

    assert (log["matched"], log["reason"]) == (False, '`if` is false: fields.kind == "text"')


def test_a_value_that_cannot_be_made_is_given_as_the_reason(place: Place) -> None:
    body = message().replace(b'"sender"', b'"nobody"')
    [log, _] = place.json("explain", "aisoule", place.event(body))

    assert log["matched"] is True
    assert log["reason"].startswith("dead: rule `log`, `key`:")
    assert log["requests"] == []


def test_the_text_form_reads_from_top_to_bottom(place: Place) -> None:
    text = place.run("explain", "aisoule", place.event(message())).stdout

    assert text.startswith("event message.received:m1: aisoule/message.received\n\nrule log: matches\n")
    assert "  steps skipped by their `if`: look\n  1. step post: crm.post\n" in text
    assert "rule receipts: does not match\n" in text
    assert "crm-token" not in text


def test_wrong_use_is_told(place: Place) -> None:
    for words, expected in (
        (("explain", "aisoule"), "no event is given"),
        (("explain", "aisole", place.event(message())), "there is no source `aisole`"),
        (("explain", "aisoule", str(place.folder / "none.json")), "cannot read"),
    ):
        result = place.run(*words)
        assert result.exit_code == 2
        assert expected in result.stderr


def test_a_body_that_a_sender_could_not_send_is_told_with_exit_1(place: Place) -> None:
    result = place.run("explain", "aisoule", place.event(b'{"event": "x", "event": "y"}'))

    assert result.exit_code == 1
    assert "body_unreadable" in result.stderr
