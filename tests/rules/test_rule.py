from tests.rules.builders import rule


def test_destinations_come_once_each_in_the_order_of_the_steps() -> None:
    steps = [{"id": f"s{n}", "use": use, "with": {"path": "/"}} for n, use in enumerate(["erp.get", "erp.post"])]
    steps.insert(1, {"id": "z", "use": "zendesk.tickets.update", "with": {"id": 7}})
    found = rule("", steps=steps)
    assert found.destinations == ("erp", "zendesk")
    assert [step.label for step in found.steps] == ["erp.get", "zendesk.tickets.update", "erp.post"]
