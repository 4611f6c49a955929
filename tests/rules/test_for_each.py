"""A step that is called for every item of a list: order, keys, interruption, results, replay."""

import pytest

from bridge.model import DeadKind, LinkWrite
from bridge.rules.items import MAX_ITEMS
from bridge.rules.run import Died, Finished, GoOn, Phase, Wait
from tests.canaries import PHONE
from tests.rules.builders import LOST, Driver, answer, problems, rule, scope, sent_json

LINES = """
    steps:
      - id: line
        for_each: "{{ body.lines }}"
        if: item.wanted | default(true)
        use: erp.post
        with: {path: /lines, json: {number: "{{ index }}", sku: "{{ item.sku }}"}}
        catch: [rejected]
        remember: {line: "{{ item.sku }}"}
      - id: after
        use: erp.post
        with: {path: /after, json: {last: "{{ steps.line.id }}", all: "{{ steps.line['items'] }}"}}
"""
CREATED = [answer(201, {"id": number}) for number in range(10)]
REFUSED = answer(422, {"message": "no"})


def event(lines: object) -> dict[str, object]:
    return scope() | {"body": {"lines": lines}}


def lines(*skus: str) -> list[dict[str, object]]:
    return [{"sku": sku} for sku in skus]


def driver(found: object, text: str = LINES) -> Driver:
    return Driver(rule(text), scope=event(found))


def test_every_item_is_one_call_in_order_with_its_index_and_its_own_link() -> None:
    run = driver(lines("a", "b", "c"))
    sent = [run.send(CREATED[number]) for number in range(3)]
    assert [sent_json(send) for send, _ in sent] == [{"number": n, "sku": s} for n, s in enumerate("abc")]
    assert isinstance(sent[1][1], GoOn)
    assert sent[1][1].links == (LinkWrite("line", "b", 1),)
    after, _ = run.send(CREATED[9])
    assert sent_json(after)["last"] == 2
    assert [item["id"] for item in sent_json(after)["all"]] == [0, 1, 2]
    assert run.action() == Finished()


def test_the_key_of_each_item_is_its_own_and_the_first_is_that_of_a_single_call() -> None:
    run = driver(lines("a", "b", "c"))
    keys = [run.send(CREATED[n])[0].request.headers["Idempotency-Key"] for n in range(3)]
    single = Driver(rule("steps: [{id: line, use: erp.post, with: {path: /lines}}]"))
    assert len(set(keys)) == 3
    assert single.peek().request.headers["Idempotency-Key"] == keys[0]


@pytest.mark.parametrize("found", [[], [{"sku": "a", "wanted": False}] * 2])
def test_a_step_without_a_wanted_item_is_skipped(found: list[dict[str, object]]) -> None:
    run = driver(found)
    after = run.peek()
    assert sent_json(after)["last"] is None
    outcome = run.state.results["line"]
    assert outcome["skipped"] is True
    assert isinstance(outcome["items"], list)
    assert [item["skipped"] for item in outcome["items"]] == [True] * len(found)


def test_an_unwanted_item_is_skipped_alone_and_a_refused_one_is_caught_alone() -> None:
    run = driver([{"sku": "a"}, {"sku": "b", "wanted": False}, {"sku": "c"}, {"sku": "d"}])
    run.send(CREATED[0])
    refused, _ = run.send(REFUSED)
    assert sent_json(refused)["sku"] == "c"
    run.send(CREATED[3])
    items = sent_json(run.peek())["all"]
    assert [item["id"] for item in items] == [0, None, None, 3]
    assert [item["skipped"] for item in items] == [False, True, False, False]
    assert [bool(item["error"]) for item in items] == [False, False, True, False]


def test_a_run_goes_on_at_the_item_where_it_stopped_with_the_same_bytes() -> None:
    run = driver(lines("a", "b", "c"))
    run.send(CREATED[0])
    cut = run.crash_while_sending()
    assert run.peek().request == cut.request
    assert isinstance(run.send(LOST)[1], Wait)
    assert run.send(CREATED[1])[0].request == cut.request
    assert sent_json(run.peek())["sku"] == "c"


