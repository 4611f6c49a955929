"""The random histories of the conformance suite over a real file, with power cuts; every change of state is seen."""

import shutil
import tempfile
from pathlib import Path

from hypothesis.stateful import invariant, rule

from bridge.model import TRANSITIONS, DeliveryState
from bridge.store.protocol import Store
from bridge.store.sqlite import SqliteStore
from tests.store.conformance.test_books import Histories, run_histories
from tests.store.conftest import STORES
from tests.store.examples import LEASE

SEEN = """
CREATE TEMP TABLE changes (before TEXT, after TEXT, UNIQUE (before, after));
CREATE TEMP TRIGGER seen AFTER UPDATE OF state ON main.deliveries WHEN old.state IS NOT new.state
BEGIN INSERT OR IGNORE INTO changes VALUES (old.state, new.state); END;
"""


class CrashingHistories(Histories):
    def opened(self, store: Store) -> None:
        super().opened(store)
        assert isinstance(store, SqliteStore)
        # between two commits, when the writer's thread does nothing with it
        store._writer._connection.executescript(SEEN)

    @rule()
    def the_power_fails(self) -> None:
        """What is on the disk at this moment is opened elsewhere; whoever held a lease is gone."""
        abandoned, old = self.store, self.folder
        self.folder = tempfile.TemporaryDirectory()
        shutil.copytree(old.name, self.folder.name, dirs_exist_ok=True)
        self.opened(self.runner.run(STORES[self.kind](Path(self.folder.name))))
        self.runner.run(abandoned.close())
        old.cleanup()
        self.runner.run(self.store.recover(now_ms=self.now_ms, max_step_ms=LEASE))
        self.held = {seq: (fence, 0) for seq, (fence, _) in self.held.items()}

    @invariant()
    def states_change_as_the_table_says(self) -> None:
        assert isinstance(self.store, SqliteStore)
        for before, after in self.store._writer._connection.execute("SELECT before, after FROM changes"):
            assert DeliveryState(after) in TRANSITIONS[DeliveryState(before)]


def test_no_crash_and_no_order_of_calls_breaks_the_table_of_states() -> None:
    run_histories(CrashingHistories, "sqlite")
