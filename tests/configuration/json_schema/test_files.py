"""The schemas against all good files of the repository, and against the mistakes that people make."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bridge.cli.markdown import blocks
from bridge.configuration.json_schema import FILES, schema_of_file
from bridge.configuration.json_schema.shapes import described_keys
from bridge.diagnostics import load_yaml, parse_yaml
from tests.configuration.builders import CONFIG, RULES, swap
from tests.configuration.json_schema.builders import generic, told

REPOSITORY = Path(__file__).parents[3]
GOOD = [
    *[("config", path) for path in (REPOSITORY / "config.example.yaml",)],
    *[("rules", path) for path in sorted((REPOSITORY / "config").glob("*.yaml")) if ".test." not in path.name],
    *[("tests", path) for path in sorted((REPOSITORY / "config").glob("*.test.yaml"))],
    *[("connector", path) for path in sorted((REPOSITORY / "bridge/connectors/catalog").glob("*.yaml"))],
    *[("source", path) for path in sorted((REPOSITORY / "bridge/sources/presets").glob("*.yaml"))],
]

RULE = """\
rules:
  - name: ticket
    on: aisoule/message.received
    coalesce: {within: 30s, by: "{{ fields.message_id }}"}
    steps:
      - id: ticket
        use: zendesk.tickets.create
        with: {subject: Hello, status: new, comment: {body: "{{ fields.text }}", public: true}}
        catch: [gone]
      - id: contact
        use: hubspot.contacts.upsert
        with: {id: "{{ fields.customer }}", id_property: whatsapp_id, properties: {phone: "+49"}}