def test_an_item_that_cannot_be_rendered_is_dead_with_its_position_and_no_value() -> None:
    run = driver([{"sku": PHONE}, {}])
    run.send(CREATED[0])
    death = run.died().death
    assert death.kind is DeadKind.MAPPING
    assert death.message == "rule `r`, step `line` (item 1), `remember.line`: `item.sku` is missing"
    assert PHONE not in repr(death)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("text", "the value is no list"),
        (None, "the value is no list"),
        ({"a": 1}, "the value is no list"),
        ([{}] * (MAX_ITEMS + 1), "the list has 1001 items, and at most 1,000"),
    ],
)
def test_what_is_no_list_or_too_long_is_dead_with_its_place(found: object, says: str) -> None:
    death = driver(found).died().death
    assert (death.kind, death.code) == (DeadKind.MAPPING, "render")
    assert "step `line`" in death.message
    assert "`for_each`" in death.message
    assert says in death.message
    assert death.mend


def test_a_missing_list_is_dead_unless_a_default_stands_in() -> None:
    run = Driver(rule(LINES))
    assert "`body.lines` is missing" in run.died().death.message
    mended = LINES.replace("{{ body.lines }}", "{{ body.lines | default([]) }}")
    assert Driver(rule(mended)).peek().step.id == "after"


def test_bodies_of_the_items_are_kept_only_where_the_rule_reads_them() -> None:
    kept, dropped = (
        driver(lines("a", "b")),
        driver(lines("a", "b"), LINES.replace("steps.line['items']", "steps.line.body")),
    )
    for run in (kept, dropped):
        run.send(answer(201, {"id": 1, "x": "first"}))
        run.send(answer(201, {"id": 2, "x": "second"}))
    assert [item["body"]["x"] for item in sent_json(kept.peek())["all"]] == ["first", "second"]
    assert sent_json(dropped.peek())["all"] == {"id": 2, "x": "second"}
    items = dropped.state.results["line"]["items"]
    assert isinstance(items, list)
    assert items[0]["body"] is None


def test_the_answer_of_an_item_may_give_its_own_key() -> None:
    run = driver(
        lines("a", "b"), LINES.replace('line: "{{ item.sku }}"', 'line: "{{ steps.line.body.n }}-{{ index }}"')
    )
    run.send(answer(201, {"id": 1, "n": "x"}))
    run.send(answer(201, {"id": 2, "n": "y"}))
    assert run.written == {("line", "x-0"): 1, ("line", "y-1"): 2}


def test_a_key_that_cannot_be_made_from_an_answer_does_not_repeat_the_item() -> None:
    text = LINES.replace('line: "{{ item.sku }}"', 'line: "{{ steps.line.body.n }}"')
    run = driver(lines("a", "b"), text)
    _, reaction = run.send(answer(201, {"id": 1}))
    assert isinstance(reaction, Died)
    assert "(item 0)" in reaction.death.message
    assert sent_json(run.replay().peek())["sku"] == "b"


# --- reloads and replays --------------------------------------------------------------------------------------


def test_a_replay_goes_on_behind_the_last_item_that_is_done() -> None:
    run = driver(lines("a", "b", "c", "d"), LINES.replace("catch: [rejected]", "catch: [gone]"))
    run.send(CREATED[0])
    run.send(answer(404, {}))
    run.send(CREATED[2])
    _, reaction = run.send(REFUSED)
    assert isinstance(reaction, Died)
    again = run.replay()
    first = again.peek()
    assert sent_json(first)["sku"] == "d"
    again.send(CREATED[3])
    assert [item["id"] for item in sent_json(again.peek())["all"]] == [0, None, 2, 3]


def test_a_replay_asks_again_about_items_after_the_last_done_one() -> None:
    run = driver(lines("a", "b", "c"), LINES.replace("catch: [rejected]", "catch: [gone]"))
    run.send(CREATED[0])
    run.send(answer(404, {}))
    run.send(REFUSED)
    assert sent_json(run.replay().peek())["sku"] == "b"


NOTES = """
    steps:
      - id: note
        for_each: body.lines
        if: item.sku != 'b'
        use: zendesk.tickets.comment
        with: {id: 77, body: "{{ item.sku }}"}
"""


def test_a_doubt_about_an_item_is_looked_into_at_its_own_position_in_a_replay() -> None:
    run = driver(lines("a", "b", "c"), NOTES)
    run.send(answer(200, {"ticket": {"id": 77}}))
    doubted = run.crash_while_sending()
    assert doubted.call is not None
    again = run.replay()
    assert again.peek().phase is Phase.PROBE
    metadata = sent_json(doubted)["ticket"]["metadata"]
    found = {"id": 5, "body": "c", "created_at": "2030-01-01T00:00:00Z", "metadata": {"custom": metadata}}
    again.send(answer(200, {"comments": [found], "meta": {"has_more": False}}))
    assert again.action() == Finished()
    items = again.state.results["note"]["items"]
    assert isinstance(items, list)
    assert [item["skipped"] for item in items] == [False, True, False]


