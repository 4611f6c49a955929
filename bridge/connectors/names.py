"""Names in a connector file that point to nothing: parameters, settings, and operations of its limits.

Such a template would render for every call as missing, and such a limit would count nothing; neither is noticed when
it is compiled.
"""

import re
from collections.abc import Collection, Iterator

from bridge.connectors.schema import Connector
from bridge.diagnostics import Document, Finding, Place, Severity, quoted_list, suggest

Path = tuple[str | int, ...]

_READ = re.compile(r"(?<![\w.])(params|settings)\.([A-Za-z_]\w*)")
_WITHOUT_TEMPLATES = frozenset({"doc", "params", "sample", "sources", "scopes", "repeat"})
"""Keys of an operation that hold no template on its parameters."""


def check_references(document: Document, connector: Connector) -> list[Finding]:
    """Every name that points to nothing, where it stands.

    Args:
        document: the connector file.
        connector: what was read from it.
    """
    return [*_templates(document, connector), *_limits(document, connector)]


def _templates(document: Document, connector: Connector) -> Iterator[Finding]:
    for path, node in document.nodes.items():
        if node.style is None or path[:1] != ("operations",) or len(path) < 3:  # noqa: PLR2004 - operations, name, key
            continue
        operation = connector.operations.get(str(path[1]))
        if operation is None or path[2] in _WITHOUT_TEMPLATES:
            continue
        text = document.value(path)
        for found in _READ.finditer(text) if isinstance(text, str) else ():
            known = operation.params if found[1] == "params" else connector.settings
            if found[2] not in known:
                place = Place(document.name, document.span_inside(path, found.start(), len(found[0])))
                whose = f"operation `{path[1]}`" if found[1] == "params" else "this connector"
                yield _unknown("BR122", f"{whose} has no `{found[0]}`", place, found[0], _dotted(found[1], known))


def _dotted(root: str, names: Collection[str]) -> list[str]:
    return [f"{root}.{name}" for name in names]


def _limits(document: Document, connector: Connector) -> Iterator[Finding]:
    for name, limit in connector.limits.items():
        for key, patterns in (("operations", limit.operations), ("except", limit.except_)):
            for index, pattern in enumerate(patterns):
                if "*" in pattern or pattern in connector.operations:
                    continue  # a pattern may be there for operations to come
                place = document.place_of(("limits", name, key, index))
                yield _unknown(
                    "BR202",
                    f"`{pattern}` is no operation of this connector",
                    place,
                    pattern,
                    list(connector.operations),
                )


def _unknown(code: str, message: str, place: Place, name: str, known: Collection[str]) -> Finding:
    nearest = suggest(name, known)
    helps = (f"did you mean `{nearest}`?",) if nearest else (f"there are {quoted_list(known)}",) if known else ()
    return Finding(code, Severity.ERROR, message, place, helps=helps)
