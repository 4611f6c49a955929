"""Rule tests carried out: the conversation in order, time, and what becomes of events."""

import pytest

from bridge.rules.testing.results import Mismatch, Missing, Unanswered, Unexpected, WrongOutcome, WrongText, WrongWait
from tests.rules.testing.builders import CONFIG, PHONE, failures, one, passes

COMMENT = """
rules:
  - name: comment
    on: aisoule/message.received
    steps:
      - id: comment
        use: zendesk.tickets.comment
        with: {id: "77", body: "{{ fields.text }}"}
"""
STATUS = """
rules:
  - name: status
    on: aisoule/message.*
    key: "{{ fields.customer | person }}"
    COALESCE
    only_forward: {order: [message.sent, message.delivered, message.read], by: "{{ fields.message_id }}"}
    steps:
      - {id: put, use: erp.put, with: {path: "/s/{{ fields.message_id }}", json: {status: "{{ fields.status }}"}}}
"""
ORDERS = """
rules:
  - name: orders
    on: shop/*
    only_newer: {by: "{{ body.order }}"}
    steps:
      - {id: put, use: erp.put, with: {path: "/orders/{{ body.order }}", json: {parent: "{{ parent.shop }}"}}}
"""


def receipt(status: str, message_id: str = "m1") -> str:
    data = f"{{message_id: {message_id}, sender: '15550100000', recipient: '{PHONE}', status: {status}}}"
    return f"event: {{source: aisoule, body: {{event: message.{status}, data: {data}}}}}"


def test_a_conversation_as_expected_passes_and_its_links_are_there_afterwards() -> None:
    passes("""
        rule: log
        links: {entry: {"+918856879188": 5}}
        event: {source: aisoule, body: MESSAGE}
        exchanges:
          - {expect: {method: GET, path: /entries/5}, answer: {json: {id: 5}}}
          - {expect: {method: POST, path: /entries, query: {by: 918856879188}, json: {text: HELLO, count: 5}},
             answer: {json: {id: 7}}}
        outcome: done
        links_after: {entry: {"+918856879188": 7, "+15550100001": null}}
    """)


def test_a_request_that_differs_is_held_against_the_exchange_that_it_resembles() -> None:
    [failure] = failures("""
        rule: log
        event: {source: aisoule, body: MESSAGE}
        exchanges: [{expect: {method: POST, path: /entries, json: {text: Hello, count: "5"}}, answer: {}}]
    """)
    assert isinstance(failure, Mismatch)
    assert [(each.difference.path, each.difference.expected, each.difference.got) for each in failure.traced] == [
        (("json", "text"), "Hello", "HELLO"),
        (("json", "count"), "5", 5),
    ]
    assert [each.origins for each in failure.traced] == [
        (("steps", 1, "with", "json", "text"),),
        (("steps", 1, "with", "json", "count"),),
    ]
    assert "the same characters, but text was expected and a number came" in failure.traced[1].difference.note


def test_a_call_that_is_not_expected_and_one_that_never_comes_are_told_apart() -> None:
    found = failures("""
        rule: log
        links: {entry: {"+918856879188": 5}}
        event: {source: aisoule, body: MESSAGE}
        exchanges: [{expect: POSTED, answer: {}}, {expect: {method: DELETE, path: /a/b/c}}]
    """)
    assert [type(each) for each in found] == [Unexpected, Missing]
    unexpected, missing = found
    assert isinstance(unexpected, Unexpected)
    assert (unexpected.call.step, unexpected.step_path) == ("look", ("steps", 0))
    assert isinstance(missing, Missing)
    assert missing.exchange.path == ("tests", 0, "exchanges", 1)


def test_an_exchange_that_is_passed_over_never_came_and_the_false_condition_is_named() -> None:
    [missing] = failures("""
        rule: log
        event: {source: aisoule, body: MESSAGE}
        exchanges: [{expect: {method: GET, path: /entries/5}}, {expect: POSTED, answer: {}}]
    """)
    assert isinstance(missing, Missing)
    assert missing.skipped == (("log", ("steps", 0, "if")),)


@pytest.mark.parametrize("expect", ["{method: DELETE, path: /entries/5}", "{method: PUT}"])
def test_a_false_condition_is_not_named_for_a_call_that_its_step_never_makes(expect: str) -> None:
    [missing] = failures(f"""
        rule: log
        event: {{source: aisoule, body: MESSAGE}}
        exchanges: [{{expect: {expect}}}, {{expect: POSTED, answer: {{}}}}]
    """)
    assert isinstance(missing, Missing)
    assert missing.skipped == ()


