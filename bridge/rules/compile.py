"""From a rule's YAML to a compiled rule, or to all that is wrong with it, each with its place."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from bridge.connectors.library import CompiledConnector
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.parameters import ParameterRefused, fit
from bridge.diagnostics import suggest
from bridge.expressions import Template, TemplateRefused, Tree, compile_expression, compile_template, compile_tree
from bridge.rules.rule import Rule, Step
from bridge.rules.schema import RuleShape, StepShape

Path = tuple[str | int, ...]

EVENT_NAMES = frozenset({"body", "parent", "fields", "event", "headers", "query"})
RULE_NAMES = EVENT_NAMES | {"vars"}
STEP_NAMES = RULE_NAMES | {"links", "steps"}
STEP_PARTS = frozenset({"id", "status", "body", "error", "skipped"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a rule. `path` is inside the rule; `offset` inside the scalar there, if known."""

    code: str
    message: str
    path: Path
    label: str = ""
    helps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    offset: int | None = None
    length: int = 1
    on_key: bool = False


@dataclass(slots=True)
class _Compiler:
    """Compiles one rule and collects its problems instead of stopping at the first."""

    destinations: Mapping[str, CompiledConnector]
    problems: list[Problem] = field(default_factory=list)

    def template(self, source: str, path: Path, names: frozenset[str], *, bare: bool = False) -> Template | None:
        """Compile one scalar, or note why it cannot be."""
        make = compile_expression if bare else compile_template
        try:
            return make(source, names=names)
        except TemplateRefused as refused:
            self._refused(refused, path, condition=bare)
            return None

    def tree(self, value: object, path: Path, names: frozenset[str]) -> Tree | None:
        """Compile a nested value, or note why it cannot be."""
        try:
            return compile_tree(value, names=names)
        except TemplateRefused as refused:
            self._refused(refused, path, condition=False)
            return None

    def _refused(self, refused: TemplateRefused, path: Path, *, condition: bool) -> None:
        self.problems.extend(
            Problem(
                _template_code(problem.message, condition=condition),
                problem.message,
                path + tuple(problem.path),
                helps=(problem.help,) if problem.help else (),
                offset=problem.offset,
                length=problem.length,
            )
            for problem in refused.problems
        )


def compile_rule(
    shape: RuleShape, destinations: Mapping[str, CompiledConnector]
) -> tuple[Rule | None, tuple[Problem, ...]]:
    """The compiled rule, and what is wrong with it; the rule is None when something is.

    Args:
        shape: the rule as validated.
        destinations: every configured destination with its connector.
    """
    compiler = _Compiler(destinations)
    _check_patterns(compiler, shape.on)
    condition = compiler.template(shape.if_, ("if",), RULE_NAMES, bare=True) if shape.if_ is not None else None
    key = compiler.template(shape.key, ("key",), RULE_NAMES) if shape.key is not None else None
    variables = compiler.tree(shape.vars, ("vars",), EVENT_NAMES)
    recall = _templates(compiler, shape.recall, ("recall",), RULE_NAMES)
    coalesce_by, forward_by = _windows(compiler, shape)
    steps = _steps(compiler, shape)
    _check_variables(compiler, shape, [condition, key, *recall.values(), *_step_templates(steps)])
    if compiler.problems or variables is None or len(steps) != len(shape.steps):
        return None, tuple(compiler.problems)
    rule = Rule(
        name=shape.name,
        revision=_revision(shape),
        patterns=shape.on,
        condition=condition,
        key=key,
        variables=variables,
        recall=recall,
        order=shape.order,
        order_hold_ms=shape.order_hold,
        coalesce_ms=shape.coalesce.within if shape.coalesce else None,
        coalesce_by=coalesce_by or key,
        forward_order=shape.only_forward.order if shape.only_forward else (),
        forward_by=forward_by,
        steps=tuple(steps),
    )
    return rule, ()


def _template_code(message: str, *, condition: bool) -> str:
    if "filter" in message:
        return "BR123"
    if "name" in message and "unknown" in message:
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


def _templates(
    compiler: _Compiler, sources: Mapping[str, str], path: Path, names: frozenset[str]
) -> dict[str, Template]:
    compiled = {name: compiler.template(source, (*path, name), names) for name, source in sources.items()}
    return {name: template for name, template in compiled.items() if template is not None}


