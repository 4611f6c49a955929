import pytest

from bridge.connectors.request import OutboundRequest
from bridge.rules.actions import Send
from bridge.rules.state import Phase
from tests.rules.builders import rule


@pytest.mark.parametrize(
    ("phase", "label"),
    [
        (Phase.CALL, "zendesk.users.upsert"),
        (Phase.PROBE, "zendesk.users.upsert (probe)"),
        (Phase.UPDATE, "zendesk.users.upsert (update)"),
    ],
)
def test_a_label_names_the_operation_and_what_the_request_is_for(phase: Phase, label: str) -> None:
    step = rule("steps: [{id: a, use: zendesk.users.upsert, with: {external_id: x}}]").steps[0]
    assert Send(step, step.operation, phase, OutboundRequest("GET", "/")).label == label
