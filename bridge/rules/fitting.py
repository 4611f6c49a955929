"""Whether a step's `with` fits its operation, as far as that shows before there is an event."""

from collections.abc import Collection, Iterator, Mapping

from bridge.connectors.operation import CompiledOperation
from bridge.connectors.parameters import fit
from bridge.connectors.schema import Clear, Parameter
from bridge.connectors.wire import ParameterRefused
from bridge.diagnostics import suggest
from bridge.expressions import OMIT, RenderError, TemplateRefused, compile_tree
from bridge.rules.problem import Path, Problem, did_you_mean, listed
from bridge.rules.schema import StepShape


def check_fit(shape: StepShape, operation: CompiledOperation, path: Path) -> Iterator[Problem]:
    """Unknown and missing parameters, and constants of the wrong kind.

    Args:
        shape: the step as written.
        operation: what it uses.
        path: the step's place in the rule.
    """
    place = (*path, "with")
    known = operation.operation.params
    yield from _check_names(shape.use, "", known, shape.with_, place)
    given = _meant(known, shape.with_)
    yield from _check_required(shape, known, given, path)
    yield from _check_one_needed(shape, operation.operation.one_needed, given, path)
    for name, value in shape.with_.items():
        if name in known:
            yield from _check_constant(name, known[name], operation.connector.clear, value, (*place, name))
    if shape.remember and operation.operation.success.id is None:
        yield Problem(
            "BR203",
            f"`{shape.use}` gives no id, so there is nothing to remember",
            (*path, "remember"),
            helps=("remember the id of the step that creates the record",),
            on_key=True,
        )


def _check_names(
    use: str, inside: str, known: Mapping[str, Parameter], given: Mapping[str, object], place: Path
) -> Iterator[Problem]:
    for name, value in given.items():
        parameter = known.get(name)
        if parameter is None:
            yield Problem(
                "BR203",
                f"`{use}` has no parameter `{inside}{name}`",
                (*place, name),
                label="unknown parameter",
                notes=(f"parameters: {listed(inside + each for each in known)}",),
                helps=did_you_mean(name, known, inside),
                on_key=True,
            )
        elif parameter.fields and isinstance(value, Mapping):
            yield from _check_names(use, f"{inside}{name}.", parameter.fields, value, (*place, name))


def _meant(known: Mapping[str, Parameter], given: Mapping[str, object]) -> frozenset[str]:
    """The names that are given, also those that were misspelled: one mistake is told once."""
    nearest = (name if name in known else suggest(name, known) for name in given)
    return frozenset(name for name in nearest if name is not None)


def _check_required(
    shape: StepShape, known: Mapping[str, Parameter], given: Collection[str], path: Path
) -> Iterator[Problem]:
    for name, parameter in known.items():
        if parameter.required and name not in given:
            yield _missing(shape, path, f"`{shape.use}` needs the parameter `{name}`", name, f"{name}: {parameter.doc}")


def _check_one_needed(
    shape: StepShape, one_needed: tuple[str, ...], given: Collection[str], path: Path
) -> Iterator[Problem]:
    if one_needed and not any(name in given for name in one_needed):
        choice = " or ".join(f"`{name}`" for name in one_needed)
        yield _missing(shape, path, f"`{shape.use}` needs {choice}", one_needed[0], "one of them must be there")


def _missing(shape: StepShape, path: Path, message: str, name: str, note: str) -> Problem:
    return Problem(
        "BR203",
        message,
        (*path, "with") if shape.with_ else (*path, "use"),
        label=f"`{name}` is missing",
        notes=(note,),
        helps=(f"add `{name}: …` under `with`",),
        on_key=bool(shape.with_),
    )


def _check_constant(name: str, parameter: Parameter, clear: Clear, value: object, place: Path) -> Iterator[Problem]:
    """A value that looks nothing up is the same for every event, and can be checked against its parameter now."""
    if _has_unknown_field(parameter, value):
        return  # reported by name already
    try:
        tree = compile_tree(value)
        if not tree.constant:
            return
        rendered = tree.render({})
        if rendered is not OMIT:
            fit({name: parameter}, {name: rendered}, clear=clear)
    except TemplateRefused:
        return  # reported where the step is compiled
    except RenderError as error:
        yield Problem("BR121", error.message, (*place, *error.path), helps=(error.help,) if error.help else ())
    except ParameterRefused as refused:
        inside = tuple(refused.name.split(".")[1:])
        known_place = (*place, *inside) if isinstance(value, Mapping) and set(inside) <= value.keys() else place
        yield Problem("BR203", str(refused), known_place, notes=(parameter.doc,), helps=(refused.mend,))


def _has_unknown_field(parameter: Parameter, value: object) -> bool:
    return bool(parameter.fields) and isinstance(value, Mapping) and not value.keys() <= parameter.fields.keys()