@pytest.mark.parametrize(
    ("answer", "waits", "word"),
    [
        ("{status: 500}", "10s", "retrying"),
        ("{status: 429, headers: {Retry-After: 33}}", "33s", "retrying"),
        ("{status: 429}", "10s", "retrying"),
        ("refused", "10s", "retrying"),
        ("lost", "10s", "retrying"),
        ("timeout", "10s", "retrying"),
    ],
)
def test_a_delivery_that_has_to_wait_goes_on_as_far_as_exchanges_are_expected(
    answer: str, waits: str, word: str
) -> None:
    first = f"{{expect: POSTED, answer: {answer}, waits: {waits}}}"
    passes(f"""
        rule: log
        event: {{source: aisoule, body: MESSAGE}}
        exchanges: [{first}]
        outcome: {word}
    """)
    passes(f"""
        rule: log
        event: {{source: aisoule, body: MESSAGE}}
        exchanges: [{first}, {{expect: POSTED, answer: {{json: {{id: 1}}}}}}]
        outcome: done
    """)


def test_a_wait_that_is_not_as_expected_is_told() -> None:
    [failure] = failures("""
        rule: log
        event: {source: aisoule, body: MESSAGE}
        exchanges: [{expect: POSTED, answer: {status: 500}, waits: 30s}]
        outcome: retrying
    """)
    assert isinstance(failure, WrongWait)
    assert (failure.expected_ms, failure.got_ms) == (30_000, 10_000)


def test_time_that_passes_brings_the_next_try_and_in_the_end_the_horizon() -> None:
    passes("""
        rule: log
        events:
          - event: {source: aisoule, body: MESSAGE}
            exchanges: [{expect: POSTED, answer: {status: 500}, waits: 10s}]
            outcome: dead:expired
            reason: given up
          - after: 9s
          - after: 1s
            exchanges: [{expect: POSTED, answer: {status: 500}, waits: 1m}]
          - after: 20m
            exchanges: [{expect: POSTED, answer: {status: 503}, times: 10}]
    """)


def test_a_refusal_is_dead_with_its_reason() -> None:
    test = """
        rule: log
        event: {source: aisoule, body: MESSAGE}
        exchanges: [{expect: POSTED, answer: {status: 422, json: {message: text too long}}}]
        outcome: dead:rejected
        reason: REASON
    """
    passes(test.replace("REASON", "text too long"))
    [failure] = failures(test.replace("REASON", "too short"))
    assert isinstance(failure, WrongText)
    assert failure.what == "reason"


def test_credentials_that_are_refused_pause_and_those_that_can_be_had_anew_are_tried_once_more() -> None:
    passes("""
        rule: log
        event: {source: aisoule, body: MESSAGE}
        exchanges: [{expect: POSTED, answer: {status: 401}}]
        outcome: paused
    """)
    expect = "{expect: {method: PUT, path: /api/v2/tickets/77}, answer: {status: 401}}"
    passes(
        f"""
        event: {{source: aisoule, body: MESSAGE}}
        exchanges: [{expect}, {expect}]
        outcome: paused
        """,
        rules=COMMENT,
    )


def test_a_look_before_a_repeat_is_an_exchange_like_any_other() -> None:
    call = "{expect: {method: PUT, path: /api/v2/tickets/77, json: {ticket: {comment: {body: Hello}}}}, answer: ANSWER}"
    look = "{expect: {method: GET, path: /api/v2/tickets/77/comments}, answer: {json: {comments: COMMENTS}}}"
    lost, made = call.replace("ANSWER", "lost"), call.replace("ANSWER", "{json: {ticket: {id: 77}}}")
    event = "event: {source: aisoule, body: MESSAGE}\noutcome: done\n"
    found = look.replace("COMMENTS", "[{id: 4, body: Hello, author_id: 1, created_at: '2026-01-01T00:00:00Z'}]")
    passes(f"{event}exchanges: [{lost}, {found}]", rules=COMMENT)
    passes(f"{event}exchanges: [{lost}, {look.replace('COMMENTS', '[]')}, {made}]", rules=COMMENT)


def test_nobody_but_the_test_can_say_what_a_look_finds() -> None:
    lost = "{expect: {method: PUT, path: /api/v2/tickets/77}, answer: lost}"
    look = "{expect: {method: GET, path: /api/v2/tickets/77/comments}}"
    found = failures(f"event: {{source: aisoule, body: MESSAGE}}\nexchanges: [{lost}, {look}]", rules=COMMENT)
    assert [type(each) for each in found] == [Unanswered]


