"""What is wrong with the YAML of a source, before it can be used."""

from dataclasses import dataclass

from bridge.errors import BridgeError

Position = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """One thing that must change before a source can be used.

    `code` is registered in `bridge.diagnostics`. `path` leads to the value inside the source's own mapping, or inside
    the preset's file if `in_preset`. `offset` and `length` mark the characters at fault in a template's text.
    """

    code: str
    path: Position
    message: str
    help: str | None = None
    in_preset: bool = False
    offset: int | None = None
    length: int = 1


class SourceRefused(BridgeError):  # noqa: N818 - reads as what happened, like TemplateRefused
    """The source cannot be built; `problems` says everything that is wrong with it."""

    def __init__(self, problems: tuple[SourceProblem, ...]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, each.path))}: {each.message}" for each in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class SourceWarning:
    """Something that is allowed and worth saying at every start; `code` and `path` as in `SourceProblem`."""

    path: Position
    message: str
    help: str
    code: str = "BR401"