"""


@pytest.mark.parametrize("kind", FILES)
def test_a_schema_is_one_of_the_draft_that_it_names_and_describes_every_key(kind: str) -> None:
    schema = schema_of_file(kind)
    Draft202012Validator.check_schema(schema)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert [key for key, words in described_keys(schema).items() if not words] == []


@pytest.mark.parametrize(("kind", "path"), GOOD, ids=lambda value: getattr(value, "name", value))
def test_every_shipped_file_is_a_good_one(kind: str, path: Path) -> None:
    document = load_yaml(path).document
    assert document is not None
    assert [error.message for error in generic(kind).iter_errors(document.data)] == []


def test_every_whole_file_in_the_pages_is_a_good_one() -> None:
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for page in pages:
        for line, text in blocks(page.read_text()):
            data = parse_yaml(text, page.name).document
            keys = data.data.keys() if data is not None and isinstance(data.data, dict) else ()
            kind = "config" if "version" in keys else next((each for each in ("rules", "tests") if each in keys), None)
            if kind is not None:
                found.append((f"{page.name}:{line}", told(kind, text)))

    assert len(found) > 2
    assert [each for each in found if each[1]] == []


def test_the_files_that_the_tests_begin_with_are_good_ones() -> None:
    assert told("config", CONFIG) == []
    assert told("rules", RULES) == []
    assert told("rules", RULE) == []


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("name: ticket", "nmae: ticket", "rules.0.nmae", "'nmae' was unexpected"),
        ("name: ticket", "name: 'a ticket'", "rules.0.name", "does not match"),
        ("on: aisoule/message.received", "'on': message.received", "rules.0.on", "does not match"),
        ("    on: aisoule/message.received\n", "", "rules.0", "'on' is a required property"),
        ("coalesce: {within: 30s", "coalesce: {within: 30", "rules.0.coalesce.within", "not of type 'string'"),
        ("within: 30s", "within: '30'", "rules.0.coalesce.within", "does not match"),
        ("within: 30s", "within: 30 seconds", "rules.0.coalesce.within", "does not match"),
        ("within: 30s, ", "", "rules.0.coalesce", "'within' is a required property"),
        ("within: 30s, by", "within: 30s, bye", "rules.0.coalesce.bye", "'bye' was unexpected"),
        ("zendesk.tickets.create", "zendesk.ticket.create", "rules.0.steps.0.use", "not valid under any"),
        ("zendesk.tickets.create", "zendesk", "rules.0.steps.0.use", "not valid under any"),
        ("subject: Hello", "subjct: Hello", "rules.0.steps.0.with.subjct", "'subjct' was unexpected"),
        ("subject: Hello", "subject: [Hello]", "rules.0.steps.0.with.subject", "not of type 'string'"),
        ("status: new", "status: opened", "rules.0.steps.0.with.status", "not one of ['new', 'open'"),
        ("public: true", "public: 'yes'", "rules.0.steps.0.with.comment.public", "does not match"),
        ("public: true", "pulbic: true", "rules.0.steps.0.with.comment.pulbic", "'pulbic' was unexpected"),
        ('body: "{{ fields.text }}", ', "", "rules.0.steps.0.with.comment", "'body' is a required property"),
        ("id_property: whatsapp_id, ", "", "rules.0.steps.1.with", "'id_property' is a required property"),
        ('properties: {phone: "+49"}', "properties: phone", "rules.0.steps.1.with.properties", "does not match"),
        ("catch: [gone]", "catch: [missing]", "rules.0.steps.0.catch.0", "is not one of ['retry_later'"),
        ("catch: [gone]", "catch: gone", "rules.0.steps.0.catch", "not of type 'array'"),
        ("      - id: contact\n", "      - if: links.x\n", "rules.0.steps.1", "'id' is a required property"),
        ("    steps:", "    order: loose\n    steps:", "rules.0.order", "is not one of ['hold', 'strict', 'none']"),
        ("    steps:", "    enabled: 'no'\n    steps:", "rules.0.enabled", "does not match"),
        ("    steps:", "    step:", "rules.0", "'steps' is a required property"),
    ],
)
def test_a_typical_mistake_in_a_rule_is_told_at_its_path(old: str, new: str, path: str, words: str) -> None:
    found = told("rules", swap(RULE, old, new))

    assert any(where == path and words in message for where, message in found), found


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("version: 1", "version: 2", "version", "1 was expected"),
        ("destinations:", "destinatons:", "destinatons", "'destinatons' was unexpected"),
        ("rules: rules.yaml", "rules: {a: b}", "rules", "not of type 'string'"),
        ("version: 1", "version: 1\nserver: {listen: 8080}", "server.listen", "not of type 'string'"),
        ("version: 1", "version: 1\nserver: {max_body: 1M}", "server.max_body", "does not match"),
        ("version: 1", "version: 1\nlog: {level: verbose}", "log.level", "is not one of"),
        ("preset: aisoule, secret", "preset: aisoule, sceret", "sources.aisoule.sceret", "'sceret' was unexpected"),
        ("connector: hubspot, token", "connector: hubspot, tokn", "destinations.hubspot.tokn", "was unexpected"),
        ("connector: hubspot,", "conector: hubspot,", "destinations.hubspot", "'connector' is a required property"),
        ('base_url: "https://erp.example.com", ', "", "destinations.erp", "'base_url' is a required property"),
        ("type: bearer", "type: bearrer", "destinations.erp.auth.type", "is not one of"),
        ("connector: http,", "connector: http, timeout: 5,", "destinations.erp.timeout", "not of type 'string'"),
        ("connector: http,", "connector: http, concurrency: many,", "destinations.erp.concurrency", "does not match"),
        ("connector: http,", "connector: http, batch: yes,", "destinations.erp.batch", "is not valid under any"),
        ("connector: http,", "connector: http, replay_share: 20,", "destinations.erp.replay_share", "'string'"),
        (
            "connector: http,",
            "connector: http, retry: {schedule: [10]},",
            "destinations.erp.retry.schedule.0",
            "'string'",
        ),
    ],
)
def test_a_typical_mistake_in_a_configuration_is_told_at_its_path(old: str, new: str, path: str, words: str) -> None:
    found = told("config", swap(CONFIG, old, new))

    assert any(where == path and words in message for where, message in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("within: 30s", 'within: "${WINDOW:-30s}"'),
        ("status: new", "status: \"{{ fields.status | lookup('states') }}\""),
        ("status: new", 'status: "${STATUS}"'),
        ("subject: Hello", "subject: null"),
        ("public: true", "public: \"{{ fields.kind == 'text' }}\""),
        ('{body: "{{ fields.text }}", public: true}', '"{{ vars.comment }}"'),
        ('{phone: "+49"}', '"{{ vars.properties }}"'),
        ("on: aisoule/message.received", 'on: ["*/message.*", aisoule/ping]'),
        ("    steps:", "    only_newer: true\n    if: true\n    enabled: ${ON}\n    steps:"),
        ("    steps:", "    coalesce:\n    order_hold: 15 m\n    steps:"),
        ("use: zendesk.tickets.create", "use: zendesk-eu.tickets.create"),
        ("use: zendesk.tickets.create", "use: acme.people.create"),
        ("rules:\n", "tables: {states: {a: new}, teams: {file: teams.csv}}\nrules:\n"),
    ],
)
def test_what_the_bridge_takes_is_no_mistake(old: str, new: str) -> None:
    text = (
        RULE.replace('    coalesce: {within: 30s, by: "{{ fields.message_id }}"}\n', "") if "coalesce:" in new else RULE
    )
    assert told("rules", swap(text, old, new)) == []


TESTS = """\
tests:
  - name: a comment
    rule: ticket
    links: {ticket: {"+918856879188": 77}}
    cases: [{name: first, status: 200}]
    event: {source: aisoule, body: {event: message.received}}
    exchanges:
      - expect: {method: PUT, path: /api/v2/tickets/77, json: {ticket: {}}}
        answer: {status: $case.status, headers: {Retry-After: 30}}
      - expect: {method: GET, exact: true}
        answer: lost
        waits: 30s
    outcome: done