def test_a_call_in_doubt_beyond_the_end_of_an_edited_list_sends_a_person_to_look() -> None:
    run = driver(lines("a", "b", "c"))
    run.send(CREATED[0])
    run.send(CREATED[1])
    run.crash_while_sending()
    run.rule = rule(LINES.replace("{{ body.lines }}", "{{ [body.lines.0] }}"))
    death = run.died().death
    assert death.kind is DeadKind.UNANSWERED
    assert "the list of the step is shorter now" in death.message


def test_an_edited_list_that_is_shorter_ends_the_step_when_nothing_is_in_doubt() -> None:
    run = driver(lines("a", "b", "c"))
    run.send(CREATED[0])
    run.send(CREATED[1])
    run.send(answer(429))
    run.rule = rule(LINES.replace("{{ body.lines }}", "{{ [body.lines.0] }}"))
    assert run.peek().step.id == "after"


def test_a_step_that_lost_its_list_is_called_once_with_a_key_of_its_own() -> None:
    run = driver(lines("a", "b"))
    first, _ = run.send(CREATED[0])
    run.rule = rule("steps: [{id: line, use: erp.post, with: {path: /x}}]")
    second, _ = run.send(CREATED[1])
    assert first.request.headers["Idempotency-Key"] != second.request.headers["Idempotency-Key"]
    assert run.action() == Finished()
    assert run.state.items == {}


GONE_LINK = """
    recall: {order: k}
    steps:
      - id: order
        if: not links.order
        use: erp.post
        with: {path: /orders}
        remember: {order: k}
      - id: line
        for_each: body.lines
        use: OPERATION
        with: {path: "/orders/{{ links.order or steps.order.id }}/{{ item.sku }}"}
"""


def test_a_restart_after_a_gone_link_does_not_repeat_items_that_are_done() -> None:
    run = driver(lines("a", "b"), GONE_LINK.replace("OPERATION", "erp.post"))
    run.links, run.recall = {"order": 5}, {"order": "k"}
    run.send(CREATED[1])
    _, reaction = run.send(answer(404, {}))
    assert isinstance(reaction, GoOn)
    assert reaction.links == (LinkWrite("order", "k", None),)
    assert run.send(CREATED[9])[0].request.url == "/orders"
    assert run.send(CREATED[2])[0].request.url == "/orders/9/b"
    assert run.action() == Finished()


# --- check ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "path", "message", "help_"),
    [
        ("key: '{{ item.sku }}'", "BR122", ("key",), "there is no `item` here", "a step with `for_each"),
        ("if: index == 0", "BR122", ("if",), "there is no `index` here", "knows `item` and `index`"),
        (
            "steps: [{id: a, use: erp.post, with: {path: '/{{ item }}'}}]",
            "BR122",
            ("steps", 0, "with", "path"),
            "there is no `item` here",
            "a step with `for_each",
        ),
        (
            "steps: [{id: a, for_each: item.parts, use: erp.post, with: {path: /}}]",
            "BR122",
            ("steps", 0, "for_each"),
            "there is no `item` here",
            "a step with `for_each",
        ),
        (
            "steps: [{id: a, for_each: \"'abc'\", use: erp.post, with: {path: /}}]",
            "BR104",
            ("steps", 0, "for_each"),
            "the value is no list",
            "give `for_each` a list",
        ),
        (
            "steps: [{id: a, use: bells.ring}, {id: b, if: steps.a.items, use: erp.get, with: {path: b}}]",
            "BR122",
            ("steps", 1, "if"),
            "a step has no `items`",
            "only a step with `for_each` has `items`",
        ),
    ],
)
def test_item_and_index_are_known_in_their_step_only(
    text: str, code: str, path: tuple[str | int, ...], message: str, help_: str
) -> None:
    (problem,) = problems(text)
    assert (problem.code, problem.path) == (code, path)
    assert message in problem.message
    assert help_ in "".join(problem.helps)


def test_a_list_written_in_place_and_what_reads_its_items_are_right() -> None:
    compiled = rule("steps: [{id: a, for_each: '[1, 2]', timeout: 5s, use: erp.post, with: {path: '/{{ item }}'}}]")
    (step,) = compiled.steps
    assert (step.timeout_ms, step.reads_items) == (5_000, False)
    assert rule(LINES).steps[0].reads_items
    assert rule(LINES).steps[1].timeout_ms is None
