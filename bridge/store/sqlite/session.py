"""What the store's operations work with: a connection that knows the statements by name, and the books."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import orjson

from bridge.model import DeliveryState
from bridge.store.sqlite.statements import SQL, repeated, slices

SqlValue = str | bytes | int | None
Parameters = Sequence[SqlValue] | Mapping[str, SqlValue]

EVENTS = ""
"""The 'rule' under which the events' own counters are kept; no rule has an empty name."""


class Session:
    """Reading by statement name, inside a transaction that somebody else began and ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def all(self, name: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Every row that the statement gives; also ends a statement with RETURNING properly."""
        return self.connection.execute(SQL[name], parameters).fetchall()

    def one(self, name: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """The first row, or None. The statement must not have more than a few."""
        rows = self.all(name, parameters)
        return rows[0] if rows else None


class Transaction(Session):
    """One operation's share of the writer's transaction, with the changes it makes to the books.

    The changes are kept apart until the operation has succeeded, and written once per commit: a hot counter row is
    then touched once for hundreds of operations.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.books: Counter[tuple[str, str]] = Counter()

    def write(self, name: str, parameters: Parameters = ()) -> int:
        """Run a statement that changes rows and return how many it changed."""
        return self.connection.execute(SQL[name], parameters).rowcount

    def insert(self, name: str, parameters: Parameters) -> int:
        """Insert one row and return its number."""
        return self.connection.execute(SQL[name], parameters).lastrowid or 0

    def insert_rows(self, name: str, rows: Sequence[Sequence[SqlValue]]) -> list[int]:
        """Insert many rows with few statements and return their row numbers, in order."""
        numbers: list[int] = []
        for part in slices(len(rows)):
            chosen = rows[part]
            text = repeated(name, len(chosen[0]), len(chosen))
            last = self.connection.execute(text, [value for row in chosen for value in row]).lastrowid or 0
            # One statement's rows are numbered without gaps: nobody else writes while it runs.
            numbers.extend(range(last - len(chosen) + 1, last + 1))
        return numbers

    def count(self, rule: str, name: str | DeliveryState, change: int = 1) -> None:
        """Add to a counter of the books."""
        self.books[rule, str(name)] += change


def write_books(connection: sqlite3.Connection, books: Mapping[tuple[str, str], int]) -> None:
    """Write the collected changes of the counters."""
    changes = [[rule, name, change] for (rule, name), change in books.items() if change]
    if changes:
        connection.execute(SQL["add_to_counters"], (dump(changes),))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot be kept as JSON")


def dump(value: object) -> str:
    """JSON text as this store keeps it; whole numbers beyond 64 bits, which orjson refuses, come out digit by digit."""
    try:
        return orjson.dumps(value, default=_plain).decode()
    except TypeError:
        return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


def numbers(values: Iterable[int]) -> tuple[str]:
    """Row numbers as the one parameter of a statement that reads them with json_each."""
    return (dump(list(values)),)
