"""The SQL of this store, by name, from the `.sql` files beside the package.

A statement begins after a line `-- name: <name>` and ends before the next one. `{rows}` in a statement stands
for a list of parameter tuples, as in a multi-row `VALUES`; :func:`repeated` writes it out.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_FOLDER: Traversable = files("bridge.store") / "sql" / "sqlite"


def _read() -> Iterator[tuple[str, str]]:
    for entry in sorted(_FOLDER.iterdir(), key=lambda found: found.name):
        if entry.name.endswith(".sql"):
            _, *parts = _NAME.split(entry.read_text("utf-8"))
            yield from zip(parts[::2], (text.strip().rstrip(";") for text in parts[1::2]), strict=True)


def _collect() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, text in _read():
        if name in found:
            raise ValueError(f"two SQL statements are called {name}")
        found[name] = text
    return found


SQL: Mapping[str, str] = _collect()


@lru_cache(maxsize=256)
def repeated(name: str, width: int, count: int) -> str:
    """The statement `name` with `{rows}` written out as `count` tuples of `width` parameters."""
    row = "(" + ", ".join("?" * width) + ")"
    return SQL[name].replace("{rows}", ", ".join([row] * count))


def slices(total: int, largest: int = 64) -> Iterator[slice]:
    """Cut `total` rows into powers of two, largest first, so that few different texts must be prepared."""
    start = 0
    while start < total:
        size = min(largest, 1 << ((total - start).bit_length() - 1))
        yield slice(start, start + size)
        start += size


def migrations() -> Mapping[int, str]:
    """Schema number -> script that leads there from the number before."""
    folder = _FOLDER / "migrations"
    found: dict[int, str] = {}
    for entry in folder.iterdir():
        number = int(entry.name.split("_", 1)[0])
        if number in found:
            raise ValueError(f"two migrations have the number {number}")
        found[number] = entry.read_text("utf-8")
    return found
