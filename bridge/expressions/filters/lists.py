"""Filters on lists, objects and lookup tables, and `default`."""

import json
from collections.abc import Callable, Mapping
from typing import NoReturn

from bridge.expressions.filters.declare import NOT_GIVEN, Collection, Example, Kind, Parameter, Takes, Unfound
from bridge.expressions.paths import nearest
from bridge.expressions.problems import Unusable
from bridge.expressions.values import as_text, check_size, is_number, kind_of

LISTS = Collection()

Table = tuple[str, Mapping[str, object]]
"""A lookup table with its name, as the compiler hands it over."""

_STAGES = {"stages": {"new": "Lead", "won": "Customer"}}
_NOT_FOUND = object()


@LISTS.declare(
    Takes.ANY,
    Parameter("value", Kind.ANY),
    Parameter("also_empty", Kind.BOOLEAN, False),
    example=Example("{{ body.name | default('friend') }}", None, "friend"),
)
def default(_value: object, _replacement: object, _also_empty: object) -> NoReturn:
    """Replace what is missing; with `true` as second argument also null, false and what is empty."""
    raise AssertionError("the compiler turns `default` into code of its own, because it looks at missing values")


@LISTS.declare(
    Takes.ANY,
    Parameter("table", Kind.TABLE, literal=True),
    Parameter("default", Kind.ANY, NOT_GIVEN),
    example=Example("{{ body.x | lookup('stages') }}", "won", "Customer", _STAGES),
)
def lookup(table: Table) -> Callable[[object, object], object]:
    """Give the table's entry for the value; without one the `default`, else it is missing."""
    name, entries = table

    def find(value: object, otherwise: object) -> object:
        return _entry(value, name, entries, otherwise)

    return find


@LISTS.declare(
    Takes.ANY,
    Parameter("table", Kind.TABLE, literal=True),
    Parameter("default", Kind.ANY, NOT_GIVEN),
    example=Example("{{ body.x | map_values('stages') }}", ["new", "won"], ["Lead", "Customer"], _STAGES),
)
def map_values(table: Table) -> Callable[[object, object], object]:
    """Look every item of a list, or every value of an object, up in the table."""
    name, entries = table

    def convert(value: object, otherwise: object) -> object:
        if isinstance(value, Mapping):
            found = {key: _entry(item, name, entries, otherwise) for key, item in value.items()}
            return _all_found(found, list(found.values()))
        if isinstance(value, list | tuple):
            items = [_entry(item, name, entries, otherwise) for item in value]
            return _all_found(items, items)
        raise Unusable(f"is {kind_of(value)}, not a list or an object", "for one value write `| lookup(table)`")

    return convert


@LISTS.declare(Takes.ANY, example=Example("{{ body.x | first }}", ["a", "b"], "a"))
def first(value: object) -> object:
    """Give the first item of a list; an empty list has none, which is missing."""
    items = _items(value)
    return items[0] if items else Unfound("is empty and has no first item")


@LISTS.declare(Takes.ANY, example=Example("{{ body.x | last }}", ["a", "b"], "b"))
def last(value: object) -> object:
    """Give the last item of a list; an empty list has none, which is missing."""
    items = _items(value)
    return items[-1] if items else Unfound("is empty and has no last item")


@LISTS.declare(Takes.ANY, example=Example("{{ body.x | length }}", ["a", "b"], 2))
def length(value: object) -> int:
    """Count the items of a list, the entries of an object or the characters of a text."""
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise Unusable(f"is {kind_of(value)} and has no length")


@LISTS.declare(Takes.OBJECT, example=Example("{{ body.x | keys }}", {"a": 1, "b": 2}, ["a", "b"]))
def keys(value: Mapping[str, object]) -> list[object]:
    """List the keys of an object in the order it has."""
    return list(value)


@LISTS.declare(Takes.OBJECT, example=Example("{{ body.x | values }}", {"a": 1, "b": 2}, [1, 2]))
def values(value: Mapping[str, object]) -> list[object]:
    """List the values of an object in the order it has."""
    return list(value.values())


@LISTS.declare(
    Takes.OBJECT,
    Parameter("other", Kind.ANY),
    example=Example("{{ body.x | merge({'b': 2}) }}", {"a": 1, "b": 1}, {"a": 1, "b": 2}),
)
def merge(value: Mapping[str, object], other: object) -> dict[str, object]:
    """Put the entries of another object over those of this one."""
    if not isinstance(other, Mapping):
        raise Unusable("cannot be merged with what is no object", "write `merge({'name': value})`")
    merged = {**value, **other}
    check_size(merged)
    return merged


