from pathlib import Path

from tests.configuration.builders import CONFIG, RULES, full, lines, load, swap

LINKS = """\
rules:
  - name: a
    on: aisoule/message.received
    recall: {person: "{{ fields.customer }}"}
    steps:
      - id: s
        use: hubspot.contacts.upsert
        with: {id: "1", id_property: whatsapp_id, properties: {}}
        remember: {person: "{{ fields.customer }}"}
      - id: t
        use: erp.post
        with: {path: /x}
        remember: {order: "{{ fields.customer }}"}
"""


def test_links_that_are_recalled_and_remembered_are_fine(tmp_path: Path) -> None:
    assert lines(load(tmp_path, {"rules.yaml": LINKS})) == []


def test_a_link_remembered_from_two_destinations_is_refused_with_both_places(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": swap(LINKS, "{order:", "{person:")})

    assert loaded.configuration is None
    assert lines(loaded) == [
        (
            "rules.yaml:13:20: BR206 link `person` is remembered from `hubspot` and from `erp`; use a name of its own, "
            "for instance `erp_person`"
        )
    ]
    assert "remembered from `hubspot` here" in full(loaded)


def test_a_link_that_is_never_remembered_is_a_warning(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": swap(LINKS, "recall: {person:", "recall: {persn:")})

    assert loaded.configuration is not None
    assert lines(loaded) == [
        "rules.yaml:4:14: BR403 warning link `persn` is recalled, but no rule remembers it; did you mean `person`?"
    ]


def test_a_rule_that_cannot_be_read_is_not_blamed_for_what_it_may_remember(tmp_path: Path) -> None:
    broken = swap(LINKS, "recall: {person:", "recall: {persn:") + "  - {name: b}\n"

    assert {line.split()[1] for line in lines(load(tmp_path, {"rules.yaml": broken}))} == {"BR101"}


def test_a_type_that_the_source_never_sends_is_a_warning(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": swap(RULES, "message.received", "message.recieved")})

    assert loaded.configuration is not None
    assert lines(loaded) == [
        (
            "rules.yaml:3:9: BR402 warning source `aisoule` is not known to send `message.recieved`; did you mean "
            "`aisoule/message.received`?"
        )
    ]


def test_patterns_of_several_sources_match_if_one_of_them_may(tmp_path: Path) -> None:
    for pattern in ('"*/message.received"', "ais*/message.*", '"*/*"', "[aisoule/ping, aisoule/message.*]"):
        assert lines(load(tmp_path, {"rules.yaml": swap(RULES, "aisoule/message.received", pattern)})) == []


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": swap(RULES, "aisoule/message", "aisole/message")})

    assert loaded.configuration is None
    assert lines(loaded) == [
        (
            "rules.yaml:3:9: BR204 rule `log` waits for events of source `aisole`, which the configuration does not "
            "define; did you mean `aisoule`?"
        )
    ]


def test_a_source_that_is_wrong_itself_is_not_told_twice(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, "preset: aisoule", "preset: aisole")})

    assert [line.split()[1] for line in lines(loaded)] == ["BR211"]


def test_a_rule_name_used_in_two_files_is_refused_with_both_places(tmp_path: Path) -> None:
    files = {"config.yaml": swap(CONFIG, "rules.yaml", "[rules.yaml, more.yaml]"), "more.yaml": RULES}
    loaded = load(tmp_path, files)

    assert lines(loaded) == [
        (
            "more.yaml:2:11: BR207 two rules have the name `log`; rename one; deliveries and links of a rule are kept "
            "under its name"
        )
    ]
    assert "first used here" in full(loaded)
    assert "rules.yaml:2:11" in full(loaded)
