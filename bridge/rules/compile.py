"""From a rule's YAML to a compiled rule, or to all that is wrong with it, each with its place."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson

from bridge.connectors.library import CompiledConnector
from bridge.connectors.operation import CompiledOperation
from bridge.expressions import (
    Clause,
    RenderError,
    Tables,
    Template,
    TemplateRefused,
    Tree,
    compile_expression,
    compile_template,
    compile_tree,
)
from bridge.rules.fitting import check_fit
from bridge.rules.items import checked_items
from bridge.rules.problem import Path, Problem, did_you_mean, listed
from bridge.rules.reads import Placed, check_reads
from bridge.rules.rule import Rule, Step
from bridge.rules.schema import RuleShape, StepShape

__all__ = ["Problem", "compile_rule"]

EVENT_NAMES = frozenset({"body", "parent", "parents", "fields", "event", "headers", "query"})
RULE_NAMES = EVENT_NAMES | {"vars"}
STEP_NAMES = RULE_NAMES | {"links", "steps"}
ITEM_NAMES = frozenset({"item", "index"})
_NO_ITEM = tuple(f"there is no `{name}` here" for name in sorted(ITEM_NAMES))
_EACH_HELP = 'a step with `for_each: "{{ body.items }}"` knows `item` and `index`, in its `if`, `with` and `remember`'
_UNKNOWN_NAME = re.compile(r"there is no `[^`]*` here")
_UNKNOWN_TABLE = re.compile(r"there is no lookup table `")
_UNKNOWN_FILTER = re.compile(r"there is no (filter|test) `|`[^`]*` has too many")


@dataclass(slots=True)
class _Compiler:
    """Compiles one rule and collects its problems instead of stopping at the first."""

    destinations: Mapping[str, CompiledConnector]
    tables: Tables = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    """Every template with its place, to check in the end what it looks up."""

    def template(
        self, source: str, path: Path, names: frozenset[str], *, bare: bool = False, step: int | None = None
    ) -> Template | None:
        """Compile one scalar, or note why it cannot be."""
        make = compile_expression if bare else compile_template
        try:
            template = make(source, names=names, tables=self.tables)
        except TemplateRefused as refused:
            self._refused(refused, path, condition=bare)
            return None
        self.placed.append(Placed(path, template, step, afterwards=path[2:3] == ("remember",)))
        return template

    def tree(self, value: object, path: Path, names: frozenset[str], *, step: int | None = None) -> Tree | None:
        """Compile a nested value, or note why it cannot be."""
        try:
            tree = compile_tree(value, names=names, tables=self.tables)
        except TemplateRefused as refused:
            self._refused(refused, path, condition=False)
            return None
        self.placed += [Placed((*path, *where), template, step) for where, template in tree.templates.items()]
        return tree

    def templates(
        self, sources: Mapping[str, str], path: Path, names: frozenset[str], *, step: int | None = None
    ) -> dict[str, Template]:
        """Compile one scalar for each name; those that cannot be are left out."""
        compiled = {name: self.template(source, (*path, name), names, step=step) for name, source in sources.items()}
        return {name: template for name, template in compiled.items() if template is not None}

    def used_tables(self) -> Tables:
        """The tables that the rule's templates look into."""
        names = sorted({name for each in self.placed for name in each.template.tables})
        return {name: self.tables[name] for name in names}

    def _refused(self, refused: TemplateRefused, path: Path, *, condition: bool) -> None:
        self.problems.extend(
            Problem(
                _template_code(problem.message, condition=condition),
                problem.message,
                path + tuple(problem.path),
                helps=_helps(problem.message, problem.help),
                offset=problem.offset,
                length=problem.length,
            )
            for problem in refused.problems
        )


def compile_rule(
    shape: RuleShape,
    destinations: Mapping[str, CompiledConnector],
    *,
    fields: Collection[str] | None = None,
    parents: Collection[str] | None = None,
    tables: Tables | None = None,
    condition_text: str | None = None,
) -> tuple[Rule | None, tuple[Problem, ...]]:
    """The compiled rule, and what is wrong with it; the rule is None when something is.

    Args:
        shape: the rule as validated.
        destinations: every configured destination with its connector.
        fields: the names under `fields` that its events may have; None when that is not known.
        parents: the same of those under `parents`.
        tables: the lookup tables that it may use, by name.
        condition_text: its `if` as the file has it, when variables were resolved in that of the shape.
    """
    compiler = _Compiler(destinations, tables or {})
    _check_patterns(compiler, shape.on)
    condition = compiler.template(shape.if_, ("if",), RULE_NAMES, bare=True) if shape.if_ is not None else None
    key = compiler.template(shape.key, ("key",), RULE_NAMES) if shape.key is not None else None
    variables = compiler.tree(shape.vars, ("vars",), EVENT_NAMES)
    recall = compiler.templates(shape.recall, ("recall",), RULE_NAMES)
    coalesce_by, forward_by = _windows(compiler, shape)
    newer_by, newer_time = _newer(compiler, shape)
    steps = _steps(compiler, shape)
    compiler.problems.extend(check_reads(shape, compiler.placed, fields, parents))
    if compiler.problems or variables is None or len(steps) != len(shape.steps):
        return None, tuple(compiler.problems)
    rule = Rule(
        name=shape.name,
        revision=_revision(shape, compiler.used_tables()),
        patterns=shape.on,
        condition=condition,
        condition_text=(shape.if_ or "") if condition_text is None else condition_text,
        clauses=_clauses(condition, variables),
        key=key,
        variables=variables,
        recall=recall,
        order=shape.order,
        order_hold_ms=shape.order_hold,
        coalesce_ms=shape.coalesce.within if shape.coalesce else None,
        coalesce_by=coalesce_by or key,
        forward_order=shape.only_forward.order if shape.only_forward else (),
        forward_by=forward_by,
        newer_by=newer_by or (key if shape.only_newer else None),
        newer_time=newer_time,
        mode=shape.mode,
        schedule_ms=shape.retry.schedule if shape.retry else None,
        horizon_ms=shape.retry.horizon if shape.retry else None,
        steps=tuple(replace(step, reads_items=_reads_items(compiler.placed, step.id)) for step in steps),
    )
    return rule, ()


