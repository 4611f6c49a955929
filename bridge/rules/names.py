"""Names on top of other names: what a rule adds to the scope of an event, without computing what nobody reads."""

from collections.abc import Iterator, Mapping


class Names(Mapping[str, object]):
    """The names `own`, and below them those of `scope`; each of these is asked for once, when it is first read."""

    __slots__ = ("_known", "_own", "_scope")

    def __init__(self, scope: Mapping[str, object], own: Mapping[str, object]) -> None:
        self._scope = scope
        self._own = own
        self._known = dict(own)

    def __getitem__(self, name: str) -> object:
        try:
            return self._known[name]
        except KeyError:
            value = self._known[name] = self._scope[name]
        return value

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from (name for name in self._scope if name not in self._own)

    def __len__(self) -> int:
        return sum(1 for _ in self)