@LISTS.declare(Takes.LIST, example=Example("{{ body.x | unique }}", ["a", "b", "a"], ["a", "b"]))
def unique(items: list[object]) -> list[object]:
    """Keep the first of equal items."""
    check_size(items)
    seen: dict[object, object] = {}
    for item in items:
        seen.setdefault(_identity(item), item)
    return list(seen.values())


@LISTS.declare(
    Takes.LIST,
    Parameter("key", Kind.TEXT),
    Parameter("value", Kind.ANY),
    Parameter("any_case", Kind.BOOLEAN, False),
    example=Example("{{ body.x | where('a', 2) }}", [{"a": 1}, {"a": 2, "b": 3}], [{"a": 2, "b": 3}]),
)
def where(items: list[object], key: str, value: object, any_case: object) -> list[object]:
    """Keep the objects of a list that have this value under this key; with `true` the case of a text does not count."""

    def same(found: object) -> object:
        return _identity(found.lower() if any_case and isinstance(found, str) else found)

    wanted = same(value)
    return [item for item in items if isinstance(item, Mapping) and key in item and same(item[key]) == wanted]


@LISTS.declare(
    Takes.LIST,
    Parameter("other", Kind.ANY),
    example=Example("{{ body.x | concat([3]) }}", [1, 2], [1, 2, 3]),
)
def concat(items: list[object], other: object) -> list[object]:
    """Put the items of another list after those of this one."""
    if not isinstance(other, list | tuple):
        raise Unusable("cannot be continued with what is no list", "write `concat([value])`")
    both = [*items, *other]
    check_size(both)
    return both


@LISTS.declare(
    Takes.OBJECT,
    Parameter("key", Kind.TEXT),
    Parameter("value", Kind.TEXT),
    Parameter("names", Kind.ANY, NOT_GIVEN),
    example=Example("{{ body.x | entries('id', 'value', {'a': 1}) }}", {"a": "x"}, [{"id": 1, "value": "x"}]),
)
def entries(given: Mapping[str, object], key: str, value: str, names: object) -> list[object]:
    """List the entries of an object as objects of their own; `names` says what stands for each key."""
    if names is NOT_GIVEN:
        return [{key: name, value: item} for name, item in given.items()]
    if not isinstance(names, Mapping):
        raise Unusable("cannot have its keys translated by what is no object", "write `entries('id', 'value', {…})`")
    unknown = [name for name in given if name not in names]
    if unknown:
        known = ", ".join(f"`{name}`" for name in names) or "none"
        raise Unusable("has a key that is not among the known names", f"known are {known}: correct the key, or add it")
    return [{key: names[name], value: item} for name, item in given.items()]


@LISTS.declare(Takes.LIST, name="sort", example=Example("{{ body.x | sort }}", [3, 1, 2], [1, 2, 3]))
def sort_(items: list[object]) -> list[object]:
    """Put numbers in order of size, or texts in order of their characters."""
    numbers = [item for item in items if isinstance(item, int | float) and is_number(item)]
    texts = [item for item in items if isinstance(item, str)]
    if len(numbers) == len(items):
        return [*sorted(numbers)]
    if len(texts) == len(items):
        return [*sorted(texts)]
    raise Unusable("holds items that have no common order", "`sort` takes numbers only or texts only")


def _items(value: object) -> list[object] | tuple[object, ...]:
    if isinstance(value, list | tuple):
        return value
    raise Unusable(f"is {kind_of(value)}, not a list")


def _entry(value: object, name: str, entries: Mapping[str, object], otherwise: object) -> object:
    found = _NOT_FOUND if value is None else entries.get(as_text(value), _NOT_FOUND)
    if found is not _NOT_FOUND:
        return found
    if otherwise is not NOT_GIVEN:
        return otherwise
    return Unfound(f"has no entry in the table `{name}`", lambda: _entry_mend(value, name, entries))


def _entry_mend(value: object, name: str, entries: Mapping[str, object]) -> str:
    """What to do about a value without an entry; only keys are named, the value is a customer's."""
    similar = None if value is None else nearest(as_text(value), entries)
    guess = f"did you mean its entry `{similar}`? " if similar else ""
    return f"{guess}add an entry to `{name}`, or a default: `lookup('{name}', '…')`"


def _all_found(result: object, items: list[object]) -> object:
    return next((item for item in items if isinstance(item, Unfound)), result)


def _identity(item: object) -> object:
    """Something hashable that is the same for equal items (`1` and `1.0`) and no others (true and 1)."""
    if isinstance(item, bool) or item is None:
        return (repr(item),)
    if isinstance(item, int | float | str):
        return item
    try:
        return (json.dumps(item, sort_keys=True, default=dict),)
    except (RecursionError, ValueError):
        raise Unusable("holds items nested too deeply to compare") from None
