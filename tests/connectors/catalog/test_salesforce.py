"""What is special in Salesforce, beside what every connector must hold."""

from urllib.parse import parse_qs, urlsplit

import pytest

from bridge.connectors.call import Call
from tests.connectors.builders import KEY, SETTINGS, operation


@pytest.mark.parametrize("name", ["cases.comment", "tasks.create"])
def test_a_look_asks_from_the_beginning_of_the_second_because_salesforce_keeps_no_more(name: str) -> None:
    compiled = operation("salesforce", name)
    assert compiled.probe is not None
    params = compiled.fit(compiled.operation.sample.params)
    request = compiled.probe.request.build(Call(params, SETTINGS["salesforce"], KEY, "2026-06-02T03:01:40.987Z"))
    [query] = parse_qs(urlsplit(request.url).query)["q"]
    assert " AND CreatedDate >= 2026-06-02T03:01:40Z ORDER BY " in query


def test_the_look_for_a_task_goes_by_the_record_that_the_task_has() -> None:
    compiled = operation("salesforce", "tasks.create")
    assert compiled.probe is not None
    params = compiled.fit({"who_id": None, "what_id": "500Hs00002Ab1cdIAB", "subject": "s"})
    request = compiled.probe.request.build(Call(params, SETTINGS["salesforce"], KEY, "2026-06-02T03:01:40.987Z"))
    [query] = parse_qs(urlsplit(request.url).query)["q"]
    assert "WHERE WhatId = '500Hs00002Ab1cdIAB' AND" in query
