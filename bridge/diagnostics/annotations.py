"""Findings as annotations of GitHub Actions: one workflow command in one line for each."""

from collections.abc import Mapping

from bridge.diagnostics.findings import Finding
from bridge.diagnostics.visible import visible


def annotation(finding: Finding) -> str:
    """`::error file=…,line=…,col=…,endLine=…,endColumn=…,title=BR102::message`; notes and helps follow as lines."""
    place = finding.place
    properties: dict[str, object] = {}
    if place.span is not None:
        properties = {"file": place.file, "line": place.span.line, "col": place.span.column}
        properties["endLine"] = place.span.end_line
        if place.span.end_line == place.span.line:
            properties["endColumn"] = place.span.end_column
    properties["title"] = finding.code
    where = "" if place.span is not None else f"{place}: "
    label = f" ({finding.label})" if finding.label else ""
    lines = [
        f"{where}{finding.message}{label}",
        *(f"{said}: {other}" for other, said in finding.related),
        *(f"note: {note}" for note in finding.notes),
        *(f"help: {help_}" for help_ in finding.helps),
    ]
    text = "\n".join(visible(line) for line in lines)
    return f"::{finding.severity} {_properties(properties)}::{_escaped(text)}"


def _properties(values: Mapping[str, object]) -> str:
    return ",".join(f"{name}={_escaped(str(value), more=':,')}" for name, value in values.items())


def _escaped(text: str, *, more: str = "") -> str:
    """What would end the line or the property is percent-encoded, as the runner expects it."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