def _clauses(condition: Template | None, variables: Tree) -> tuple[Clause, ...]:
    """The comparisons to index. Variables are rendered first: where they may fail, the rule is dead, not skipped."""
    if condition is None or not condition.clauses or not variables.constant:
        return ()
    try:
        variables.render({})
    except RenderError:
        return ()
    return condition.clauses


def _reads_items(placed: Sequence[Placed], step_id: str) -> bool:
    """Whether a template looks into the step's `items`, or takes the whole result."""
    paths = (("steps",), ("steps", step_id), ("steps", step_id, "items"))
    return any(read[:3] in paths for each in placed for read in each.template.reads)


def _helps(message: str, help_: str | None) -> tuple[str, ...]:
    if message in _NO_ITEM:
        return (_EACH_HELP,)
    return (help_,) if help_ else ()


def _template_code(message: str, *, condition: bool) -> str:
    """The code of a problem that the template language describes in words only."""
    if _UNKNOWN_FILTER.match(message):
        return "BR123"
    if _UNKNOWN_TABLE.match(message):
        return "BR209"
    if _UNKNOWN_NAME.fullmatch(message):
        return "BR122"
    return "BR120" if condition else "BR121"


def _check_patterns(compiler: _Compiler, patterns: Sequence[str]) -> None:
    for index, pattern in enumerate(patterns):
        source, slash, type_ = pattern.partition("/")
        if not slash or not source or not type_:
            compiler.problems.append(
                Problem(
                    "BR104",
                    f"`{pattern}` does not say which events it means",
                    ("on", index) if len(patterns) > 1 else ("on",),
                    label="needs a source, a slash and a type",
                    helps=(f"write `{source or 'aisoule'}/{type_ or '*'}` for every event of that source",),
                )
            )


def _windows(compiler: _Compiler, shape: RuleShape) -> tuple[Template | None, Template | None]:
    coalesce_by = forward_by = None
    if shape.coalesce:
        if shape.coalesce.by is not None:
            coalesce_by = compiler.template(shape.coalesce.by, ("coalesce", "by"), RULE_NAMES)
        elif shape.key is None:
            compiler.problems.append(
                Problem(
                    "BR101",
                    "`coalesce` has no `by`, and the rule has no `key` to group by",
                    ("coalesce",),
                    helps=('add `by: "{{ fields.message_id }}"` or give the rule a `key`',),
                    on_key=True,
                )
            )
    if shape.only_forward:
        forward_by = compiler.template(shape.only_forward.by, ("only_forward", "by"), RULE_NAMES)
    return coalesce_by, forward_by


def _newer(compiler: _Compiler, shape: RuleShape) -> tuple[Template | None, Template | None]:
    newer = shape.only_newer
    if newer is None:
        return None, None
    time = compiler.template(newer.time, ("only_newer", "time"), RULE_NAMES)
    if newer.by is not None:
        return compiler.template(newer.by, ("only_newer", "by"), RULE_NAMES), time
    if shape.key is None:
        compiler.problems.append(
            Problem(
                "BR101",
                "`only_newer` has no `by`, and the rule has no `key`: newer than what?",
                ("only_newer",),
                helps=('add `by: "{{ body.id }}"`, the record that events change, or give the rule a `key`',),
                on_key=True,
            )
        )
    return None, time


def _steps(compiler: _Compiler, shape: RuleShape) -> list[Step]:
    compiled: list[Step] = []
    seen: set[str] = set()
    for index, step_shape in enumerate(shape.steps):
        if step_shape.id in seen:
            compiler.problems.append(
                Problem(
                    "BR207",
                    f"two steps have the id `{step_shape.id}`",
                    ("steps", index, "id"),
                    label="used before",
                    helps=("rename one",),
                )
            )
        seen.add(step_shape.id)
        step = _step(compiler, step_shape, index)
        if step is not None:
            compiled.append(step)
    return compiled


