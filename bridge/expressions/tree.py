"""Templates inside nested YAML values: every text is one, every key is literal."""

from collections.abc import Callable, Mapping
from typing import Final

from bridge.expressions.paths import Scope
from bridge.expressions.problems import Position, Problem, RenderError, TemplateRefused, Unusable
from bridge.expressions.template import Reads, Template
from bridge.expressions.values import OMIT, check_size, is_number, kind_of

MAX_TREE_DEPTH: Final = 64

Compile = Callable[[str], Template]
Render = Callable[[Scope], object]


class Tree:
    """A compiled nested value.

    Attributes:
        templates: the template of every text in it, by position.
        keys: the keys of the value itself, when it is an object.
        reads: all static paths that they look up.
        constant: true when none of them looks anything up.
    """

    __slots__ = ("_render", "constant", "keys", "reads", "templates")

    def __init__(self, render: Render, templates: Mapping[Position, Template], keys: frozenset[str]) -> None:
        self._render = render
        self.templates = templates
        self.keys = keys
        self.reads: Reads = frozenset().union(*(template.reads for template in templates.values()))
        self.constant = not self.reads

    def render(self, scope: Scope) -> object:
        """The value with all templates rendered; entries and items that give `OMIT` are left out.

        Gives `OMIT` itself when the whole tree is one template that does.

        Raises:
            RenderError: the first that a template raises, its `path` set; or when the whole is too large.
        """
        value = self._render(scope)
        if value is OMIT or isinstance(value, str):
            return value
        try:
            check_size(value)
        except Unusable as problem:
            raise RenderError(f"the rendered value {problem.predicate}", mend=problem.mend) from None
        return value


class TreeBuilder:
    """Walks a value once, compiles its texts and gathers all their problems."""

    def __init__(self, compile_text: Compile) -> None:
        self._compile = compile_text
        self._problems: list[Problem] = []
        self._templates: dict[Position, Template] = {}

    def build(self, value: object) -> Tree:
        """The tree of `value`.

        Raises:
            TemplateRefused: with every problem of every text, each at its `path`.
        """
        render = self._node(value, ())
        if self._problems:
            raise TemplateRefused(self._problems)
        keys = frozenset(str(key) for key in value) if isinstance(value, Mapping) else frozenset()
        return Tree(render, self._templates, keys)

    def _node(self, value: object, path: Position) -> Render:
        if len(path) > MAX_TREE_DEPTH:
            return self._problem("the value is nested too deeply", path)
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, Mapping):
            return self._object(value, path)
        if isinstance(value, list | tuple):
            return _list_of([self._node(item, (*path, index)) for index, item in enumerate(value)])
        if value is None or isinstance(value, bool) or is_number(value):
            return lambda _scope: value
        return self._problem(f"the value is {kind_of(value)}", path)

    def _text(self, source: str, path: Position) -> Render:
        try:
            template = self._compile(source)
        except TemplateRefused as refused:
            self._problems.extend(
                Problem(problem.message, problem.offset, problem.length, problem.help, path)
                for problem in refused.problems
            )
            return _never
        self._templates[path] = template
        return template.render

    def _object(self, value: Mapping[object, object], path: Position) -> Render:
        entries: list[tuple[str, Render]] = []
        for key, item in value.items():
            if isinstance(key, str):
                entries.append((key, self._node(item, (*path, key))))
            else:
                self._problem("a key of the object is not text", path)
        return _object_of(entries)

    def _problem(self, message: str, path: Position) -> Render:
        self._problems.append(Problem(message, None, 0, None, path))
        return _never


def _object_of(entries: list[tuple[str, Render]]) -> Render:
    def render(scope: Scope) -> object:
        rendered: dict[str, object] = {}
        key = ""
        try:
            for key, render_item in entries:
                item = render_item(scope)
                if item is not OMIT:
                    rendered[key] = item
        except RenderError as error:
            raise error.at((key, *error.path)) from None
        return rendered

    return render


def _list_of(renders: list[Render]) -> Render:
    def render(scope: Scope) -> object:
        rendered: list[object] = []
        index = 0
        try:
            for index, render_item in enumerate(renders):  # noqa: B007 - the error below names it
                item = render_item(scope)
                if item is not OMIT:
                    rendered.append(item)
        except RenderError as error:
            raise error.at((index, *error.path)) from None
        return rendered

    return render


def _never(_scope: Scope) -> object:
    raise AssertionError("a refused tree was rendered")