def test_without_an_answer_the_operations_sample_is_taken() -> None:
    result = one("""
        rule: log
        event: {source: aisoule, body: MESSAGE}
        exchanges: [{expect: POSTED}]
        outcome: done
    """)
    assert result.passed
    assert result.turns[0].calls[0].sampled


def test_a_false_condition_skips_and_an_event_that_no_rule_covers_is_unmatched() -> None:
    body = "{event: message.received, data: {message_id: m1, sender: '918856879188', type: image, body: x}}"
    passes(f"rule: log\nevent: {{source: aisoule, body: {body}}}\noutcome: skipped\nreason: fields.kind")
    passes(f"{receipt('read')}\noutcome: unmatched")
    [failure] = failures(f"rule: log\n{receipt('read')}\noutcome: done")
    assert isinstance(failure, WrongOutcome)
    assert failure.got == "unmatched"
    assert "aisoule/message.received" in failure.reason


def test_an_event_that_the_source_refuses_never_passes_unsaid() -> None:
    test = "event: {source: aisoule, body: {no: type}}"
    passes(f"{test}\noutcome: refused")
    [failure] = failures(test)
    assert isinstance(failure, WrongOutcome)
    assert failure.got == "refused"


def test_a_dead_letter_never_passes_unsaid() -> None:
    body = "{event: message.received, data: {message_id: m1, sender: nobody, type: text, body: x}}"
    [failure] = failures(f"rule: log\nevent: {{source: aisoule, body: {body}}}")
    assert isinstance(failure, WrongOutcome)
    assert failure.death is not None
    assert failure.death.at == ("key",)


def test_the_same_event_again_is_a_duplicate() -> None:
    passes("""
        rule: log
        events:
          - event: {source: aisoule, body: MESSAGE}
            exchanges: [{expect: POSTED}]
            outcome: done
          - event: {source: aisoule, body: MESSAGE}
            outcome: duplicate
    """)


def test_of_all_events_in_a_window_the_furthest_is_sent_when_it_ends() -> None:
    passes(
        f"""
        events:
          - {receipt("sent")}
            outcome: superseded
          - {receipt("read")}
            after: 5s
            outcome: done
          - {receipt("delivered")}
            after: 5s
            exchanges: [{{expect: {{method: PUT, path: /s/m1, json: {{status: read}}}}}}]
            outcome: superseded
            reason: further
        """,
        rules=STATUS.replace("COALESCE", "coalesce: {within: 30s}"),
    )


def test_a_window_is_over_by_the_end_of_a_test_and_after_its_time() -> None:
    rules = STATUS.replace("COALESCE", "coalesce: {within: 30s}")
    passes(f"{receipt('sent')}\nexchanges: [{{expect: {{path: /s/m1}}}}]\noutcome: done", rules=rules)
    passes(
        f"""
        events:
          - {receipt("sent")}
            outcome: done
          - after: 31s
            exchanges: [{{expect: {{path: /s/m1}}}}]
          - {receipt("delivered")}
            exchanges: [{{expect: {{path: /s/m1, json: {{status: delivered}}}}}}]
            outcome: done
        """,
        rules=rules,
    )


def test_a_status_that_goes_back_is_superseded_and_an_older_update_as_well() -> None:
    passes(
        f"""
        events:
          - {receipt("read")}
            exchanges: [{{expect: {{path: /s/m1}}}}]
            outcome: done
          - {receipt("sent")}
            outcome: superseded
        """,
        rules=STATUS.replace("COALESCE", ""),
    )
    order = "{{source: shop, body: {{shop: a, orders: [{{kind: paid, id: {0}, order: 5, at: '{1}'}}]}}}}"
    passes(
        f"""
        events:
          - event: {order.format(1, "2026-01-01T10:00:00Z")}
            exchanges: [{{expect: {{path: /orders/5, json: {{parent: a}}}}}}]
            outcome: done
          - event: {order.format(2, "2026-01-01T09:00:00Z")}
            outcome: superseded
        """,
        rules=ORDERS,
    )


