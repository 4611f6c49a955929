"""The verifier and the vendors' own libraries say the same of every request.

Where a library says something else, the reason stands beside it in `differs`, and the library is held to that: an entry
that is not true any more fails.
"""

import pytest

from tests.sources.referees.cases import NAMES, Referee, case, now_ms
from tests.sources.referees.keyed import KEYED
from tests.sources.referees.unkeyed import UNKEYED

REFEREES = (*KEYED, *UNKEYED)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("referee", REFEREES, ids=lambda referee: referee.title)
def test_the_verifier_says_what_the_vendors_library_says(referee: Referee, name: str) -> None:
    moment_ms = now_ms()
    this = case(referee, name, moment_ms)
    assert referee.bridge_believes(this.sent, this.secrets, moment_ms) is this.right
    assert referee.library_believes(this.sent, this.secrets) is (this.right is not (name in referee.differs))
