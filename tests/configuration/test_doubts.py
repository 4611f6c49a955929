"""What `check` doubts about rules that have no mistakes: only what is certain, and always as a warning."""

from pathlib import Path

import pytest

from bridge.rules.doubled import MOST_COMPARED
from tests.configuration.builders import CONFIG, full, lines, load, swap

RULE = """\
  - name: {name}
    on: {on}
    if: {if_}
    steps:
      - id: post
        use: erp.post
        with: {{path: /x, json: {{text: "{{{{ fields.text }}}}"}}}}
"""


def rule(name: str = "one", on: str = "aisoule/message.received", if_: str = "true") -> str:
    return RULE.format(name=name, on=on, if_=if_)


def found(folder: Path, *rules: str, config: str = CONFIG) -> list[str]:
    loaded = load(folder, {"rules.yaml": "rules:\n" + "".join(rules), "config.yaml": config})
    assert loaded.configuration is not None, full(loaded)
    return lines(loaded)


def headlines(folder: Path, *rules: str) -> list[str]:
    return [line.partition(" BR")[2].partition(";")[0] for line in found(folder, *rules)]


# --- never matches, never runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "if_", "place"),
    [
        ("aisoule/message.received", "false", "4:9"),
        ("aisoule/message.received", "1 == 2", "4:9"),
        ("aisoule/message.received", "(1 + 1) > 2", "4:9"),
        ("aisoule/message.received", "fields.kind == 'a' and fields.kind == 'b'", "4:32"),
        ("aisoule/message.received", "event.type == 'message.sent'", "4:9"),
        ("aisoule/message.received", "event.type != 'message.received'", "4:9"),
        ("aisoule/message.received", "fields.text and event.source == 'orders'", "4:25"),
        ("aisoule/message.*", "event.type == 'contact.created'", "4:9"),
        ("[aisoule/message.sent, aisoule/message.read]", "event.type in ['message.failed', 'ping']", "4:9"),
    ],
)
def test_a_rule_that_can_never_match_is_told_where_it_asks_too_much(
    tmp_path: Path, on: str, if_: str, place: str
) -> None:
    assert [line.split()[:3] for line in found(tmp_path, rule(on=on, if_=if_))] == [
        [f"rules.yaml:{place}:", "BR410", "warning"]
    ]


@pytest.mark.parametrize(
    ("on", "if_"),
    [
        ("aisoule/message.received", "event.type == 'message.received'"),
        ("aisoule/message.*", "event.type == 'message.sent'"),
        ('"*/message.*"', "event.source == 'aisoule'"),
        ("[aisoule/message.sent, aisoule/message.read]", "event.type != 'message.sent'"),
        ("aisoule/message.received", "fields.kind == 'text' and fields.text != 'STOP'"),
    ],
)
def test_a_rule_that_may_match_is_left_alone(tmp_path: Path, on: str, if_: str) -> None:
    assert found(tmp_path, rule(on=on, if_=if_)) == []


STEPS = """\
  - name: one
    on: aisoule/message.received
    if: fields.kind == "text"
    recall: {user: "{{ fields.customer }}"}
    steps:
      - id: first
        use: erp.post
        with: {path: /a}
        remember: {user: "{{ fields.customer }}"}
      - id: second
        if: links.user
        use: erp.post
        with: {path: /b}
        catch: [gone]
      - id: third
        if: steps.second.error
        use: erp.post
        with: {path: /c}
      - id: fourth
        for_each: "{{ body.items }}"
        if: item.kind == "a"
        use: erp.post
        with: {path: /d}
"""


def test_steps_that_may_run_are_left_alone(tmp_path: Path) -> None:
    assert found(tmp_path, STEPS) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("if: links.user", 'if: links.user and fields.kind == "image"', "12:28", "`fields.kind` is never what its"),
        ("if: links.user", "if: links.user and not links.user", "12:32", "asks for two things of `links.user`"),
        ("if: links.user", "if: false", "12:13", "step `second` never runs"),
        ("if: links.user", "if: steps.first.error", "12:13", "`steps.first.error` is never what its"),
        ("if: links.user", "if: steps.first.skipped", "12:13", "`steps.first.skipped` is never what its"),
        ("if: steps.second.error", "if: steps.first.error.status == 404", "17:13", "never what its"),
        ('"{{ body.items }}"', '"{{ [] }}"', "21:19", "step `fourth` never runs"),
        ('item.kind == "a"', 'item.kind == "a" and item.kind == "b"', "22:34", "asks for two things of `item.kind`"),
    ],
)
def test_a_step_that_never_runs_is_told_where_it_asks_too_much(
    tmp_path: Path, old: str, new: str, place: str, says: str
) -> None:
    [line] = found(tmp_path, swap(STEPS, old, new))

    assert line.startswith(f"rules.yaml:{place}: BR411 warning ")
    assert says in line


