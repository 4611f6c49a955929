"""What a rule says in so many words: the parts of a step's `with` that are the same for every event.

A template is one of them when it comes to its value without looking anything up that an event tells: evaluated, it may
be done before it gets there, as `'link' == 'attach' and fields.media_url is defined` is.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from bridge.expressions import OMIT, RenderError, Template, TemplateRefused, compile_tree
from bridge.rules.rule import Step
from bridge.rules.schema import RuleShape

Path = tuple[str | int, ...]


class Varying:
    """What only an event tells."""


VARYING: Final = Varying()


class _Varies(Exception):  # noqa: N818 - control flow within this module
    """Something was looked up that only an event tells."""


class _Known(dict[str, object]):
    """Names whose values are known; to look up another one ends the evaluation."""

    def __missing__(self, key: str) -> object:
        raise _Varies

    def get(self, key: str, default: object = None) -> object:  # noqa: ARG002 - no default helps
        return self[key]


class Constants:
    """The constants of one rule. A template may look up `vars` that are constant themselves."""

    def __init__(self, shape: RuleShape) -> None:
        self._scope = _Known(vars=_Known(_variables(shape)))

    def of(self, template: Template) -> object:
        """The template's value (perhaps `OMIT`), or `VARYING`; so is one that cannot be rendered."""
        if ("vars",) in template.reads:
            return VARYING  # all of them: also those that are not known
        try:
            return template.render(self._scope)
        except (RenderError, _Varies):
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


def _variables(shape: RuleShape) -> Iterator[tuple[str, object]]:
    for name, value in shape.vars.items():
        try:
            rendered = compile_tree(value).render(_Known())
        except (RenderError, TemplateRefused, _Varies):
            continue
        if rendered is not OMIT:
            yield name, rendered
