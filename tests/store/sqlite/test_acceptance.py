"""Whatever an event holds, it comes back as it was."""

import sqlite3
from contextlib import closing
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Replayed
from bridge.model import NewEvent
from bridge.store.sqlite.acceptance import Request, accept, unrouted
from bridge.store.sqlite.session import Transaction
from bridge.store.sqlite.statements import migrations

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TIME = st.integers(0, 2**53)
EVENTS = st.builds(
    NewEvent,
    source=TEXT,
    event_id=TEXT,
    type=TEXT,
    raw_type=TEXT,
    time_ms=st.none() | TIME,
    received_at_ms=TIME,
    content=st.binary(max_size=40),
    parent=st.none() | st.binary(max_size=10),
    item=st.none() | st.integers(0, 100),
    place=st.none() | st.lists(TEXT | st.integers(0, 5000), max_size=5).map(tuple),
    headers=st.dictionaries(TEXT, TEXT, max_size=3),
    query=st.dictionaries(TEXT, TEXT, max_size=3),
)


@settings(max_examples=40, deadline=None)
@given(requests=st.lists(st.lists(EVENTS, max_size=6), max_size=6))
def test_every_event_comes_back_as_it_was_accepted(requests: list[list[NewEvent]]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        for _, script in sorted(migrations().items()):
            connection.executescript(script)
        tx = Transaction(connection)
        taken = accept(tx, [Request(events) for events in requests])
        answers = [answer for answer in taken if not isinstance(answer, Replayed)]
        assert [len(events) for events in answers] == [len(events) for events in requests]
        stored = [answer.event for events in answers for answer in events if answer.event is not None]
        assert unrouted(tx, after_seq=0, limit=100) == stored
        first_ids = {(event.source, event.event_id): event.id for event in reversed(stored)}
        for new, answer in zip(chain(*requests), chain(*answers), strict=True):
            assert answer.duplicate == (answer.event is None)
            assert (new.source, new.event_id) in first_ids
