"""Problems in files as values: YAML with places, variables, codes, and how all of it is shown to a person.

Pure: reads the files it is asked to read, and nothing else. `load_yaml` gives a `Document`, `resolve_variables` its
data, pydantic models judge the data, `from_validation_error` turns what they refuse into findings, `render` shows them.
"""

from bridge.diagnostics.code_page import Page
from bridge.diagnostics.codes import PAGES, page
from bridge.diagnostics.document import Document, Path
from bridge.diagnostics.findings import Finding, Place, Severity, Span, in_order
from bridge.diagnostics.flag import Flag
from bridge.diagnostics.loading import Loaded, load_yaml, parse_yaml
from bridge.diagnostics.paths import dotted
from bridge.diagnostics.problem import problem
from bridge.diagnostics.render import Format, render
from bridge.diagnostics.schema import from_validation_error
from bridge.diagnostics.source import Source
from bridge.diagnostics.suggest import quoted_list, suggest
from bridge.diagnostics.variables import Resolved, readable_by_others, resolve_variables
from bridge.diagnostics.visible import visible

__all__ = [
    "PAGES",
    "Document",
    "Finding",
    "Flag",
    "Format",
    "Loaded",
    "Page",
    "Path",
    "Place",
    "Resolved",
    "Severity",
    "Source",
    "Span",
    "dotted",
    "from_validation_error",
    "in_order",
    "load_yaml",
    "page",
    "parse_yaml",
    "problem",
    "quoted_list",
    "readable_by_others",
    "render",
    "resolve_variables",
    "suggest",
    "visible",
]