def test_the_note_says_who_settles_it(tmp_path: Path) -> None:
    text = "rules:\n" + swap(STEPS, "if: links.user", "if: steps.first.error")
    shown = full(load(tmp_path, {"rules.yaml": text}))

    assert "= note: step `first`, which catches nothing, settles `steps.first.error` otherwise" in shown
    assert "= help: add `catch` to the earlier step" in shown


def test_the_steps_of_a_rule_that_never_matches_and_rules_out_of_use_are_not_doubted(tmp_path: Path) -> None:
    never = rule(if_="false").replace("- id: post\n", "- id: post\n        if: false\n")

    assert len(found(tmp_path, never)) == 1
    assert (
        found(tmp_path, never.replace("    if: false\n    steps", "    if: false\n    enabled: false\n    steps")) == []
    )


# --- the same twice ----------------------------------------------------------------------------------------------


def test_each_rule_that_says_the_same_as_an_earlier_one_is_told_once_with_both_places(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": "rules:\n" + rule("one") + rule("two") + rule("three")})

    assert [line.split(" BR412 warning ")[0] for line in lines(loaded)] == [
        "rules.yaml:9:11:",
        "rules.yaml:16:11:",
    ]
    assert "the first one" in full(loaded)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (("aisoule/message.received", "true"), ("aisoule/message.*", "true")),
        (("aisoule/message.*", "true"), ('"*/mess*"', "true")),
        (
            ("aisoule/message.received", "fields.kind == 'text'"),
            ("aisoule/message.received", "fields.kind in ['text', 'a']"),
        ),
        (("aisoule/message.sent", "fields.kind == 'a' and fields.text"), ("aisoule/*", "fields.kind == 'a'")),
    ],
)
def test_a_rule_that_repeats_the_call_for_every_event_of_another_is_told(
    tmp_path: Path, narrow: tuple[str, str], wide: tuple[str, str]
) -> None:
    expected = ["412 warning for every event of rule `narrow`, rule `wide` makes the same call `erp.post`"]

    assert headlines(tmp_path, rule("narrow", *narrow), rule("wide", *wide)) == expected
    assert headlines(tmp_path, rule("wide", *wide), rule("narrow", *narrow)) == expected


@pytest.mark.parametrize(
    "other",
    [
        rule("two", "aisoule/message.sent"),
        rule("two", "aisoule/message.received", "fields.kind == 'text'").replace("/x", "/y"),
        rule("two").replace("    steps:", "    mode: shadow\n    steps:"),
        rule("two").replace("    steps:", "    enabled: false\n    steps:"),
        rule("two").replace("    steps:", '    coalesce: {within: 10s, by: "{{ fields.customer }}"}\n    steps:')
        .replace("received", "*"),
        rule("two").replace("        use:", "        if: fields.name\n        use:").replace("received", "*"),
    ],
)  # fmt: skip
def test_rules_that_differ_in_what_counts_are_left_alone(tmp_path: Path, other: str) -> None:
    one = rule("one", if_="fields.kind == 'image'" if "/y" in other else "true")

    assert found(tmp_path, one, other) == []


def test_two_rules_that_cover_each_other_are_told_once(tmp_path: Path) -> None:
    keyed = rule("two").replace("    steps:", '    key: "{{ fields.customer }}"\n    steps:')

    assert len(found(tmp_path, rule("one"), keyed)) == 1


def test_of_many_rules_with_one_call_only_equal_conditions_are_compared(tmp_path: Path) -> None:
    many = [rule(f"r{n}", if_=f"fields.kind == '{n}'") for n in range(MOST_COMPARED)]

    assert len(found(tmp_path, *many, rule("again", if_="fields.kind == '1'"))) == 1
    assert len(found(tmp_path, *many[1:], rule("again", if_="fields.kind in ['1', '2']"))) == 2
    assert found(tmp_path, *many, rule("again", if_="fields.kind in ['1', '2']")) == []


def test_reading_twice_and_beginning_with_the_same_upsert_are_no_harm(tmp_path: Path) -> None:
    upsert = "use: hubspot.contacts.upsert\n        with: {id: a, id_property: whatsapp_id, properties: {}}"
    old = rule().partition("use: ")[2].rstrip("\n")
    upserts = [rule(name).replace(f"use: {old}", upsert) for name in ("one", "two")]
    further = "      - id: more\n        use: erp.post\n        with: {path: /more}\n"
    reads = [
        rule(name).replace("erp.post", "erp.get").replace(', json: {text: "{{ fields.text }}"}', "")
        for name in ("one", "two")
    ]

    assert found(tmp_path, *reads) == []
    assert found(tmp_path, upserts[0], upserts[1] + further) == []
    assert headlines(tmp_path, *upserts) == ["412 warning rules `one` and `two` say the same"]


