"""From the YAML of a source and its preset to compiled parts, with every problem found, not only the first.

The operator's words win over the preset's: `verify`, `split`, each part of `event` as a whole, `fields` and `types`
name by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from bridge.errors import BridgeError
from bridge.expressions import Template, TemplateRefused, Tree, compile_template, compile_tree
from bridge.sources.credentials import SourceSecret
from bridge.sources.extract import Extraction, parse_split
from bridge.sources.schema import BODY_HASH, Preset, Shape, SourceConfig
from bridge.sources.scheme import AnyScheme, EveryOf, HmacScheme, Keyed, NoVerification, alternatives

DEFAULT_DEDUPE_MS = 8 * 24 * 3_600_000

_TYPE_NAMES = ("body", "parent", "headers", "query")
_EVENT_NAMES = (*_TYPE_NAMES, "event")
_FIELD_NAMES = (*_EVENT_NAMES, "fields")

_Setting = TypeVar("_Setting")

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


class Assembly:
    """Collects the compiled parts of one source, and its problems, before they become a `Source`."""

    def __init__(self, name: str, config: SourceConfig, preset: Preset | None) -> None:
        self.problems: list[SourceProblem] = []
        self._name = name
        self._config = config
        self._preset = preset
        # Later layers win.
        self._layers: tuple[tuple[Shape, bool], ...] = (
            ((preset, True), (config, False)) if preset is not None else ((config, False),)
        )

    def refuse(self) -> None:
        """Raise `SourceRefused` if anything is wrong."""
        if self.problems:
            raise SourceRefused(tuple(self.problems))

    def verification(self) -> AnyScheme | None:
        """The scheme with its secrets, or None and a problem."""
        scheme = self._config.verify or (self._preset.verify if self._preset else None)
        if scheme is None:
            self._add(
                "BR101",
                ("verify",),
                f"the source `{self._name}` does not say how its requests are verified",
                "name a `preset`, describe the signature under `verify`, or write `verify: {type: none}` to believe "
                "anybody who reaches the address",
            )
            return None
        secrets = self._config.secret
        if isinstance(scheme, NoVerification):
            if secrets:
                self._add("BR104", ("secret",), "a secret is given, but `verify: {type: none}` checks nothing")
            return scheme
        addressed = self._with_address(scheme)
        return None if addressed is None else self._with_secrets(addressed, secrets)

    def extraction(self) -> Extraction | None:
        """The compiled `split`, `event`, `types` and `fields`, or None and problems."""
        before = len(self.problems)
        kind = self._type()
        ids, by_body = self._ids()
        time = self._time()
        fields = self._fields()
        if kind is None or len(self.problems) > before:
            return None
        dedupe_ms = self.setting(lambda layer: layer.dedupe)
        return Extraction(
            type=kind,
            ids=tuple(ids),
            by_body=by_body,
            time=time,
            types={word: ours for layer, _ in self._layers for word, ours in layer.types.items()},
            fields=fields,
            split=parse_split(self.setting(lambda layer: layer.split)),
            dedupe_ms=DEFAULT_DEDUPE_MS if dedupe_ms is None else dedupe_ms,
        )

    def setting(self, read: Callable[[Shape], _Setting | None]) -> _Setting | None:
        """What `read` finds in the configuration, else in the preset."""
        found = self._chosen(read)
        return None if found is None else found[0]

    def _chosen(self, read: Callable[[Shape], _Setting | None]) -> tuple[_Setting, bool] | None:
        """The setting of the last layer that has it, and whether that layer is the preset."""
        for layer, of_preset in reversed(self._layers):
            value = read(layer)
            if value is not None:
                return value, of_preset
        return None

    def _with_address(self, scheme: Keyed | EveryOf) -> Keyed | EveryOf | None:
        """The scheme with the public address where the sender signs it."""
        given = self._config.public_url
        places = [part.url for part in alternatives(scheme) if isinstance(part, HmacScheme) and part.url is not None]
        if given is not None and (not places or any(place.public for place in places)):
            self._add(
                "BR103" if places else "BR104",
                ("public_url",),
                "`public_url` is short for `verify.url.public`; give only one of them"
                if places
                else "a public address is given, but this source's signature does not cover it",
                "leave `public_url` out",
            )
            return None
        if given is None and not all(place.public for place in places):
            self._add(
                "BR101",
                ("public_url",) if self._config.verify is None else ("verify", "url", "public"),
                f"the source `{self._name}` does not know its public address, which is part of the signature",
                f"add `public_url: https://bridge.example.com/hooks/{self._name}`, exactly as entered at the sender",
            )
            return None
        return scheme if given is None else _each(scheme, lambda part: _addressed(part, given))

    def _with_secrets(self, scheme: Keyed | EveryOf, secrets: tuple[SourceSecret, ...]) -> Keyed | EveryOf | None:
        if secrets and any(part.secrets for part in alternatives(scheme)):
            self._add("BR103", ("secret",), "`secret` is short for `verify.secrets`; give only one of them")
            return None
        try:
            complete = _given(scheme, secrets) if secrets else scheme
        except ValidationError as error:  # a secret that does not decode the way the scheme says
            for each in error.errors(include_input=False, include_url=False):
                self._add("BR304", ("secret",), each["msg"], each.get("ctx", {}).get("help"))
            return None
        if all(part.secrets for part in alternatives(complete)):
            return complete
        place: Position = ("secret",) if self._config.verify is None else ("verify", "secrets")
        self._add(
            "BR101",
            place,
            f"the source `{self._name}` has no secret, so anybody could send it events",
            f"add `secret: ${{{self._name.upper().replace('-', '_').replace('.', '_')}_WEBHOOK_SECRET}}` and set that "
            "variable to the secret from the sender's webhook settings",
        )
        return None

    def _type(self) -> Template | None:
        chosen = self._chosen(lambda layer: layer.event.type)
        if chosen is None:
            self._add(
                "BR101",
                ("event", "type"),
                "nothing says what kind of event a body is",
                'add `event: {type: "{{ body.type }}"}`, or a fixed word for a sender of one kind of event',
            )
            return None
        text, in_preset = chosen
        return self._template(text, ("event", "type"), _TYPE_NAMES, in_preset=in_preset)

    def _ids(self) -> tuple[list[Template], bool]:
        """The templates of `event.id`, and whether the hash of the body comes after them."""
        chosen = self._chosen(lambda layer: layer.event.id or None)
        if chosen is None:
            self._add(
                "BR101",
                ("event", "id"),
                "nothing says which events are the same, so a sender's retry would be delivered twice",
                'add `event: {id: "{{ body.id }}"}`; `id: body` takes the hash of the bytes where the sender has no id',
            )
            return [], False
        texts, in_preset = chosen
        templates = []
        for position, text in enumerate(texts):
            if text != BODY_HASH:
                path: Position = ("event", "id") if len(texts) == 1 else ("event", "id", position)
                templates.append(self._template(text, path, _EVENT_NAMES, in_preset=in_preset))
        return [template for template in templates if template is not None], BODY_HASH in texts

    def _time(self) -> Template | None:
        chosen = self._chosen(lambda layer: layer.event.time)
        if chosen is None:
            return None
        text, in_preset = chosen
        return self._template(text, ("event", "time"), _EVENT_NAMES, in_preset=in_preset)

    def _fields(self) -> dict[str, Tree]:
        fields: dict[str, Tree] = {}
        for layer, in_preset in self._layers:
            for name, value in layer.fields.items():
                path: Position = ("fields", name)
                try:
                    fields[name] = compile_tree(value, names=_FIELD_NAMES)
                except TemplateRefused as refused:
                    self._add_refused(refused, path, in_preset=in_preset)
        return fields

    def _template(self, text: str, path: Position, names: tuple[str, ...], *, in_preset: bool) -> Template | None:
        try:
            return compile_template(text, names=names)
        except TemplateRefused as refused:
            self._add_refused(refused, path, in_preset=in_preset)
        return None

    def _add(self, code: str, path: Position, text: str, mend: str | None = None) -> None:
        self.problems.append(SourceProblem(code, path, text, mend))

    def _add_refused(self, refused: TemplateRefused, path: Position, *, in_preset: bool) -> None:
        self.problems += [
            SourceProblem("BR121", (*path, *each.path), each.message, each.help, in_preset, each.offset, each.length)
            for each in refused.problems
        ]


def _given(scheme: Keyed | EveryOf, secrets: tuple[SourceSecret, ...]) -> Keyed | EveryOf:
    """The scheme with `secrets` in every alternative, validated anew so that each is known to decode."""
    return _each(scheme, lambda part: _changed(part, {"secrets": secrets}))


def _addressed(scheme: Keyed, public: str) -> Keyed:
    if not isinstance(scheme, HmacScheme) or scheme.url is None:
        return scheme
    return _changed(scheme, {"url": {"public": public, "decode": scheme.url.decode}})


def _each(scheme: Keyed | EveryOf, change: Callable[[Keyed], Keyed]) -> Keyed | EveryOf:
    if isinstance(scheme, EveryOf):
        return EveryOf(type="every_of", of=tuple(change(part) for part in scheme.of))
    return change(scheme)


def _changed(scheme: Keyed, values: Mapping[str, object]) -> Keyed:
    return type(scheme).model_validate({**scheme.model_dump(by_alias=True), **values})
