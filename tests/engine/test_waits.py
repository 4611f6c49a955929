"""What a failed attempt means for its delivery."""

import pytest

from bridge.connectors.verdict import Verdict
from bridge.engine.waits import is_outage
from bridge.model import Outcome


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [
        (Outcome.RETRY_LATER, None, True),
        (Outcome.RETRY_LATER, 500, True),
        (Outcome.RETRY_LATER, 503, True),
        (Outcome.RETRY_LATER, 408, True),
        (Outcome.RETRY_LATER, 423, False),
        (Outcome.RETRY_LATER, 409, False),
        (Outcome.RATE_LIMITED, 503, False),
        (Outcome.UNKNOWN, 200, False),
        (Outcome.REJECTED, 400, False),
    ],
)
def test_only_trouble_of_the_whole_api_is_an_outage(outcome: Outcome, status: int | None, *, expected: bool) -> None:
    assert is_outage(Verdict(outcome, status=status, code="c", message="m")) is expected