def test_a_call_that_depends_on_other_steps_or_variables_is_not_the_same(tmp_path: Path) -> None:
    with_vars = rule("one").replace("fields.text", "vars.a").replace("    steps:", "    vars: {a: 1}\n    steps:")
    other = with_vars.replace("name: one", "name: two").replace("{a: 1}", "{a: 2}")

    assert found(tmp_path, with_vars, other) == []
    assert len(found(tmp_path, with_vars, other.replace("{a: 2}", "{a: 1}"))) == 1


# --- more than a limit lets through --------------------------------------------------------------------------

LIMITED = """\
  - name: one
    on: aisoule/message.received
    steps:
      - id: each
        for_each: "{{ [1, 2, 3, 4] }}"
        use: erp.post
        with: {path: /x}
      - id: more
        use: erp.put
        with: {path: /y}
"""


def limited(limits: str) -> str:
    return swap(
        CONFIG,
        '{connector: http, base_url: "https://erp',
        f'{{connector: http, limits: {limits}, base_url: "https://erp',
    )


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("{own: {calls: 4, per: 1m}}", "rules.yaml:10:14: needs 5 calls of `erp`; its limit `own` lets 4"),
        ("{own: {calls: 3, per: 1m}}", "rules.yaml:6:19: needs 5 calls of `erp`; its limit `own` lets 3 through in 1m"),
        ("{own: {calls: 3, per: 1m, methods: [POST]}}", "rules.yaml:6:19: needs 4 calls of `erp`"),
        ("{own: {calls: 5, per: 1m}}", None),
        ("{own: {calls: 1, per: 1m, methods: [PUT]}}", None),
        ("{own: {calls: 1, per: 1m, methods: [PUT], operations: [post]}}", None),
        ("{own: {calls: 3, per: 1m, operations: [get, put]}}", None),
    ],
)  # fmt: skip
def test_a_rule_that_alone_exceeds_a_limit_is_told_at_the_call_that_waits(
    tmp_path: Path, limits: str, expected: str | None
) -> None:
    shown = found(tmp_path, LIMITED, config=limited(limits))

    assert len(shown) == (expected is not None)
    if expected is not None:
        place, _, words = expected.partition(" ")
        assert shown[0].startswith(f"{place} BR413 warning")
        assert words in shown[0]


ZENDESK = swap(
    CONFIG,
    "destinations:\n",
    "destinations:\n  zd: {connector: zendesk, subdomain: acme, client_id: bridge,"
    ' client_secret: "${ZENDESK_CLIENT_SECRET}"LIMITS}\n',
)
COMMENTS = """\
  - name: one
    on: aisoule/message.received
    steps:
      - id: comment
        for_each: "{{ [ITEMS] }}"
        use: zd.tickets.comment
        with: {id: "{{ KEY }}", body: "{{ item }}"}
"""


def comments(count: int, key: str = "body.ticket") -> str:
    return COMMENTS.replace("ITEMS", ", ".join(["1"] * count)).replace("KEY", key)


def test_a_limit_with_a_key_counts_the_calls_of_one_key(tmp_path: Path) -> None:
    plain = ZENDESK.replace("LIMITS", "")

    assert found(tmp_path, comments(30), config=plain) == []
    [line] = found(tmp_path, comments(31), config=plain)
    assert "needs 31 calls of `zd` with one key; its limit `updates_of_one_ticket` lets 30 through in 10m" in line
    assert found(tmp_path, comments(31, "item"), config=plain) == []


def test_what_the_destination_says_about_the_limit_counts(tmp_path: Path) -> None:
    for change, count in (("off", 0), ("{calls: 40}", 0), ("{calls: 20}", 1)):
        config = ZENDESK.replace("LIMITS", f", limits: {{updates_of_one_ticket: {change}}}")
        assert len(found(tmp_path, comments(31), config=config)) == count


def test_calls_that_depend_on_the_event_are_not_counted(tmp_path: Path) -> None:
    config = limited("{own: {calls: 1, per: 1m}}")
    maybe = LIMITED.replace("        use: erp.put", "        if: fields.text\n        use: erp.put")
    unknown = maybe.replace("[1, 2, 3, 4]", "body.items")

    assert len(found(tmp_path, maybe, config=config)) == 1
    assert found(tmp_path, unknown, config=config) == []
    assert found(tmp_path, LIMITED.replace("    steps:", "    mode: shadow\n    steps:"), config=config) == []
