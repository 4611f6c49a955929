"""Which keys a pydantic model takes at some place inside it, for "did you mean".

pydantic's `loc` of an error names keys, list indices and, in unions, tags that stand nowhere in the file. This walks
the annotations along such a `loc`. Where a union leaves several models open, all their keys count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, RootModel, Tag
from pydantic.fields import FieldInfo

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Model:
    """A model, with the tags that `Annotated[..., Tag("x")]` gives it in a union."""

    model: type[BaseModel]
    tags: frozenset[str]

    def fields(self) -> Iterator[tuple[str, FieldInfo]]:
        """Key as written in files, and the field."""
        return ((key_of(name, field), field) for name, field in self.model.model_fields.items())

    def answers_to(self, tag: str | int) -> bool:
        """Whether pydantic calls this member of a union by `tag`."""
        literals = (get_args(field.annotation) for _, field in self.fields() if get_origin(field.annotation) is Literal)
        return tag in self.tags or tag == self.model.__name__ or any(tag in values for values in literals)


@dataclass(frozen=True, slots=True)
class _Container:
    """A list or mapping: every index or key leads to the same annotation."""

    annotation: Any


_Candidate = _Model | _Container


def keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that the models reached by `loc` know, as they are written in files."""
    candidates: Sequence[_Candidate] = _candidates(model)
    for part in loc:
        candidates = _step(candidates, part)
    models = [candidate for candidate in candidates if isinstance(candidate, _Model)]
    return sorted({key for candidate in models for key, _ in candidate.fields()})


def key_of(name: str, field: FieldInfo) -> str:
    """How a field is written in a file."""
    alias = field.validation_alias or field.alias
    return alias if isinstance(alias, str) else name


def _step(candidates: Sequence[_Candidate], part: str | int) -> list[_Candidate]:
    """What lies behind key, index or union tag `part`; a part that leads nowhere is taken for a tag."""
    reached: list[_Candidate] = []
    for candidate in candidates:
        if isinstance(candidate, _Container):
            reached += _candidates(candidate.annotation)
        else:
            reached += [inner for key, field in candidate.fields() if key == part for inner in _behind(field)]
    if reached:
        return reached
    tagged = [candidate for candidate in candidates if isinstance(candidate, _Model) and candidate.answers_to(part)]
    return [*tagged] or [*candidates]


def _behind(field: FieldInfo) -> list[_Candidate]:
    return _candidates(field.annotation, *field.metadata)


def _candidates(annotation: Any, *metadata: Any) -> list[_Candidate]:
    """The models and containers that an annotation allows, unions and wrappers opened."""
    if hasattr(annotation, "__value__"):  # a named alias
        return _candidates(annotation.__value__, *metadata)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None:
        return _plain(annotation, metadata)
    if origin is Annotated:
        return _candidates(arguments[0], *arguments[1:])
    if isinstance(origin, type) and issubclass(origin, Iterable):
        values = arguments[1:] if issubclass(origin, Mapping) else arguments
        return [_Container(value) for value in values if value is not Ellipsis]
    members = () if origin is Literal else arguments
    return [found for member in members for found in _candidates(member)]


def _plain(annotation: Any, metadata: Iterable[Any]) -> list[_Candidate]:
    if not isinstance(annotation, type) or not issubclass(annotation, BaseModel):
        return []
    if issubclass(annotation, RootModel):
        return _candidates(annotation.model_fields["root"].annotation)
    return [_Model(annotation, frozenset(item.tag for item in metadata if isinstance(item, Tag)))]