def _step(compiler: _Compiler, shape: StepShape, index: int) -> Step | None:
    path: Path = ("steps", index)
    operation = _operation(compiler, shape, path)
    each, names = (
        _each(compiler, shape, index),
        STEP_NAMES | (ITEM_NAMES if shape.for_each is not None else frozenset()),
    )
    condition = None
    if shape.if_ is not None:
        condition = compiler.template(shape.if_, (*path, "if"), names, bare=True, step=index)
    encoded = {name: value for name, value in shape.with_.items() if _is_path(operation, name, value)}
    plain = {name: value for name, value in shape.with_.items() if name not in encoded}
    given = compiler.tree(plain, (*path, "with"), names, step=index)
    paths = compiler.templates({n: str(v) for n, v in encoded.items()}, (*path, "with"), names, step=index)
    remember = compiler.templates(shape.remember, (*path, "remember"), names, step=index)
    if operation is None:
        return None
    compiler.problems.extend(check_fit(shape, operation, path))
    if given is None:
        return None
    sent = [*given.templates.items(), *(((name,), template) for name, template in paths.items())]
    before = [template for _, template in sent] + [template for template in (each, condition) if template is not None]
    in_path = [template for where, template in sent if where[0] in operation.path_params]
    return Step(
        id=shape.id,
        destination=shape.use.partition(".")[0],
        operation=operation,
        given=given,
        paths=paths,
        condition=condition,
        catch=frozenset(shape.catch),
        remember=remember,
        reads_links=_names_read("links", [*before, *remember.values()]),
        sends_links=_names_read("links", in_path) or _names_read("links", [template for _, template in sent]),
        reads_steps=_names_read("steps", before),
        each=each,
        reads_items=False,
        timeout_ms=shape.timeout,
    )


def _each(compiler: _Compiler, shape: StepShape, index: int) -> Template | None:
    """The list of the step's `for_each`; one that is no list whatever the event says is reported."""
    if shape.for_each is None:
        return None
    path: Path = ("steps", index, "for_each")
    template = compiler.template(shape.for_each, path, STEP_NAMES, bare=True, step=index)
    if template is not None and template.constant:
        try:
            checked_items(template.render({}))
        except RenderError as error:
            helps = (error.help,) if error.help else ()
            compiler.problems.append(Problem("BR104", f"`for_each`: {error.message}", path, helps=helps))
    return template


def _is_path(operation: CompiledOperation | None, name: str, value: object) -> bool:
    """Whether the value is a text whose template parts go into a URL's path, percent-encoded."""
    parameter = operation.operation.params.get(name) if operation else None
    return parameter is not None and parameter.type == "path" and isinstance(value, str)


def _names_read(root: str, templates: Sequence[Template]) -> frozenset[str]:
    return frozenset(read[1] for template in templates for read in template.reads if len(read) > 1 and read[0] == root)


def _operation(compiler: _Compiler, shape: StepShape, path: Path) -> CompiledOperation | None:
    destination, _, name = shape.use.partition(".")
    connector = compiler.destinations.get(destination)
    if connector is None:
        compiler.problems.append(_unknown_destination(compiler, shape, destination, path))
        return None
    operation = connector.operations.get(name)
    if operation is None:
        compiler.problems.append(_unknown_operation(connector, shape, destination, name, path))
    return operation


def _unknown_destination(compiler: _Compiler, shape: StepShape, destination: str, path: Path) -> Problem:
    return Problem(
        "BR201",
        f"step `{shape.id}` uses destination `{destination}`, which the configuration does not define",
        (*path, "use"),
        label="unknown destination",
        notes=(f"destinations defined: {listed(compiler.destinations) or 'none'}",),
        helps=did_you_mean(destination, compiler.destinations) or _whole_use(compiler, shape),
        offset=0,
        length=max(1, len(destination)),
    )


def _whole_use(compiler: _Compiler, shape: StepShape) -> tuple[str, ...]:
    """The help for a `use` without a destination: those that have such an operation, or what belongs there."""
    having = sorted(name for name, known in compiler.destinations.items() if shape.use in known.operations)
    if having:
        return (f"write `{having[0]}.{shape.use}`",)
    return () if "." in shape.use else ("write `destination.operation`",)


def _unknown_operation(
    connector: CompiledConnector, shape: StepShape, destination: str, name: str, path: Path
) -> Problem:
    known = connector.operations
    title = connector.connector.name
    return Problem(
        "BR202",
        f"connector `{title}` has no operation `{name}`" if name else f"`{shape.use}` does not say which operation",
        (*path, "use"),
        label="unknown operation" if name else "an operation is missing",
        notes=(f"operations of `{title}`: {listed(known)}",),
        helps=did_you_mean(name, known) or (f"write for instance `{destination}.{next(iter(sorted(known)))}`",),
        offset=len(destination) + 1 if name else 0,
        length=len(name) if name else max(1, len(shape.use)),
    )


def _revision(shape: RuleShape, tables: Tables) -> str:
    """A rule is another one when an entry of a table that it uses changes."""
    data: dict[str, object] = shape.model_dump(mode="json", by_alias=True)
    if tables:
        data["tables"] = tables
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
