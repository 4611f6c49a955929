"""Values as YAML text, as a person would write it and our own loader reads it."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """No anchors, which our files do not know, and lists indented below their key."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Whether a value that occurs twice is written out twice."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - as above
        """Begin a mapping or a list."""
        super().increase_indent(flow, indentless=False)


def yaml_text(value: object, *, width: int = 110) -> str:
    """The value in block style, keys in their order; ends with a line break."""
    text = str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width))
    return text.removesuffix("...\n")
