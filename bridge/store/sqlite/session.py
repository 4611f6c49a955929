"""What the store's operations work with: a connection that knows the statements by name, and the books."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from bridge.store.sqlite.statements import SQL, repeated, slices

SqlValue = str | bytes | int | None
Parameters = Sequence[SqlValue] | Mapping[str, SqlValue]

EVENTS = ""
"""The 'rule' under which the events' own counters are kept, of a source with its name as 'destination'.

No rule has an empty name, and no source.
"""


CREATED = "created"
PRUNED = "pruned:"
"""Begins the names of the counters of what retention took."""

Row = tuple[Any, ...]
Entry = tuple[str, str, str]
"""A counter of the books: rule, destination (or source), name."""


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

    def tuples(self, name: str, parameters: Parameters = ()) -> list[Row]:
        """As `all`, for hot reads of wide rows: plain tuples, and text decoded without a call of ours per value.

        Only for statements that change nothing: one that meets damaged text is run once more, leniently.
        """
        cursor = self.connection.cursor()
        cursor.row_factory = None
        lenient = self.connection.text_factory
        self.connection.text_factory = str
        try:
            return cursor.execute(SQL[name], parameters).fetchall()
        except sqlite3.OperationalError as error:
            if hasattr(error, "sqlite_errorcode"):
                raise  # SQLite's own; what Python's decoder says has no code
        finally:
            self.connection.text_factory = lenient
        return cursor.execute(SQL[name], parameters).fetchall()

    def matching(self, name: str, rows: Sequence[Sequence[SqlValue]]) -> list[sqlite3.Row]:
        """The rows that a statement with `{rows}` gives for all of `rows`."""
        return [found for text, values in _written_out(name, rows) for found in self.connection.execute(text, values)]


class Transaction(Session):
    """One operation's share of the writer's transaction, with the changes it makes to the books.

    The changes are kept apart until the operation has succeeded, and written once per commit: a hot counter row is
    then touched once for hundreds of operations.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.books: dict[Entry, int] = defaultdict(int)

    def write(self, name: str, parameters: Parameters = ()) -> int:
        """Run a statement that changes rows and return how many it changed."""
        return self.connection.execute(SQL[name], parameters).rowcount

    def write_rows(self, name: str, rows: Sequence[Sequence[SqlValue]]) -> int:
        """Run a statement with `{rows}` over all of `rows`, in few pieces, and return how many rows it changed."""
        return sum(self.connection.execute(text, values).rowcount for text, values in _written_out(name, rows))

    def insert(self, name: str, parameters: Parameters) -> int:
        """Insert one row and return its number."""
        return self.connection.execute(SQL[name], parameters).lastrowid or 0

    def insert_rows(self, name: str, rows: Sequence[Sequence[SqlValue]]) -> list[int]:
        """Insert many rows with few statements and return their row numbers, in order."""
        numbers: list[int] = []
        for text, values in _written_out(name, rows):
            last = self.connection.execute(text, values).lastrowid or 0
            # One statement's rows are numbered without gaps: nobody else writes while it runs.
            numbers.extend(range(last - len(values) // len(rows[0]) + 1, last + 1))
        return numbers

    def count(self, rule: str, name: str, change: int = 1, *, destination: str = "") -> None:
        """Add to a counter of the books."""
        self.books[rule, destination, name] += change


def _written_out(name: str, rows: Sequence[Sequence[SqlValue]]) -> Iterator[tuple[str, list[SqlValue]]]:
    for part in slices(len(rows)):
        chosen = rows[part]
        yield repeated(name, len(chosen[0]), len(chosen)), [value for row in chosen for value in row]


def write_books(connection: sqlite3.Connection, books: Mapping[Entry, int]) -> None:
    """Write the collected changes of the counters."""
    changes = [[*entry, change] for entry, change in books.items() if change]
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