def test_the_events_of_one_customer_stand_in_line() -> None:
    second = "{event: message.received, data: {message_id: m2, sender: '918856879188', type: text, body: Second}}"
    passes(f"""
        rule: log
        events:
          - event: {{source: aisoule, body: MESSAGE}}
            exchanges: [{{expect: POSTED, answer: {{status: 500}}}}]
            outcome: done
          - event: {{source: aisoule, body: {second}}}
            exchanges:
              - {{expect: {{path: /entries, json: {{text: HELLO}}}}}}
              - {{expect: {{method: GET, path: /entries/1}}}}
              - {{expect: {{path: /entries, json: {{text: SECOND}}}}}}
            outcome: done
    """)
    passes(f"""
        rule: log
        events:
          - event: {{source: aisoule, body: MESSAGE}}
            exchanges: [{{expect: POSTED, answer: {{status: 500}}}}]
            outcome: retrying
          - event: {{source: aisoule, body: {second}}}
            outcome: waiting
    """)


def test_the_time_of_an_event_can_be_said() -> None:
    rules = """
rules:
  - name: when
    on: aisoule/*
    steps: [{id: post, use: erp.post, with: {path: /when, json: {at: "{{ event.received_at }}"}}}]
"""
    for when, expected in (
        ("received_at: 2026-06-02T03:01:38Z", "2026-06-02T03:01:38.000Z"),
        ("", "2026-01-01T00:00:00.000Z"),
    ):
        passes(
            f"""
            event: {{source: aisoule, body: MESSAGE, {when}}}
            exchanges: [{{expect: {{path: /when, json: {{at: "{expected}"}}}}}}]
            """,
            rules=rules,
        )


def test_several_rules_each_have_their_outcome() -> None:
    rules = """
rules:
  - {name: one, on: aisoule/*, steps: [{id: a, use: erp.post, with: {path: /one}}]}
  - {name: two, on: aisoule/*, if: fields.kind == "image", steps: [{id: a, use: erp.post, with: {path: /two}}]}
  - {name: off, on: aisoule/*, enabled: false, steps: [{id: a, use: erp.post, with: {path: /off}}]}
  - {name: quiet, on: aisoule/*, mode: shadow, steps: [{id: a, use: erp.post, with: {path: /quiet}}]}
"""
    event = "event: {source: aisoule, body: MESSAGE}"
    first, last = "{expect: {path: /one}}", "{expect: {path: /quiet}}"
    passes(f"{event}\nexchanges: [{first}, {last}]\noutcome: {{one: done, two: skipped, quiet: done}}", rules=rules)
    passes(f"rules: [one, two]\n{event}\nexchanges: [{first}]\noutcome: {{one: done, two: skipped}}", rules=rules)
    passes(f"rule: off\n{event}\nexchanges: [{{expect: {{path: /off}}}}]\noutcome: done", rules=rules)
    [failure] = failures(f"rules: [one, two]\n{event}\nexchanges: [{first}]\noutcome: done", rules=rules)
    assert isinstance(failure, WrongOutcome)
    assert (failure.rule, failure.got) == ("two", "skipped")


BODY_RULES = """
rules:
  - name: put
    on: "own/*"
    steps:
      - {id: put, use: erp.put, with: {path: "/x", json: {id: "{{ body.id }}", of: "{{ parents.group.of }}"}}}
"""


@pytest.mark.parametrize(
    "form", ["form", "multipart", "form_json(payload)", "json", "text_json", "[form_json(payload), form]"]
)
def test_an_event_is_posted_in_the_form_that_its_source_takes(form: str) -> None:
    own = f'  own: {{verify: {{type: none}}, body: {form}, event: {{type: x, id: "{{{{ body.id }}}}"}}}}\n'
    test = """
        rule: put
        event: {source: own, body: {id: "7"}}
        exchanges: [{expect: {json: {id: "7"}}, answer: {}}]
    """
    passes(
        test,
        rules=BODY_RULES.replace("parents.group.of", "body.of | default(omit)"),
        config=CONFIG.replace("  shop:\n", own + "  shop:\n", 1),
    )


def test_each_item_of_lists_in_lists_knows_what_it_stands_in() -> None:
    own = '  own: {verify: {type: none}, split: "group[].list[]", event: {type: x, id: "{{ body.id }}"}}\n'
    test = """
        rule: put
        event: {source: own, body: {group: [{of: a, list: [{id: 1}]}, {of: b, list: [{id: 2}]}]}}
        exchanges:
          - {expect: {json: {id: 1, of: a}, exact: true}, answer: {}}
          - {expect: {json: {id: 2, of: b}, exact: true}, answer: {}}
    """
    passes(test, rules=BODY_RULES, config=CONFIG.replace("  shop:\n", own + "  shop:\n", 1))