def _steps(compiler: _Compiler, shape: RuleShape) -> list[Step]:
    steps: list[Step] = []
    seen: list[str] = []
    all_ids = [step.id for step in shape.steps]
    for index, step_shape in enumerate(shape.steps):
        path: Path = ("steps", index)
        if step_shape.id in seen:
            compiler.problems.append(
                Problem("BR207", f"two steps have the id `{step_shape.id}`", (*path, "id"), helps=("rename one",))
            )
        step = _step(compiler, step_shape, path)
        if step is not None:
            _check_reads(compiler, step, path, shape, seen, all_ids)
            steps.append(step)
        seen.append(step_shape.id)
    return steps


def _step(compiler: _Compiler, shape: StepShape, path: Path) -> Step | None:
    operation = _operation(compiler, shape, path)
    condition = compiler.template(shape.if_, (*path, "if"), STEP_NAMES, bare=True) if shape.if_ is not None else None
    encoded = _encoded_names(operation)
    plain = {name: value for name, value in shape.with_.items() if name not in encoded}
    given = compiler.tree(plain, (*path, "with"), STEP_NAMES)
    paths = _templates(
        compiler, {n: str(v) for n, v in shape.with_.items() if n in encoded}, (*path, "with"), STEP_NAMES
    )
    remember = _templates(compiler, shape.remember, (*path, "remember"), STEP_NAMES)
    if operation is None or given is None:
        return None
    _check_parameters(compiler, shape, operation, given, path)
    if shape.remember and operation.operation.success.id is None:
        compiler.problems.append(
            Problem(
                "BR203",
                f"`{shape.use}` gives no id, so there is nothing to remember",
                (*path, "remember"),
                helps=("remember the id of the step that creates the record",),
                on_key=True,
            )
        )
    reads = set(given.reads).union(*(t.reads for t in (condition, *paths.values(), *remember.values()) if t))
    return Step(
        id=shape.id,
        destination=shape.use.partition(".")[0],
        operation=operation,
        given=given,
        paths=paths,
        condition=condition,
        catch=frozenset(shape.catch),
        remember=remember,
        reads_links=frozenset(read[1] for read in reads if len(read) > 1 and read[0] == "links"),
    )


def _encoded_names(operation: CompiledOperation | None) -> frozenset[str]:
    params = operation.operation.params if operation else {}
    return frozenset(name for name, parameter in params.items() if parameter.type == "path")


def _operation(compiler: _Compiler, shape: StepShape, path: Path) -> CompiledOperation | None:
    destination, _, name = shape.use.partition(".")
    connector = compiler.destinations.get(destination)
    if connector is None:
        compiler.problems.append(
            Problem(
                "BR201",
                f"step `{shape.id}` uses destination `{destination}`, which the configuration does not define",
                (*path, "use"),
                label="unknown destination",
                notes=(f"destinations defined: {_listed(compiler.destinations) or 'none'}",),
                helps=_did_you_mean(destination, compiler.destinations),
                offset=0,
                length=len(destination),
            )
        )
        return None
    operation = connector.operations.get(name)
    if operation is None:
        compiler.problems.append(
            Problem(
                "BR202",
                f"connector `{connector.connector.name}` has no operation `{name}`",
                (*path, "use"),
                label="unknown operation",
                notes=(f"operations of `{connector.connector.name}`: {_listed(connector.operations)}",),
                helps=_did_you_mean(name, connector.operations),
                offset=len(destination) + 1 if name else 0,
                length=max(1, len(name)),
            )
        )
    return operation


def _check_parameters(
    compiler: _Compiler, shape: StepShape, operation: CompiledOperation, given: Tree, path: Path
) -> None:
    known = operation.operation.params
    for name in shape.with_:
        if name not in known:
            compiler.problems.append(
                Problem(
                    "BR203",
                    f"`{shape.use}` has no parameter `{name}`",
                    (*path, "with", name),
                    label="unknown parameter",
                    notes=(f"parameters: {_listed(known)}",),
                    helps=_did_you_mean(name, known),
                    on_key=True,
                )
            )
    for name, parameter in known.items():
        if parameter.required and name not in shape.with_:
            compiler.problems.append(
                Problem(
                    "BR203",
                    f"`{shape.use}` needs the parameter `{name}`",
                    (*path, "with") if shape.with_ else (*path, "use"),
                    label=f"`{name}` is missing",
                    notes=(f"`{name}`: {parameter.doc}",),
                    helps=(f"add `{name}: …` under `with`",),
                    on_key=bool(shape.with_),
                )
            )
    _check_constants(compiler, shape, operation, given, path)


