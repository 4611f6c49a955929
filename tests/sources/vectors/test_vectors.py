"""The pure function `verify` over every vector."""

import pytest

from tests.sources.vectors.examined import believed, vectors_of
from tests.sources.vectors.request import NOW_S, Row
from tests.sources.vectors.rows import ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_verify_believes_who_knows_the_secret_and_nobody_else(row: Row) -> None:
    wrong = []
    for vector in vectors_of(row):
        verdict = believed(row, vector, NOW_S)
        if (verdict.ok, verdict.secret_index) != (vector.ok, vector.index if vector.ok else None):
            wrong.append(f"{vector.title}: {verdict.detail}")
    assert not wrong
