"""Which records belong together. An association has two ends and is seen from both, under two type ids."""

from collections.abc import Iterable
from typing import Any

from bridge.sandbox.hubspot.catalog import ASSOCIATION_TYPES
from bridge.sandbox.hubspot.refusals import validation

Node = tuple[str, str]
"""(kind, record id), e.g. `("tickets", "1002")`."""


class Associations:
    """The edges between records."""

    def __init__(self) -> None:
        self._edges: dict[Node, dict[Node, set[int]]] = {}

    def link(self, origin: Node, far: Node, type_ids: Iterable[int]) -> None:
        """Associate two records; doing it again changes nothing."""
        inverses = _directions(origin[0], far[0])
        for type_id in type_ids:
            self._edges.setdefault(origin, {}).setdefault(far, set()).add(type_id)
            self._edges.setdefault(far, {}).setdefault(origin, set()).add(inverses[type_id])

    def unlink(self, origin: Node, far: Node) -> None:
        """Remove every association between two records; none is fine."""
        for one, other in ((origin, far), (far, origin)):
            self._edges.get(one, {}).pop(other, None)

    def forget(self, node: Node) -> None:
        """Remove a record from all associations."""
        for other in self._edges.pop(node, {}):
            self._edges[other].pop(node, None)

    def of(self, origin: Node, kind: str) -> list[tuple[str, list[int]]]:
        """(record id, type ids) of every associated record of a kind, in order of association."""
        found = self._edges.get(origin, {})
        return [(far_id, sorted(types)) for (far_kind, far_id), types in found.items() if far_kind == kind]

    def all_of(self, origin: Node) -> dict[str, list[str]]:
        """The ids by kind of the associated records."""
        found: dict[str, list[str]] = {}
        for kind, record_id in self._edges.get(origin, {}):
            found.setdefault(kind, []).append(record_id)
        return found


def default_type(origin: str, far: str) -> int:
    """The id of the unlabelled type from one kind to another.

    Raises:
        Refused: 400, HubSpot has no association between these kinds.
    """
    for item in ASSOCIATION_TYPES:
        if item.label is None and (item.origin, item.far) == (origin, far):
            return item.forward_id
        if item.label is None and (item.far, item.origin) == (origin, far):
            return item.backward_id
    raise validation(f"There is no association type from {origin} to {far}")


def inverse_type(origin: str, far: str, type_id: int) -> int:
    """The same type seen from the other end."""
    return _directions(origin, far)[type_id]


def checked_types(origin: str, far: str, listed: Any) -> list[int]:
    """The type ids of a `[{associationCategory, associationTypeId}]` list.

    Raises:
        Refused: 400, the list is malformed or a type does not lead from `origin` to `far`.
    """
    allowed = {type_id: type_category(type_id) for type_id in _directions(origin, far)}
    if not isinstance(listed, list) or not listed:
        raise validation("Associations need a list of types")
    found = []
    for item in listed:
        match item:
            case {"associationTypeId": int() as type_id, "associationCategory": str() as category} if (
                allowed.get(type_id) == category
            ):
                found.append(type_id)
            case _:
                raise validation(f"The association type does not lead from {origin} to {far}")
    return found


def far_kind(origin: str, type_id: Any) -> str:
    """The kind at the other end of a type that starts at `origin`.

    Raises:
        Refused: 400, no type with this id starts there.
    """
    for item in ASSOCIATION_TYPES:
        if item.origin == origin and item.forward_id == type_id:
            return item.far
        if item.far == origin and item.backward_id == type_id:
            return item.origin
    raise validation(f"The association type does not start at {origin}")


def type_label(type_id: int) -> str | None:
    """The label of a type id, None for the default one."""
    return next((item.label for item in ASSOCIATION_TYPES if type_id in (item.forward_id, item.backward_id)), None)


def type_category(type_id: int) -> str:
    """Who made a type: HubSpot or the account."""
    return next(item.category for item in ASSOCIATION_TYPES if type_id in (item.forward_id, item.backward_id))


def types_between(origin: str, far: str) -> list[dict[str, Any]]:
    """The types from one kind to another, as the labels API gives them."""
    return [shown_type(type_id) for type_id in _directions(origin, far)]


def shown_type(type_id: int) -> dict[str, Any]:
    """A type with its category and its label."""
    return {"category": type_category(type_id), "typeId": type_id, "label": type_label(type_id)}


def _directions(origin: str, far: str) -> dict[int, int]:
    """Map every type id from `origin` to `far` to the id of the way back."""
    forward = {
        item.forward_id: item.backward_id for item in ASSOCIATION_TYPES if (item.origin, item.far) == (origin, far)
    }
    backward = {
        item.backward_id: item.forward_id for item in ASSOCIATION_TYPES if (item.far, item.origin) == (origin, far)
    }
    return forward | backward
