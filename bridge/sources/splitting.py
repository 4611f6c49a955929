"""From one body to the items that are events: the paths of `split`, and the elements around each item.

Pure. What is kept of an item's whereabouts is its place, the keys and list positions on the way to it, so that the
elements around it are found again in the stored body without splitting that anew, and whatever `split` says by then.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.errors import BridgeError
from bridge.model import EventPlace

MAX_ITEMS = 5_000
MAX_ELEMENTS = 20_000
"""As many elements of lists may be looked into."""
MAX_STEPS = 16

_NAME = r"[A-Za-z0-9_-]+"
_PATH = re.compile(rf"(?:\[\]\??|{_NAME}(?:\[\]\??)?)(?:\.{_NAME}(?:\[\]\??)?)*\??")
_STEP = re.compile(r"([A-Za-z0-9_-]*)(\[\])?(\?)?")


class NoEvent(BridgeError):  # noqa: N818 - reads as what was found
    """A signed body that is not an event of this source.

    `code` and the message are fixed words for the answer; `detail` is for the log and names paths of the
    configuration, never a value.
    """

    def __init__(self, code: str, message: str, detail: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: into the key `name` (if any), then over the items of a list if `each`.

    `single`: an object in place of the list is a list of one.
    """

    name: str
    each: bool
    single: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """One item, and where it stands in the body."""

    value: object
    place: EventPlace


@dataclass(frozen=True, slots=True)
class Split:
    """The compiled paths of a `split`; none for a body that is one event."""

    paths: tuple[tuple[Step, ...], ...] = ()
    optional: bool = False

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Split":
        """The compiled form of paths that the schema has accepted."""
        # Of several paths each is optional by itself, and there is no body that is one event as a whole.
        return cls(tuple(_steps(text) for text in texts), optional=len(texts) == 1 and texts[0].endswith("?"))

    @property
    def keys(self) -> frozenset[str]:
        """The names that `parents` may have."""
        return frozenset(step.name for path in self.paths for step in path[:-1] if step.name)

    def take(self, body: object) -> list[Taken] | None:
        """The items in the order of the body; None for a body that is one event as a whole.

        Raises:
            NoEvent: a list is not where the only path leads, or is none; no path leads to any list; or there are more
                than `MAX_ITEMS` items, or `MAX_ELEMENTS` elements on the way to them.
        """
        if not self.paths:
            return None
        walk = _Walk(strict=len(self.paths) == 1 and not self.optional)
        found = walk.below(body, (), [(rank, path) for rank, path in enumerate(self.paths)])
        if walk.ends == 0 and self.optional:
            return None
        if walk.lists == 0:
            raise _no_list("none of the lists is there")
        if len(found) > MAX_ITEMS:
            raise _too_many()
        whole = min((rank for rank, item in found if item.place == ()), default=None)
        items = [item for _, item in found if item.place != ()]
        taken_before = whole is not None and any(rank < whole for rank, _ in found)
        return items if whole is None or taken_before else None


def is_path(text: str) -> bool:
    """Whether a text is a path of a `split`."""
    return _PATH.fullmatch(text) is not None and not text.endswith("??") and text.count(".") < MAX_STEPS


def parents_of(body: object, place: EventPlace) -> dict[str, object]:
    """The elements that were entered on the way to an item, by the key under which each stood.

    Of equal keys the innermost counts. The item itself is not among them.
    """
    around: dict[str, object] = {}
    name: str | None = None
    value = body
    for step in place:
        if isinstance(step, str):
            if name is not None:
                around[name] = value
            name = step
        try:
            value = value[step]  # type: ignore[index]  # a place leads through lists and objects
        except (LookupError, TypeError):
            break  # the body is not the one that the place is of, which only damage does
    return around


def _steps(text: str) -> tuple[Step, ...]:
    parts = text.split(".")
    steps = []
    for position, part in enumerate(parts):
        found = _STEP.fullmatch(part)
        name, brackets, mark = found.groups() if found else (part, None, None)
        steps.append(Step(name, each=brackets is not None or position == len(parts) - 1, single=mark is not None))
    return tuple(steps)


_Active = Sequence[tuple[int, tuple[Step, ...]]]
"""Paths that are still to be gone from here, each with its rank: of two that find the same, the first has it."""


class _Walk:
    """One walk over a body along all paths at once, so that items come in the order of the body."""

    def __init__(self, *, strict: bool) -> None:
        self.lists = 0
        """How many lists were met."""
        self.ends = 0
        """How many of those were the last of their path."""
        self._strict = strict
        self._elements = 0

    def below(self, value: object, place: EventPlace, active: _Active) -> list[tuple[int, Taken]]:
        """The items below a value, each with the rank of its path."""
        found: list[tuple[int, Taken]] = []
        for name, paths in self._entered(value, active):
            inner, at = (value[name], (*place, name)) if name and isinstance(value, dict) else (value, place)
            through = [(rank, path[1:]) for rank, path in paths if not path[0].each]
            over = [(rank, path) for rank, path in paths if path[0].each]
            found += self.below(inner, at, through) if through else []
            found += self._each(inner, at, over) if over else []
        return found

    def _entered(self, value: object, active: _Active) -> Iterator[tuple[str, _Active]]:
        """The keys to enter, in the order of the body, each with the paths that enter it; "" stands for the value."""
        wanted = {path[0].name for _, path in active}
        fields = value if isinstance(value, dict) else {}
        order = [name for name in (wanted if len(wanted) == 1 else fields) if name and name in wanted]
        for name in ["", *order] if "" in wanted else order:
            if name == "" or fields.get(name) is not None:
                yield name, [(rank, path) for rank, path in active if path[0].name == name]
            elif self._strict:
                raise _no_list(f"no key `{name}`")

    def _each(self, value: object, place: EventPlace, active: _Active) -> list[tuple[int, Taken]]:
        """The items of a list, or below its elements."""
        if isinstance(value, list):
            elements: Iterator[tuple[EventPlace, object]] = (((*place, at), each) for at, each in enumerate(value))
            self._count(len(value))
        elif isinstance(value, dict) and all(path[0].single for _, path in active):
            elements = iter([(place, value)])
            self._count(1)
        elif place == () and not self._strict:
            return []  # of several paths one may be for bodies that are lists
        else:
            raise _no_list(f"`{place[-1]}` is no list" if place else "the body is no list")
        self.lists += 1
        onward = [(rank, path[1:]) for rank, path in active if len(path) > 1]
        whole = min((rank for rank, path in active if len(path) == 1), default=None)
        self.ends += whole is not None
        return [taken for at, each in elements for taken in self._taken(each, at, onward, whole)]

    def _taken(self, value: object, place: EventPlace, onward: _Active, whole: int | None) -> list[tuple[int, Taken]]:
        """What is taken of one element: items inside it, or itself, as the path that comes first says."""
        inside = self.below(value, place, onward) if onward else []
        if whole is None:
            return inside
        return inside if any(rank < whole for rank, _ in inside) else [(whole, Taken(value, place))]

    def _count(self, elements: int) -> None:
        self._elements += elements
        if self._elements > MAX_ELEMENTS:
            raise _too_many()


def _too_many() -> NoEvent:
    return NoEvent("too_many_items", "The body holds more items than one request may.", f"more than {MAX_ITEMS} items")


def _no_list(detail: str) -> NoEvent:
    return NoEvent("list_missing", "The body has no list of events.", f"`split`: {detail}")
