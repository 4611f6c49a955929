"""Lookup tables: what stands under `tables`, in place or in a YAML or CSV file of its own.

A table is name -> key -> value. Keys are text (a number that is looked up is compared as text); values are anything
that JSON knows. In a CSV file the first column is the key. With two columns the value is the second one's text, with
more it is an object with the names of the first line.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path as FilePath

from bridge.configuration.inputs import is_file
from bridge.configuration.report import Path, Report, shown
from bridge.diagnostics import Document, Place, Source, Span, suggest

Table = Mapping[str, object]
Tables = Mapping[str, Table]

FILE_SUFFIXES = (".yaml", ".yml", ".csv")
MAX_BYTES = 1_048_576


def load_tables(report: Report, document: Document, data: Mapping[str, object]) -> dict[str, Table]:
    """The tables of one file, without those that cannot be read; what is wrong with them is in the report.

    Args:
        report: takes the findings.
        document: the configuration or a file of rules.
        data: what stands under `tables`, variables resolved.
    """
    tables = {name: _table(report, document, name, entry) for name, entry in data.items()}
    return {name: {} if table is None else table for name, table in tables.items()}


def merged(report: Report, document: Document, common: Tables, own: Tables) -> Tables:
    """The tables of all rules and those of one file; a name that both have is reported: one would hide the other."""
    for name in own.keys() & common.keys():
        report.add(
            "BR207",
            f"table `{name}` is defined in the configuration as well",
            document.place_of(("tables", name), key=True),
            label="used before",
            helps=("rename one of them, or keep the one in the configuration for all files of rules",),
        )
    return {**common, **own}


def _table(report: Report, document: Document, name: str, entry: object) -> Table | None:
    at: Path = ("tables", name)
    if not isinstance(entry, dict):
        report.add(
            "BR104",
            f"table `{name}` must be a mapping of keys to values",
            document.place_of(at),
            helps=("write `key: value` lines below it, or `{file: table.csv}`",),
        )
        return None
    file = entry.get("file")
    if entry.keys() == {"file"} and isinstance(file, str) and file.endswith(FILE_SUFFIXES):
        return None if (*at, "file") in document.unresolved else _from_file(report, document, file, (*at, "file"))
    return entry


def _from_file(report: Report, document: Document, file: str, at: Path) -> Table | None:
    path = report.base_dir / file
    report.inputs.note(path)
    if not is_file(path):
        nearest = suggest(path.name, _siblings(path))
        report.add(
            "BR208",
            f"the file of a table `{file}` does not exist",
            document.place_of(at),
            label="named here",
            notes=("relative paths start at the folder of the configuration file",),
            helps=(f"did you mean `{FilePath(file).with_name(nearest)}`?",) if nearest else ("correct the path",),
        )
        return None
    return _from_csv(report, path) if path.suffix == ".csv" else _from_yaml(report, path)


def _siblings(path: FilePath) -> list[str]:
    try:
        return [each.name for each in path.parent.iterdir() if each.suffix in FILE_SUFFIXES]
    except (OSError, ValueError):
        return []


def _from_yaml(report: Report, path: FilePath) -> Table | None:
    opened = report.open(path)
    if opened is None:
        return None
    document, data = opened
    if isinstance(data, dict):
        return data
    report.add("BR104", "the file of a table must hold `key: value` lines", document.place_of(()))
    return None


# --- CSV ---------------------------------------------------------------------------------------------------------


def _from_csv(report: Report, path: FilePath) -> Table | None:
    name = shown(path, report.base_dir)
    report.look_for(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content[:MAX_BYTES].decode("utf-8-sig")
    except OSError as error:
        report.add("BR208", f"cannot read `{name}`: {(error.strerror or 'no reason given').lower()}", Place(name))
        return None
    except UnicodeDecodeError:
        report.add("BR005", "this file is not UTF-8 text", Place(name), helps=("save it as UTF-8",))
        return None
    if len(content) > MAX_BYTES:
        report.add("BR004", "this file is larger than 1 MiB", Place(name), helps=("make two tables of it",))
        return None
    source = Source(name, text)
    report.documents[name] = source
    return _rows(report, source)


def _rows(report: Report, source: Source) -> Table | None:
    """The table of a CSV text; every line that does not fit is reported."""
    reader = csv.reader(io.StringIO(source.text, newline=""), strict=True)
    table: dict[str, object] = {}
    header: list[str] = []
    try:
        for row in reader:
            if not row:
                continue
            if not header:
                header = [cell.strip() for cell in row]
                _check_header(report, source, header)
                continue
            problem = _misfit(row, header, table)
            if problem:
                report.add("BR104", problem, _line(source, reader.line_num))
            else:
                table[row[0]] = row[1] if len(header) == 2 else dict(zip(header[1:], row[1:], strict=True))  # noqa: PLR2004 - key and value
    except csv.Error:
        report.add(
            "BR001",
            "this line is not valid CSV",
            _line(source, reader.line_num),
            helps=('double a `"` inside quotes, and close every quote',),
        )
    return table


def _check_header(report: Report, source: Source, header: list[str]) -> None:
    if len(header) < 2:  # noqa: PLR2004 - key and value
        report.add(
            "BR104",
            "a table needs at least two columns",
            _line(source, 1),
            helps=("the first line names them: `key,value`; the first column is what is looked up",),
        )


def _misfit(row: list[str], header: list[str], table: Table) -> str | None:
    if len(row) != len(header):
        return f"this line has {len(row)} columns, the first line has {len(header)}"
    if row[0] in table:
        return "the key of this line was given before"
    return None


def _line(source: Source, number: int) -> Place:
    return Place(source.name, Span(number, 1, number, len(source.line(number)) + 1))
