"""From the YAML of a source and its preset to compiled parts, with every problem found, not only the first.

The operator's words win over the preset's: `verify`, `split`, each part of `event` as a whole, `fields` and `types`
name by name.
"""

from collections.abc import Callable, Collection
from typing import TypeVar

from bridge.diagnostics import quoted_list, suggest
from bridge.expressions import Template, TemplateRefused, Tree, compile_template, compile_tree
from bridge.model import DEDUPE_MS
from bridge.sources.entrusting import entrust
from bridge.sources.extract import Extraction
from bridge.sources.handshake import Block as HandshakeBlock
from bridge.sources.handshake import Confirm, HmacJson, StoreSecret
from bridge.sources.handshake_answers import Handshakes
from bridge.sources.problems import Position, SourceProblem, SourceRefused
from bridge.sources.proofs.keyed_hash import HmacScheme
from bridge.sources.schema import BODY_HASH, Preset, Shape, SourceConfig
from bridge.sources.scheme import AnyScheme, NoVerification, alternatives
from bridge.sources.splitting import Split
from bridge.sources.wire import header_in_capitals

_TYPE_NAMES = ("body", "parent", "parents", "headers", "query")
_EVENT_NAMES = (*_TYPE_NAMES, "event")
_FIELD_NAMES = (*_EVENT_NAMES, "fields")

_Setting = TypeVar("_Setting")


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
        paths, self._split_of_preset = self._chosen(lambda layer: layer.split) or ((), False)
        self._split = Split.parse(paths)

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
        complete, problems = entrust(scheme, self._name, self._config, learns=self._learns)
        self.problems += problems
        return complete

    def handshakes(self, scheme: AnyScheme | None) -> Handshakes:
        """What the sender asks besides events; what does not fit the verification is a problem."""
        made = Handshakes(self.setting(lambda layer: layer.handshake) or (), self._config.verify_token)
        if made.verify_tokens and not made.shows_a_token:
            self._add(
                "BR104", ("verify_token",), "a verify token is given, but no `handshake` of this source looks at it"
            )
        for position, block in enumerate(made.blocks if scheme is not None else ()):
            if not _has_meaning(block, scheme):
                self._add(
                    "BR104",
                    ("handshake", position) if self._config.handshake is not None else ("verify",),
                    f"`kind: {block.kind}` has no meaning with this `verify`",
                    "describe the sender's signature under `verify`, with the secret that it rests on",
                )
            elif isinstance(block, HmacJson) and not block.is_signed and _signs_words(scheme):
                self._add(
                    "BR104",
                    ("handshake", position) if self._config.handshake is not None else ("verify",),
                    "with this `verify` anybody could have events signed: the HMAC is given for a word, and what is "
                    "signed of an event may be one",
                    "write `signed: true`, or `{body}` in `message` if the sender signs the whole body",
                )
        return made

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
            split=self._split,
            dedupe_ms=DEDUPE_MS if dedupe_ms is None else dedupe_ms,
        )

    @property
    def _learns(self) -> bool:
        """Whether the sender brings its secret."""
        return any(isinstance(block, StoreSecret) for block in self.setting(lambda layer: layer.handshake) or ())

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
                else:
                    self._check_reads(fields[name].reads, path, in_preset=in_preset)
        return fields

    def _template(self, text: str, path: Position, names: tuple[str, ...], *, in_preset: bool) -> Template | None:
        try:
            template = compile_template(text, names=names)
        except TemplateRefused as refused:
            self._add_refused(refused, path, in_preset=in_preset)
            return None
        self._check_reads(template.reads, path, in_preset=in_preset)
        return template

    def _check_reads(self, reads: Collection[tuple[str, ...]], path: Position, *, in_preset: bool) -> None:
        """Every look-up that can only fail."""
        self._check_parents(reads, path, in_preset=in_preset)
        for wrong in map(header_in_capitals, sorted(reads)):
            if wrong is not None:
                self.problems.append(SourceProblem("BR122", path, *wrong, in_preset))

    def _check_parents(self, reads: Collection[tuple[str, ...]], path: Position, *, in_preset: bool) -> None:
        """Every `parents.KEY` that `split` does not pass. What a preset reads fits its own `split`, if that is used."""
        if in_preset and not self._split_of_preset:
            return
        keys = self._split.keys
        for read in sorted(reads):
            if read[0] == "parents" and len(read) > 1 and read[1] not in keys:
                near = suggest(read[1], keys)
                passed = (
                    f"`split` passes {quoted_list(sorted(keys))}" if keys else "`split` passes no element; use `parent`"
                )
                mend = f"did you mean `parents.{near}`?" if near else passed
                message = f"events of this source have no `parents.{read[1]}`"
                self.problems.append(SourceProblem("BR122", path, message, mend, in_preset))

    def _add(self, code: str, path: Position, text: str, mend: str | None = None) -> None:
        self.problems.append(SourceProblem(code, path, text, mend))

    def _add_refused(self, refused: TemplateRefused, path: Position, *, in_preset: bool) -> None:
        self.problems += [
            SourceProblem("BR121", (*path, *each.path), each.message, each.help, in_preset, each.offset, each.length)
            for each in refused.problems
        ]


def _signs_words(scheme: AnyScheme | None) -> bool:
    """Whether some event is signed without its body."""
    found = () if scheme is None else alternatives(scheme)
    return any(isinstance(each, HmacScheme) and all(t.kind != "body" for t in each.tokens) for each in found)


def _has_meaning(block: HandshakeBlock, scheme: AnyScheme | None) -> bool:
    """Whether what a block does can be done with what the scheme rests on."""
    if isinstance(block, HmacJson | StoreSecret):
        return scheme is not None and any(each.rests_on == "secrets" for each in alternatives(scheme))
    return not (isinstance(block, Confirm) and isinstance(scheme, NoVerification))
