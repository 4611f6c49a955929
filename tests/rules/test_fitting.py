import pytest

from tests.rules.builders import problems


def found(use: str, given: str, **more: str) -> list[tuple[str, tuple[str | int, ...], str]]:
    rest = "".join(f", {name}: {value}" for name, value in more.items())
    text = f"steps: [{{id: a, use: {use}, with: {given}{rest}}}]"
    return [(problem.code, problem.path[2:], problem.message + "".join(problem.helps)) for problem in problems(text)]


@pytest.mark.parametrize(
    ("use", "given", "path", "words"),
    [
        ("erp.post", "{path: /, jsn: {}}", ("with", "jsn"), "did you mean `json`?"),
        ("erp.post", "{pth: /}", ("with", "pth"), "did you mean `path`?"),
        ("zendesk.tickets.comment", "{id: 7, bdy: x}", ("with", "bdy"), "did you mean `body`?"),
        ("erp.post", "{}", ("use",), "needs the parameter `path`"),
        ("erp.post", "{json: {}}", ("with",), "needs the parameter `path`"),
        ("erp.post", "{path: 5}", ("with", "path"), "`path` is not text"),
        ("erp.post", "{path: null}", ("with", "path"), "`path` is null"),
        ("zendesk.tickets.update", "{id: abc}", ("with", "id"), "not a whole number"),
        ("zendesk.tickets.update", "{id: 7, status: opened}", ("with", "status"), "use one of `open`"),
        ("zendesk.tickets.update", "{id: null}", ("with", "id"), "is null"),
        ("zendesk.tickets.update", "{id: \"{{ 'abc' }}\"}", ("with", "id"), "not a whole number"),
        ("zendesk.tickets.update", "{id: '{{ 1 // 0 }}'}", ("with", "id"), ""),
        ("zendesk.tickets.comment", "{id: 7}", ("with",), "needs `body` or `html_body`"),
        ("zendesk.tickets.create", "{comment: {Body: x}}", ("with", "comment", "Body"), "comment.Body"),
        ("zendesk.tickets.create", "{comment: {bdy: x}}", ("with", "comment", "bdy"), "did you mean `comment.body`?"),
        ("zendesk.tickets.create", "{comment: {body: ''}}", ("with", "comment", "body"), "missing or empty"),
        ("zendesk.tickets.create", "{comment: {author_id: 7}}", ("with", "comment"), "missing or empty"),
        ("zendesk.tickets.create", "{comment: {body: x, author_id: me}}", ("with", "comment", "author_id"), "number"),
    ],
)
def test_what_cannot_fit_is_found_before_any_event(
    use: str, given: str, path: tuple[str | int, ...], words: str
) -> None:
    (problem,) = found(use, given)
    assert problem[1] == path
    assert words in problem[2]


@pytest.mark.parametrize(
    ("use", "given"),
    [
        ("zendesk.tickets.update", "{id: '{{ 77 }}', status: '{{ omit }}'}"),
        ("zendesk.tickets.update", "{id: '{{ fields.ticket }}', priority: null}"),
        ("zendesk.tickets.create", "{comment: {body: '{{ fields.text }}', author_id: '{{ fields.x }}'}}"),
        ("zendesk.tickets.create", "{comment: '{{ fields.comment }}'}"),
        ("hubspot.contacts.update", "{id: 5, properties: {age: 7, name: null, tags: [a, b]}}"),
        ("erp.post", "{path: '', json: null}"),
    ],
)
def test_what_may_fit_is_left_to_the_event(use: str, given: str) -> None:
    assert found(use, given) == []


def test_an_operation_without_an_id_cannot_be_remembered() -> None:
    given = "{from_type: tickets, from_id: 1, to_type: contacts, to_id: 2}"
    ((code, path, message),) = found("hubspot.associations.create", given, remember="{x: y}")
    assert (code, path) == ("BR203", ("remember",))
    assert "nothing to remember" in message
