"""Which steps are told to need what their destination does not give."""

from typing import Any

import pytest

from bridge.connectors.destination import Destination, DestinationShape, compile_destination
from bridge.rules.problem import Problem
from bridge.rules.provisions import unknown_names, unprovided
from tests.rules.builders import destinations, rule, shape

UPLOAD = {
    "id": "file",
    "use": "zendesk.uploads.create",
    "with": {"url": "{{ fields.media_url }}", "filename": "a.jpg"},
}
ATTACHES = {"attaches": "{{ 'link' == 'attach' and fields.media_url is defined }}"}


def zendesk(**more: Any) -> Destination:
    given = {"connector": "zendesk", "subdomain": "acme", "client_id": "b", "client_secret": "c" * 16, **more}
    there, problems = compile_destination("zendesk", DestinationShape.model_validate(given), destinations()["zendesk"])
    assert there is not None, problems
    return there


def found(*, hosts: list[str] | None = None, step: dict[str, Any] | None = None, **more: Any) -> list[tuple[str, Any]]:
    there = zendesk() if hosts is None else zendesk(fetch={"hosts": hosts})
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


# --- names that a setting gives ----------------------------------------------------------------------------------


def named(with_: dict[str, Any], settings: dict[str, Any], **more: Any) -> list[Problem]:
    steps = [{"id": "a", "use": "zendesk.tickets.update", "with": {"id": 1, **with_}, **more}]
    return list(unknown_names(shape("", steps=steps), rule("", steps=steps), {"zendesk": zendesk(**settings)}))


FIELDS = {"ticket_fields": {"WhatsApp status": 360, "Order": 361}}


@pytest.mark.parametrize(
    ("settings", "help_"),
    [
        (FIELDS, "did you mean `WhatsApp status`?"),
        ({"ticket_fields": {"Order": 361}}, "add it there: `ticket_fields: {Whatsapp state: …}`, with its number"),
        ({}, "add it there: `ticket_fields: {Whatsapp state: …}`, with its number"),
    ],
)
def test_a_name_that_the_destination_does_not_give_is_told_at_its_key(settings: dict[str, Any], help_: str) -> None:
    (problem,) = named({"fields": {"Whatsapp state": "{{ fields.status }}"}}, settings)
    assert (problem.code, problem.path, problem.on_key) == (
        "BR209",
        ("steps", 0, "with", "fields", "Whatsapp state"),
        True,
    )
    assert problem.helps == (help_,)


@pytest.mark.parametrize(
    ("name", "help_"),
    [
        ("Order", "write the number `361`, or give it by its name: `fields: {Order: …}`"),
        ("order", "write the number `361`, or give it by its name: `fields: {Order: …}`"),
        ("Nobody", "write the number that the API gives it, or give it by its name: `fields: {Nobody: …}`"),
    ],
)
def test_a_name_where_a_number_belongs_is_told(name: str, help_: str) -> None:
    (problem,) = named({"custom_fields": [{"id": 1, "value": "a"}, {"id": name, "value": "b"}]}, FIELDS)
    assert (problem.code, problem.path) == ("BR104", ("steps", 0, "with", "custom_fields", 1, "id"))
    assert problem.helps == (help_,)


@pytest.mark.parametrize(
    ("with_", "more"),
    [
        ({"fields": {"Order": "7", "WhatsApp status": "{{ fields.status }}"}}, {}),
        ({"fields": "{{ body.fields }}"}, {}),
        ({"fields": {"Nobody": "7"}}, {"if": "false"}),
        ({"custom_fields": [{"id": 7, "value": "a"}, {"id": "8", "value": "b"}]}, {}),
        ({"custom_fields": [{"id": "{{ body.id }}", "value": "a"}]}, {}),
        ({"subject": "a"}, {}),
    ],
)
def test_names_that_are_known_or_that_only_the_event_tells_are_left_alone(
    with_: dict[str, Any], more: dict[str, Any]
) -> None:
    assert named(with_, FIELDS, **more) == []
