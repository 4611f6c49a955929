"""Which steps are told to need what their destination does not give."""

from typing import Any

import pytest

from bridge.connectors.destination import DestinationShape, compile_destination
from bridge.rules.provisions import unprovided
from tests.rules.builders import destinations, rule, shape

UPLOAD = {
    "id": "file",
    "use": "zendesk.uploads.create",
    "with": {"url": "{{ fields.media_url }}", "filename": "a.jpg"},
}
ATTACHES = {"attaches": "{{ 'link' == 'attach' and fields.media_url is defined }}"}


def found(*, hosts: list[str] | None = None, step: dict[str, Any] | None = None, **more: Any) -> list[tuple[str, Any]]:
    given: dict[str, Any] = {"connector": "zendesk", "subdomain": "acme", "client_id": "b", "client_secret": "c" * 16}
    if hosts is not None:
        given["fetch"] = {"hosts": hosts}
    there, problems = compile_destination("zendesk", DestinationShape.model_validate(given), destinations()["zendesk"])
    assert there is not None, problems
    steps = [{**UPLOAD, **(step or {})}]
    told = unprovided(shape("", steps=steps, **more), rule("", steps=steps, **more), {"zendesk": there})
    return [(problem.code, problem.path) for problem in told]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"step": {"if": "fields.media_url is defined"}},
        {"step": {"catch": ["rejected"]}},
        {
            "vars": {"attaches": "{{ 'attach' == 'attach' and fields.media_url is defined }}"},
            "step": {"if": "vars.attaches"},
        },
    ],
)
def test_a_file_needs_hosts_to_be_fetched_from(more: dict[str, Any]) -> None:
    assert found(**more) == [("BR415", ("steps", 0, "use"))]


@pytest.mark.parametrize(
    "more",
    [
        {"hosts": ["media.example.com"]},
        {"mode": "shadow"},
        {"if": "false"},
        {"step": {"if": "false"}},
        {"vars": ATTACHES, "step": {"if": "vars.attaches"}},
        {"step": {"use": "zendesk.tickets.comment", "with": {"id": 1, "body": "a"}}},
    ],
)
def test_a_step_is_left_alone_that_has_them_or_never_fetches(more: dict[str, Any]) -> None:
    assert found(**more) == []


def test_a_destination_with_mistakes_is_not_judged() -> None:
    assert list(unprovided(shape("", steps=[UPLOAD]), rule("", steps=[UPLOAD]), {})) == []
