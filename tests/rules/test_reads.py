import pytest

from bridge.expressions import compile_expression
from bridge.rules.reads import Placed, check_reads
from bridge.rules.schema import RuleShape
from tests.rules.builders import problems

RULE = """
    vars: {text: "{{ fields.text }}"}
    recall: {user: "{{ fields.customer }}"}
    steps:
      - {id: first, use: erp.post, with: {path: /a}}
      - {id: here, use: erp.post, WHERE}
      - {id: later, use: erp.post, with: {path: /b}}
"""


@pytest.mark.parametrize(
    ("read", "code", "message", "help_"),
    [
        ("links.usr", "BR122", "`links.usr` is not recalled", "did you mean `links.user`?"),
        ("links.zebra", "BR122", "`links.zebra` is not recalled", "add `zebra` under the rule's `recall`"),
        ("vars.txt", "BR122", "`vars.txt` is not defined", "did you mean `vars.text`?"),
        ("vars.zebra", "BR122", "`vars.zebra` is not defined", "add `zebra` under the rule's `vars`"),
        ("steps.frst.id", "BR205", "there is no step `frst`", "did you mean `steps.first`?"),
        ("steps.zebra.id", "BR205", "there is no step `zebra`", "steps of this rule"),
        ("steps.later.id", "BR205", "step `later` runs later", "move that step before this one"),
        ("steps.here.id", "BR205", "has no result yet", "only its `remember`"),
        ("steps.first.bdy", "BR122", "a step has no `bdy`", "did you mean `steps.first.body`?"),
        ("steps.first.zebra", "BR122", "a step has no `zebra`", "a step has `body`"),
    ],
)
@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("if: '1 == READ', with: {path: /}", ("if",)),
        ("with: {path: '/x/{{ READ }}'}", ("with", "path")),
        ("with: {path: /, json: {a: [b, '{{ 1 ~ READ }}']}}", ("with", "json", "a", 1)),
        ("with: {path: /}, remember: {user: '{{ READ }}'}", ("remember", "user")),
    ],
)
def test_a_look_up_that_can_only_fail_is_marked_where_it_stands(
    read: str, code: str, message: str, help_: str, where: str, path: tuple[str | int, ...]
) -> None:
    found = problems(RULE.replace("WHERE", where.replace("READ", read)))
    if read == "steps.here.id" and path[0] == "remember":
        assert found == []
        return
    (problem,) = found
    assert (problem.code, problem.path) == (code, ("steps", 1, *path))
    assert message in problem.message
    assert help_ in "".join(problem.helps)
    assert problem.offset == where.replace("READ", read).split("'")[1].index(read)
    assert read.startswith(read[: problem.length])


@pytest.mark.parametrize(
    "read", ["links.user", "vars.text", "steps.first.body.anything.at.all", "steps.first", "links"]
)
def test_what_is_there_may_be_read(read: str) -> None:
    assert problems(RULE.replace("WHERE", f"if: '{read}', with: {{path: /}}")) == []


def test_rule_level_templates_are_checked_too() -> None:
    for part in ("if: vars.txt", "key: '{{ vars.txt }}'", "recall: {a: '{{ vars.txt }}'}"):
        (problem,) = problems("vars: {text: x}\n" + part)
        assert (problem.code, problem.path[0]) == ("BR122", part.partition(":")[0])
    (problem,) = problems("only_forward: {order: [a], by: '{{ vars.txt }}'}")
    assert problem.path == ("only_forward", "by")


def test_a_name_inside_another_is_not_marked() -> None:
    (problem,) = problems(RULE.replace("WHERE", "if: vars.text and vars.tex, with: {path: /}"))
    assert problem.offset == len("vars.text and ")


def test_a_look_up_written_with_brackets_is_found_without_an_offset() -> None:
    (problem,) = problems(RULE.replace("WHERE", "if: \"links['usr']\", with: {path: /}"))
    assert (problem.code, problem.offset) == ("BR122", None)


@pytest.mark.parametrize(
    ("read", "fields", "message", "help_"),
    [
        ("fields.custommer", {"customer", "name"}, "no `fields.custommer`", "did you mean `fields.customer`?"),
        ("fields.subject", {"title", "object_id"}, "no `fields.subject`", "did you mean `fields.title`?"),
        ("fields.contact", {"contacts", "customer_id"}, "no `fields.contact`", "did you mean `fields.customer_id`?"),
        ("fields.subject", {"subjects"}, "no `fields.subject`", "did you mean `fields.subjects`?"),
        ("event.subject", None, "no `event.subject`", "`received_at`"),
        ("fields.zzz", {"customer"}, "no `fields.zzz`", "they have `customer`"),
        ("fields.customer", frozenset(), "no `fields.customer`", "use `body`"),
        ("event.foo", None, "no `event.foo`", "`received_at`"),
        ("parents.entri", {"entry", "changes"}, "no `parents.entri`", "did you mean `parents.entry`?"),
        ("parents.entry", frozenset(), "no `parents.entry`", "use `parent`"),
    ],
)
def test_a_field_that_no_event_of_the_rule_has_is_refused(
    read: str, fields: set[str] | None, message: str, help_: str
) -> None:
    shape = RuleShape.model_validate(
        {"name": "r", "on": "s/t", "if": f"{read} == 'x'", "steps": [{"id": "a", "use": "erp.get"}]}
    )
    placed = Placed(("if",), compile_expression(f"{read} == 'x'"))
    [problem] = check_reads(shape, [placed], fields, fields)
    assert problem.code == "BR122"
    assert message in problem.message
    assert help_ in problem.helps[0]
    assert problem.offset == 0


def test_a_header_in_capitals_is_refused_because_no_event_has_it() -> None:
    (problem,) = problems(RULE.replace("WHERE", "if: \"headers['X-Shop-Id'] == '1'\", with: {path: /}"))
    assert (problem.code, problem.helps) == ("BR122", ("write `headers['x-shop-id']`",))
    assert problems(RULE.replace("WHERE", "if: \"headers['x-shop-id'] == '1'\", with: {path: /}")) == []


def test_fields_of_a_source_that_is_not_known_are_not_judged() -> None:
    shape = RuleShape.model_validate({"name": "r", "on": "s/t", "steps": [{"id": "a", "use": "erp.get"}]})
    assert list(check_reads(shape, [Placed(("if",), compile_expression("fields.any == 'x'"))])) == []


MESSAGING = frozenset({"customer", "message_id", "text"})


@pytest.mark.parametrize(
    ("condition", "fields", "codes"),
    [
        ("fields.name | default('') == 'x'", MESSAGING, []),
        ("fields.name is defined", MESSAGING, []),
        ("fields.name == 'x'", MESSAGING, ["BR122"]),
        ("fields.name is defined and fields.name == 'x'", MESSAGING, ["BR122"]),
        ("fields.nmae | default('') == 'x'", MESSAGING, ["BR122"]),
        ("fields.name | default('') == 'x'", frozenset({"number", "title"}), ["BR122"]),
    ],
)
def test_a_word_of_messaging_sources_may_be_read_with_a_default_where_the_sender_lacks_it(
    condition: str, fields: frozenset[str], codes: list[str]
) -> None:
    shape = RuleShape.model_validate(
        {"name": "r", "on": "s/t", "if": condition, "steps": [{"id": "a", "use": "erp.get"}]}
    )
    found = list(check_reads(shape, [Placed(("if",), compile_expression(condition))], fields))

    assert [problem.code for problem in found] == codes