def _check_constants(
    compiler: _Compiler, shape: StepShape, operation: CompiledOperation, given: Tree, path: Path
) -> None:
    """A value without any template can be checked against its parameter right now."""
    for name, value in shape.with_.items():
        parameter = operation.operation.params.get(name)
        if parameter is None or parameter.type == "path" or not _is_constant(given, name):
            continue
        try:
            fit({name: parameter}, {name: value})
        except ParameterRefused as refused:
            compiler.problems.append(
                Problem("BR203", str(refused), (*path, "with", name), notes=(parameter.doc,), helps=(refused.mend,))
            )


def _is_constant(tree: Tree, name: str) -> bool:
    return all(template.constant for path, template in tree.templates.items() if path and path[0] == name)


def _check_reads(
    compiler: _Compiler, step: Step, path: Path, shape: RuleShape, seen: Sequence[str], all_ids: Sequence[str]
) -> None:
    places: list[tuple[Path, Template]] = [((*path, "with", *where), t) for where, t in step.given.templates.items()]
    places += [((*path, "with", name), template) for name, template in step.paths.items()]
    if step.condition is not None:
        places.append(((*path, "if"), step.condition))
    known = [*seen, step.id]
    places_after: list[tuple[Path, Template]] = [((*path, "remember", n), t) for n, t in step.remember.items()]
    for allowed, group in ((seen, places), (known, places_after)):
        for place, template in group:
            for read in sorted(template.reads):
                _check_read(compiler, read, place, template, shape, allowed, all_ids)


def _check_read(
    compiler: _Compiler,
    read: tuple[str, ...],
    place: Path,
    template: Template,
    shape: RuleShape,
    seen: Sequence[str],
    all_ids: Sequence[str],
) -> None:
    dotted = ".".join(read[:3])
    if read[0] == "links" and len(read) > 1 and read[1] not in shape.recall:
        message = f"`links.{read[1]}` is not recalled by this rule"
        helps = _did_you_mean(read[1], shape.recall, "links.") or (f"add `{read[1]}` under the rule's `recall`",)
        _bad_read(compiler, "BR122", message, place, template, f"links.{read[1]}", helps)
    if read[0] != "steps" or len(read) == 1:
        return
    if read[1] not in all_ids:
        helps = _did_you_mean(read[1], all_ids, "steps.")
        _bad_read(compiler, "BR205", f"there is no step `{read[1]}`", place, template, f"steps.{read[1]}", helps)
    elif read[1] not in seen:
        helps = ("move that step before this one",)
        _bad_read(compiler, "BR205", f"step `{read[1]}` runs later", place, template, f"steps.{read[1]}", helps)
    elif len(read) > 2 and read[2] not in STEP_PARTS:  # noqa: PLR2004 - steps.<id>.<part>
        helps = _did_you_mean(read[2], STEP_PARTS, f"steps.{read[1]}.") or (f"a step has {_listed(STEP_PARTS)}",)
        _bad_read(compiler, "BR122", f"a step has no `{read[2]}`", place, template, dotted, helps)


def _bad_read(
    compiler: _Compiler,
    code: str,
    message: str,
    place: Path,
    template: Template,
    text: str,
    helps: tuple[str, ...],
) -> None:
    offset = template.source.find(text)
    compiler.problems.append(
        Problem(code, message, place, helps=helps, offset=offset if offset >= 0 else None, length=len(text))
    )


def _check_variables(compiler: _Compiler, shape: RuleShape, templates: Iterable[Template | None]) -> None:
    reads = {read[1] for template in templates if template for read in template.reads if _reads_variable(read)}
    for name in sorted(reads - set(shape.vars)):
        compiler.problems.append(
            Problem(
                "BR122",
                f"`vars.{name}` is not defined by this rule",
                ("name",),
                helps=_did_you_mean(name, shape.vars, "vars.") or (f"add `{name}` under the rule's `vars`",),
            )
        )


def _reads_variable(read: tuple[str, ...]) -> bool:
    return len(read) > 1 and read[0] == "vars"


def _step_templates(steps: Iterable[Step]) -> Iterable[Template | None]:
    for step in steps:
        yield from step.given.templates.values()
        yield from step.paths.values()
        yield from step.remember.values()
        yield step.condition


def _revision(shape: RuleShape) -> str:
    data = shape.model_dump(mode="json", by_alias=True)
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _did_you_mean(name: str, choices: Iterable[str], prefix: str = "") -> tuple[str, ...]:
    nearest = suggest(name, choices)
    return (f"did you mean `{prefix}{nearest}`?",) if nearest else ()
