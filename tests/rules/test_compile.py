import pytest

from bridge.model import Order, Outcome
from tests.rules.builders import problems, rule


def test_a_rule_knows_its_destinations_its_reads_and_its_defaults() -> None:
    compiled = rule(
        """
        recall: {user: "{{ fields.customer }}", ticket: "{{ fields.customer }}"}
        steps:
          - {id: user, if: not links.user, use: zendesk.users.upsert, with: {external_id: "{{ fields.customer }}"}}
          - id: comment
            use: zendesk.tickets.comment
            with: {id: "{{ links.ticket }}", author_id: "{{ links.user or steps.user.id }}", body: "{{ fields.text }}"}
            catch: [gone]
          - {id: note, use: erp.post, with: {path: "/tickets/{{ links.ticket }}"}}
        """
    )
    user, comment, note = compiled.steps
    assert compiled.destinations == ("zendesk", "erp")
    assert (compiled.order, compiled.order_hold_ms, compiled.coalesce_ms) == (Order.HOLD, 900_000, None)
    assert user.label == "zendesk.users.upsert"
    assert (user.reads_links, user.sends_links) == (frozenset({"user"}), frozenset())
    assert comment.reads_links == {"user", "ticket"}
    assert comment.sends_links == {"ticket"}
    assert comment.reads_steps == {"user"}
    assert comment.catch == {Outcome.GONE}
    assert note.sends_links == {"ticket"}


def test_a_revision_follows_what_the_rule_says() -> None:
    text = "key: '{{ fields.customer }}'"
    assert rule(text).revision == rule(text).revision
    assert rule(text).revision != rule(text.replace("customer", "business")).revision


@pytest.mark.parametrize(
    ("text", "code", "path", "message", "help_"),
    [
        ("on: aisoule", "BR104", ("on",), "does not say which events", "write `aisoule/*`"),
        ("on: [a/b, /x]", "BR104", ("on", 1), "does not say which events", "write `aisoule/x`"),
        ("on: [a/b, 'a/']", "BR104", ("on", 1), "does not say which events", "write `a/*`"),
        ("if: fields.a ==", "BR120", ("if",), "", ""),
        ("if: field.a", "BR122", ("if",), "there is no `field` here", "did you mean `fields`?"),
        ("key: '{{ fields.a | persn }}'", "BR123", ("key",), "filter `persn`", "did you mean `person`?"),
        ("if: fields.a is tru", "BR123", ("if",), "test `is tru`", ""),
        ("key: '{{ fields.a | lower(1, 2) }}'", "BR123", ("key",), "too many", "lower"),
        ("key: '{{ links.user }}'", "BR122", ("key",), "links", ""),
        ("vars: {a: {b: ['{{ vars.c }}']}}", "BR122", ("vars", "a", "b", 0), "vars", ""),
        ("recall: {user: '{{ steps.a.id }}'}", "BR122", ("recall", "user"), "steps", ""),
        ("coalesce: {within: 30s}", "BR101", ("coalesce",), "no `by`", "add `by"),
        ("coalesce: {within: 30s, by: '{{ x }}'}", "BR122", ("coalesce", "by"), "`x`", ""),
        ("only_newer: true", "BR101", ("only_newer",), "no `key`: newer than what?", "add `by"),
        ("only_newer: {time: '{{ body.at }}'}", "BR101", ("only_newer",), "no `by`", "give the rule a `key`"),
        ("only_newer: {by: '{{ x }}'}", "BR122", ("only_newer", "by"), "`x`", ""),
        ("only_newer: {by: a, time: '{{ x }}'}", "BR122", ("only_newer", "time"), "`x`", ""),
        ("only_forward: {order: [a], by: '{{ x }}'}", "BR122", ("only_forward", "by"), "`x`", ""),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_with_its_place(
    text: str, code: str, path: tuple[str | int, ...], message: str, help_: str
) -> None:
    (problem,) = problems(text)
    assert (problem.code, problem.path) == (code, path)
    assert message in problem.message
    assert help_ in "".join(problem.helps)


def steps(text: str) -> str:
    return "recall: {user: '{{ fields.customer }}'}\nsteps:\n" + "".join(f"  - {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("use", "code", "message", "help_", "offset", "length"),
    [
        ("zendsk.users.upsert", "BR201", "destination `zendsk`", "did you mean `zendesk`?", 0, 6),
        ("zendesk.user.upsert", "BR202", "no operation `user.upsert`", "did you mean `users.upsert`?", 8, 11),
        ("zendesk", "BR202", "does not say which operation", "write for instance `zendesk.", 0, 7),
        ("bells.qqqq", "BR202", "no operation `qqqq`", "write for instance `bells.ring`", 6, 4),
    ],
)
def test_an_unknown_destination_or_operation_is_marked_in_the_use(
    use: str, code: str, message: str, help_: str, offset: int, length: int
) -> None:
    (problem,) = problems(steps(f"{{id: a, use: {use}}}"))
    assert (problem.code, problem.path, problem.offset, problem.length) == (code, ("steps", 0, "use"), offset, length)
    assert message in problem.message
    assert help_ in "".join(problem.helps)
    assert problem.notes


def test_two_steps_with_one_id_are_refused() -> None:
    (problem,) = problems(steps("{id: a, use: erp.get, with: {path: /}}\n{id: a, use: erp.get, with: {path: /}}"))
    assert (problem.code, problem.path) == ("BR207", ("steps", 1, "id"))


def test_a_broken_template_in_a_step_is_told_with_its_place_and_offset() -> None:
    (problem,) = problems(steps("{id: a, use: erp.post, with: {path: /, json: {b: ['{{ nobody }}']}}}"))
    assert (problem.code, problem.path, problem.offset) == ("BR122", ("steps", 0, "with", "json", "b", 0), 3)


@pytest.mark.parametrize(
    ("use", "mend"),
    [
        ("contacts.upsert", "write `hubspot.contacts.upsert`"),
        ("post", "write `erp.post`"),
        ("nothing", "write `destination.operation`"),
    ],
)
def test_a_use_without_its_destination_is_completed(use: str, mend: str) -> None:
    (problem,) = problems(f"steps: [{{id: a, use: {use}, with: {{path: /}}}}]")
    assert (problem.code, problem.helps) == ("BR201", (mend,))


def test_all_mistakes_are_told_at_once() -> None:
    text = """
        on: aisoule
        key: "{{ fields.a | persn }}"
        steps:
          - {id: a, use: nowhere.post, with: {path: "/{{ steps.z.id }}"}}
          - {id: b, use: erp.pst, if: links.user}
          - {id: c, use: erp.post, with: {pth: /}}
        """
    found = {(problem.code, problem.path) for problem in problems(text)}
    assert found == {
        ("BR104", ("on",)),
        ("BR123", ("key",)),
        ("BR201", ("steps", 0, "use")),
        ("BR205", ("steps", 0, "with", "path")),
        ("BR202", ("steps", 1, "use")),
        ("BR122", ("steps", 1, "if")),
        ("BR203", ("steps", 2, "with", "pth")),
    }


def test_a_rule_may_have_a_retry_of_its_own_and_leaves_the_rest_to_the_destination() -> None:
    plain, whole, part = rule(""), rule("retry: {schedule: [1s, 1m], horizon: 2h}"), rule("retry: {horizon: 1h}")
    assert (plain.schedule_ms, plain.horizon_ms) == (None, None)
    assert (whole.schedule_ms, whole.horizon_ms) == ((1_000, 60_000), 7_200_000)
    assert (part.schedule_ms, part.horizon_ms) == (None, 3_600_000)
