"""The search call: filters, sorting, paging. It sees records as they were a while ago, as the real one does."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from bridge.sandbox.answers import Answer
from bridge.sandbox.hubspot.catalog import ObjectKind
from bridge.sandbox.hubspot.records import Record, Records
from bridge.sandbox.hubspot.refusals import ValueProblem, invalid_values, validation
from bridge.sandbox.hubspot.schema import Schema
from bridge.sandbox.hubspot.shapes import name_list, object_list

MAX_BODY_CHARACTERS = 3000
MAX_GROUPS = 5
MAX_FILTERS_PER_GROUP = 6
MAX_FILTERS = 18
MAX_PAGE = 200
MAX_TOTAL = 10_000
_DEFAULT_PAGE = 10

Values = Mapping[str, str]
Filter = Mapping[str, Any]


def search(schema: Schema, records: Records, kind: ObjectKind, body: Any, now_ms: int) -> Answer:
    """Answer one search.

    Raises:
        Refused: 400, the body is malformed, too large or names an unknown property or operator.
    """
    if not isinstance(body, dict):
        raise validation("The search request must be an object")
    groups = _filter_groups(schema, kind, body)
    found = [
        (record, values)
        for record in records.all_of(kind)
        if (values := record.searchable(now_ms)) is not None and _fits(values, groups, body.get("query"))
    ]
    _sort(found, _sorts(body))
    limit, start = _page(body)
    names = name_list(body, "properties") or kind.shown
    page = [{**record.shown(), "properties": _chosen(values, names)} for record, values in found[start : start + limit]]
    answer: dict[str, Any] = {"total": len(found), "results": page}
    if start + limit < len(found):
        answer["paging"] = {"next": {"after": str(start + limit)}}
    return Answer(200, answer)


def _filter_groups(schema: Schema, kind: ObjectKind, body: Mapping[str, Any]) -> list[list[Filter]]:
    groups = [object_list(group, "filters") for group in object_list(body, "filterGroups")]
    if (
        len(groups) > MAX_GROUPS
        or any(len(group) > MAX_FILTERS_PER_GROUP for group in groups)
        or sum(map(len, groups)) > MAX_FILTERS
    ):
        raise validation("Too many filters in the search request")
    for item in (item for group in groups for item in group):
        name = str(item.get("propertyName"))
        name_list(item, "values")
        if schema.find(kind, name) is None:
            raise invalid_values([ValueProblem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')])
        if str(item.get("operator")) not in _OPERATORS:
            raise validation(f"There was a problem with the search request: no such operator for {name}")
    return groups


def _fits(values: Values, groups: Sequence[Sequence[Filter]], query: object) -> bool:
    if query and not any(str(query).casefold() in value.casefold() for value in values.values()):
        return False
    return not groups or any(all(_passes(values, item) for item in group) for group in groups)


def _passes(values: Values, item: Filter) -> bool:
    return _OPERATORS[str(item["operator"])](values.get(str(item["propertyName"])) or "", item)


def _wanted(item: Filter, key: str = "value") -> str:
    return str(item.get(key, "")).casefold()


def _several(item: Filter) -> set[str]:
    return {str(value).casefold() for value in item.get("values") or ()}


def _order(text: str) -> tuple[int, float, str]:
    """Numbers by size, other text by its letters."""
    try:
        return 0, float(text), ""
    except ValueError:
        return 1, 0.0, text.casefold()


_OPERATORS: dict[str, Callable[[str, Filter], bool]] = {
    "EQ": lambda value, item: value.casefold() == _wanted(item),
    "NEQ": lambda value, item: value.casefold() != _wanted(item),
    "IN": lambda value, item: value.casefold() in _several(item),
    "NOT_IN": lambda value, item: value.casefold() not in _several(item),
    "HAS_PROPERTY": lambda value, _: bool(value),
    "NOT_HAS_PROPERTY": lambda value, _: not value,
    "GT": lambda value, item: bool(value) and _order(value) > _order(_wanted(item)),
    "GTE": lambda value, item: bool(value) and _order(value) >= _order(_wanted(item)),
    "LT": lambda value, item: bool(value) and _order(value) < _order(_wanted(item)),
    "LTE": lambda value, item: bool(value) and _order(value) <= _order(_wanted(item)),
    "BETWEEN": lambda value, item: (
        bool(value) and _order(_wanted(item)) <= _order(value) <= _order(_wanted(item, "highValue"))
    ),
    "CONTAINS_TOKEN": lambda value, item: _wanted(item).strip("*") in value.casefold(),
    "NOT_CONTAINS_TOKEN": lambda value, item: _wanted(item).strip("*") not in value.casefold(),
}


def _sorts(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Names of properties, as the specification has it, or objects, as the guide shows them."""
    listed = body.get("sorts") or []
    if isinstance(listed, list) and all(isinstance(item, str) for item in listed):
        return [{"propertyName": name, "direction": "ASCENDING"} for name in listed]
    return object_list(body, "sorts")


def _sort(found: list[tuple[Record, dict[str, str]]], sorts: Sequence[Mapping[str, Any]]) -> None:
    for item in sorts:
        falling = item.get("direction") == "DESCENDING"
        found.sort(key=partial(_sort_key, str(item.get("propertyName"))), reverse=falling)


def _sort_key(name: str, pair: tuple[Record, dict[str, str]]) -> tuple[int, float, str]:
    return _order(pair[1].get(name, ""))


def _page(body: Mapping[str, Any]) -> tuple[int, int]:
    try:
        limit, start = int(body.get("limit", _DEFAULT_PAGE)), int(body.get("after") or 0)
    except (TypeError, ValueError):
        raise validation("limit and after must be numbers") from None
    if not 0 <= limit <= MAX_PAGE or start < 0 or start + limit > MAX_TOTAL:
        raise validation(f"A page holds at most {MAX_PAGE} results, a search {MAX_TOTAL}")
    return limit, start


def _chosen(values: Values, names: Sequence[str]) -> dict[str, str | None]:
    always = ("hs_object_id", "createdate")
    return {name: values.get(name) or None for name in (*names, *always)}