"""


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("rule: ticket", "ruel: ticket", "tests.0.ruel", "was unexpected"),
        ("outcome: done", "outcome: finished", "tests.0.outcome", "is not one of ['done', 'skipped'"),
        ("answer: lost", "answer: gone", "tests.0.exchanges.1.answer", "'refused', 'expired']"),
        ("$case.status", "ok", "tests.0.exchanges.0.answer.status", "does not match"),
        ("waits: 30s", "waits: 30", "tests.0.exchanges.1.waits", "not of type 'string'"),
        ("{source: aisoule, body", "{body", "tests.0.event", "'source' is a required property"),
    ],
)
def test_a_typical_mistake_in_a_test_is_told_at_its_path(old: str, new: str, path: str, words: str) -> None:
    assert told("tests", TESTS) == []
    found = told("tests", swap(TESTS, old, new))

    assert any(where == path and words in message for where, message in found), found


def test_a_configuration_may_hold_rules_in_place_and_empty_sections() -> None:
    in_place = RULE.removeprefix("rules:\n")
    assert told("config", f"version: 1\nsources:\nserver:\nrules:\n{in_place}") == []
    assert told(
        "config", f"version: 1\nrules:\n  - rules.yaml\n{in_place.replace('use: zendesk', 'uses: zendesk')}"
    ) == [
        ("rules.1.steps.0", "'use' is a required property"),
        ("rules.1.steps.0.uses", "Additional properties are not allowed ('uses' was unexpected)"),
    ]


SOURCE = """\
version: 1
sources:
  shop:
    verify:
      type: hmac
      encoding_of: nothing
      any_of:
        - {signature: {from: "header:X-New"}}
        - {signature: {from: "header:X-Old"}, algorithm: sha1}
    secret: ${SHOP_SECRET}
rules: rules.yaml
"""


def test_alternatives_may_leave_out_what_stands_beside_their_list() -> None:
    good = swap(SOURCE, "      encoding_of: nothing\n", "")
    assert told("config", good) == []
    assert told("config", SOURCE) != []
    assert told("config", swap(good, "algorithm: sha1", "algoritm: sha1")) != []
    assert told("config", swap(good, "algorithm: sha1", "algorithm: md5")) != []
    assert told("config", swap(good, "type: hmac", "type: hamc")) != []
