"""What a rule says in so many words: the parts of a step's `with` that are the same for every event."""

from collections.abc import Iterator, Mapping
from typing import Final

from bridge.expressions import OMIT, RenderError, Template, TemplateRefused, compile_tree
from bridge.rules.rule import Rule, Step
from bridge.rules.schema import RuleShape

Path = tuple[str | int, ...]


class Varying:
    """What only an event tells."""


VARYING: Final = Varying()


class Constants:
    """The constants of one rule. A template is one when it looks nothing up but `vars` that are constant themselves."""

    def __init__(self, shape: RuleShape, rule: Rule) -> None:
        self._variables = dict(_variables(shape, rule))

    def of(self, template: Template) -> object:
        """The template's value (perhaps `OMIT`), or `VARYING`; so is one that cannot be rendered."""
        if any(read[0] != "vars" or len(read) == 1 or read[1] not in self._variables for read in template.reads):
            return VARYING
        try:
            return template.render({"vars": self._variables})
        except RenderError:
            return VARYING

    def given(self, step: Step, value: object, path: Path = ()) -> object:
        """A part of the step's `with` with what varies as `VARYING`; entries that are left out are not there.

        Args:
            step: whose.
            value: the part as written.
            path: where in `with` it stands.
        """
        if isinstance(value, str):
            template = step.given.templates.get(path)
            return VARYING if template is None else self.of(template)
        if isinstance(value, Mapping):
            entries = ((key, self.given(step, item, (*path, key))) for key, item in value.items())
            return {key: item for key, item in entries if item is not OMIT}
        if isinstance(value, list | tuple):
            items = [self.given(step, item, (*path, index)) for index, item in enumerate(value)]
            return [VARYING if item is OMIT else item for item in items]  # each stays at its place
        return value


def never_happens(constants: Constants, condition: Template | None) -> bool:
    """Whether a condition is false whatever the event says."""
    if condition is None:
        return False
    value = constants.of(condition)
    return value is not VARYING and value is not OMIT and not value


def _variables(shape: RuleShape, rule: Rule) -> Iterator[tuple[str, object]]:
    for name, value in shape.vars.items():
        inside = [template for path, template in rule.variables.templates.items() if path[0] == name]
        if not all(template.constant for template in inside):
            continue
        try:
            rendered = compile_tree(value).render({})
        except (RenderError, TemplateRefused):
            continue
        if rendered is not OMIT:
            yield name, rendered
