"""The filters of the template language: a closed registry, and what a person reads about each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge.expressions.filters.declare import Filter, FilterDoc
from bridge.expressions.filters.encoding import ENCODING
from bridge.expressions.filters.lists import LISTS
from bridge.expressions.filters.numeric import NUMBERS
from bridge.expressions.filters.phones import PHONES
from bridge.expressions.filters.regex import REGEX
from bridge.expressions.filters.text import TEXT
from bridge.expressions.filters.times import TIMES

_MODULES = (LISTS, TEXT, NUMBERS, PHONES, TIMES, REGEX, ENCODING)

REGISTRY: Final[Mapping[str, Filter]] = MappingProxyType(
    {declared.name: declared for module in _MODULES for declared in module.filters}
)
"""Every filter by name."""

FILTERS: Final[Mapping[str, FilterDoc]] = MappingProxyType({name: chosen.doc for name, chosen in REGISTRY.items()})
"""What to tell people about every filter: usage, one line, an example that is true."""
