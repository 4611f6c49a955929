"""`$case.NAME` in a test with `cases`: the value of that name in each case.

Not `{{ … }}`: that is what the rule under test writes, and an event may well hold it. In a test file whatever begins
with `$` is the runner's, and all else is data.
"""

import re
from collections.abc import Iterator, Mapping

from bridge.connectors.opened import PartPath
from bridge.connectors.wire import as_text

_PLACEHOLDER = re.compile(r"\$case\.([A-Za-z_][A-Za-z0-9_]*)")


def filled(value: object, case: Mapping[str, object]) -> object:
    """A copy with every placeholder replaced; a text that is nothing but one takes on the value's own type.

    Names that the case does not have stay; `unknown_names` finds them. Keys are filled as well, as text.
    """
    if isinstance(value, str):
        whole = _PLACEHOLDER.fullmatch(value)
        if whole is not None:
            return case.get(whole[1], value)
        return _PLACEHOLDER.sub(lambda found: as_text(case.get(found[1], found[0])), value)
    if isinstance(value, Mapping):
        return {str(filled_key(key, case)): filled(item, case) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, case) for item in value]
    return value


def filled_key(key: object, case: Mapping[str, object]) -> str:
    """A key of an object with its placeholders replaced by texts."""
    return _PLACEHOLDER.sub(lambda found: as_text(case.get(found[1], found[0])), str(key))


def unknown_names(value: object, case: Mapping[str, object], at: PartPath = ()) -> Iterator[tuple[PartPath, str]]:
    """Where a name stands that the case does not have, and the name."""
    if isinstance(value, str):
        yield from ((at, name) for name in _PLACEHOLDER.findall(value) if name not in case)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from (((*at, key), name) for name in _PLACEHOLDER.findall(str(key)) if name not in case)
            yield from unknown_names(item, case, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_names(item, case, (*at, index))
