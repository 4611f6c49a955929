"""What came of rule tests as JUnit XML, which build servers read."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from bridge.cli.rule_tests import Tried, places_of
from bridge.diagnostics import visible
from bridge.rules.testing.render import failed_lines


def write_junit(path: Path, tried: Sequence[Tried]) -> None:
    """Write one suite for each file of tests.

    Raises:
        OSError: the file cannot be written.
    """
    root = ET.Element("testsuites")
    for each in tried:
        _suite(root, each)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _suite(root: ET.Element, tried: Tried) -> None:
    name = tried.file.document.name if tried.file.document is not None else str(tried.file.path)
    failed = sum(not result.passed for result in tried.results)
    counts = {"tests": str(len(tried.results)), "failures": str(failed), "errors": "0"}
    suite = ET.SubElement(root, "testsuite", {"name": visible(name), **counts})
    places = places_of(tried.file, tried.loaded)
    for result in tried.results:
        case = ET.SubElement(suite, "testcase", {"classname": visible(name), "name": visible(result.case.label)})
        case.set("line", places.test((*result.case.path, "name")).rpartition(":")[2])
        if not result.passed:
            head, *lines = failed_lines(result, places)
            failure = ET.SubElement(case, "failure", {"message": head})
            failure.text = "\n".join(lines)
