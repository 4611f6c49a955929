"""`crm-bridge filters`: the filters of the template language, each with an example that is carried out."""

from typing import Annotated

import orjson
import typer

from bridge.cli.options import JsonOption
from bridge.cli.output import print_json
from bridge.cli.sheets import print_heading, print_section, print_yaml, refuse_name
from bridge.expressions import FILTERS, FilterDoc, compile_template


def filters(
    name: Annotated[str | None, typer.Argument(help="Only this filter, with its example.")] = None,
    json: JsonOption = False,
) -> None:
    """List the filters for `{{ value | filter }}`, or show one."""
    if name is not None and name not in FILTERS:
        refuse_name("filter", name, FILTERS)
    chosen = [FILTERS[name]] if name is not None else list(FILTERS.values())
    if json:
        shown = [_as_json(doc) for doc in chosen]
        print_json(shown if name is None else shown[0])
    elif name is None:
        ordered = sorted(chosen, key=lambda doc: doc.name)
        print_section("filters, for example `{{ body.x | lower }}`", [(doc.usage, doc.summary) for doc in ordered])
        typer.echo("\n`crm-bridge filters NAME` shows an example.")
    else:
        _print(chosen[0])


def _print(doc: FilterDoc) -> None:
    print_heading(doc.usage, "", doc.summary)
    result = compile_template(doc.template, tables=doc.tables).render(doc.scope)
    rows = [("template", doc.template), *_given(doc), ("gives", orjson.dumps(result).decode())]
    print_section("example", rows)
    if doc.tables:
        print_yaml("with this in the rules file", {"tables": dict(doc.tables)})


def _given(doc: FilterDoc) -> list[tuple[str, str]]:
    return [(name, orjson.dumps(value).decode()) for name, value in doc.scope.items()]


def _as_json(doc: FilterDoc) -> dict[str, object]:
    return {
        "name": doc.name,
        "usage": doc.usage,
        "summary": doc.summary,
        "example": {
            "template": doc.template,
            "scope": dict(doc.scope),
            "tables": dict(doc.tables),
            "result": compile_template(doc.template, tables=doc.tables).render(doc.scope),
        },
    }
