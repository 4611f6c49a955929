"""A compiled source: what happens between a request's bytes and the events that the store gets."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from bridge.model import UNPARSED, StoredEvent, rfc3339
from bridge.sources.answers import Received, Refused, not_believed, refused_form
from bridge.sources.assembly import Assembly, Position, SourceProblem, SourceRefused
from bridge.sources.extract import Extraction, NoEvent, Request
from bridge.sources.schema import Preset, SourceConfig
from bridge.sources.scheme import EveryOf, HmacScheme, NoVerification, alternatives
from bridge.sources.strict_json import Unreadable, parse_json
from bridge.sources.verify import judge
from bridge.sources.wire import Pairs, index_headers, kept_headers, kept_query

SCOPE_NAMES = frozenset({"body", "parent", "fields", "event", "headers", "query"})
"""The roots that an event gives to the scope of a rule."""

_NAMES = tuple(sorted(SCOPE_NAMES))
_NAMES_UNSPLIT = tuple(name for name in _NAMES if name != "parent")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class SourceWarning:
    """Something that is allowed and worth saying at every start; `path` as in `SourceProblem`."""

    path: Position
    message: str
    help: str


@dataclass(frozen=True, slots=True)
class Source:
    """One configured inbound endpoint, ready to be asked. Holds secrets; its repr shows none.

    Attributes:
        name: the source's name in the configuration, the part of `on:` before the slash.
        path: where it is served.
        preset: the preset's name, None for a source that is spelled out.
        verification: how requests are verified, secrets included.
        extraction: how bodies become events.
        max_body: bytes, None for the server's own limit.
        answer_status: what a stored event is answered with.
        event_types: our word for each type the sender is known to send -> what happened; empty when unknown.
        warnings: what to say at every start.
        help_unsigned: what a person whose request got a 401 should do.
    """

    name: str
    path: str
    preset: str | None
    verification: HmacScheme | EveryOf | NoVerification
    extraction: Extraction
    max_body: int | None
    answer_status: int
    event_types: Mapping[str, str]
    warnings: tuple[SourceWarning, ...]
    help_unsigned: str
    _signatures: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note the headers that are never kept."""
        object.__setattr__(self, "_signatures", frozenset(name.lower() for name in self.signature_headers))

    @classmethod
    def compile(cls, name: str, config: SourceConfig, preset: Preset | None = None) -> Self:
        """Build the source that the configuration describes.

        Args:
            name: its name in the configuration.
            config: its own YAML, variables resolved.
            preset: the preset that `config.preset` names.

        Raises:
            SourceRefused: with every problem found; no message holds a secret.
            ValueError: `preset` is not the one that `config` names.
        """
        if config.preset != (preset.name if preset else None):
            raise ValueError("the preset given is not the one that the configuration names")
        assembly = Assembly(name, config, preset)
        if not _NAME.fullmatch(name):
            help_ = "use up to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
            assembly.problems.append(SourceProblem("BR104", (), f"`{name[:64]}` cannot be a source's name", help_))
        verification = assembly.verification()
        extraction = assembly.extraction()
        assembly.refuse()
        if verification is None or extraction is None:  # both leave a problem behind; this tells the type checker
            raise SourceRefused(tuple(assembly.problems))
        return cls(
            name=name,
            path=config.path or f"/hooks/{name}",
            preset=config.preset,
            verification=verification,
            extraction=extraction,
            max_body=assembly.setting(lambda layer: layer.max_body),
            answer_status=assembly.setting(lambda layer: layer.answer_status) or 200,
            event_types=preset.event_types if preset else {},
            warnings=tuple(_warnings(name, verification)),
            help_unsigned=_help_unsigned(name, verification, preset),
        )

    @property
    def field_names(self) -> frozenset[str]:
        """The names under `fields` that an event of this source may have."""
        return frozenset(self.extraction.fields)

    @property
    def signature_headers(self) -> tuple[str, ...]:
        """The headers that may hold a signature, as the sender writes them."""
        return tuple(scheme.signature.header for scheme in alternatives(self.verification))

    def receive(self, *, headers: Pairs, query: Pairs, body: bytes, now_ms: int) -> Received | Refused:
        """Judge one request, in an order that tells a stranger nothing: form, signature, JSON, events.

        Args:
            headers: all (name, value) pairs as received.
            query: all (name, value) pairs of the query, decoded.
            body: the raw bytes as received, within the size limit.
            now_ms: the present, milliseconds since the Unix epoch.

        Returns:
            All the request's events, or a refusal and none of them. No request makes this method raise.
        """
        index = index_headers(headers)
        refused = refused_form(index)
        if refused is not None:
            return refused
        verdict = judge(self.verification, index, body, now_ms)
        if not verdict.ok:
            return not_believed(verdict, self.help_unsigned)
        try:
            request = Request(
                source=self.name,
                body=body,
                value=parse_json(body),
                headers=kept_headers(index, without=self._signatures),
                query=kept_query(query),
                received_at_ms=now_ms,
                received_at=rfc3339(now_ms),
            )
            events, notes = self.extraction.events(request)
        except Unreadable as error:
            return Refused(
                400,
                "body_unreadable",
                f"The request cannot be read: {error.reason}.",
                "Send one JSON text in UTF-8, without repeated keys, NaN or U+0000, at most 64 levels deep.",
                error.reason,
            )
        except NoEvent as error:
            return Refused(
                400,
                error.code,
                error.message,
                f"Compare the body with `split` and `event` of the source `{self.name}`; "
                f"`crm-bridge explain {self.name} EVENT.json` shows what is read from it.",
                error.detail,
            )
        return Received(events, verdict.secret_index, notes)

    def scope(self, event: StoredEvent) -> Mapping[str, object]:
        """What an event gives to templates: the roots of `SCOPE_NAMES`, each computed when it is first read.

        `parent` is absent unless the source splits. Reading `body`, `parent` or `fields` of an event whose stored
        bytes are damaged raises `Unreadable`.
        """
        return EventScope(self.extraction, event)


class EventScope(Mapping[str, object]):
    """The roots of one event, computed on demand and kept. See `Source.scope`."""

    __slots__ = ("_event", "_extraction", "_roots")

    def __init__(self, extraction: Extraction, event: StoredEvent) -> None:
        self._extraction = extraction
        self._event = event
        self._roots: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        try:
            return self._roots[name]
        except KeyError:
            if name not in self._names:
                raise
        root = self._roots[name] = self._compute(name)
        return root

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def _names(self) -> Sequence[str]:
        return _NAMES if self._event.parent is not None else _NAMES_UNSPLIT

    def _compute(self, name: str) -> object:
        event = self._event
        match name:
            case "body":
                return parse_json(event.content) if event.value is UNPARSED else event.value
            case "parent":
                return parse_json(event.parent or b"")
            case "headers":
                return dict(event.headers)
            case "query":
                return dict(event.query)
            case "event":
                return _event_root(event)
            case _:
                return self._extraction.computed_fields(self)


def _event_root(event: StoredEvent) -> dict[str, object]:
    return {
        "id": event.event_id,
        "type": event.type,
        "raw_type": event.raw_type,
        "source": event.source,
        "time": None if event.time_ms is None else rfc3339(event.time_ms),
        "received_at": rfc3339(event.received_at_ms),
    }


def _warnings(name: str, verification: HmacScheme | EveryOf | NoVerification) -> Iterator[SourceWarning]:
    if isinstance(verification, NoVerification):
        yield SourceWarning(
            ("verify",),
            f"the source `{name}` believes anybody who reaches its address",
            "keep it on a loopback address, or describe the sender's signature under `verify`",
        )
    for scheme in alternatives(verification):
        if scheme.timestamp is not None and (scheme.timestamp.past_s is None or scheme.timestamp.future_s is None):
            yield SourceWarning(
                ("verify", "timestamp"),
                f"the source `{name}` takes signed times of any age",
                "set `past_s` and `future_s`, unless the sender repeats old requests unchanged",
            )


def _help_unsigned(name: str, verification: HmacScheme | EveryOf | NoVerification, preset: Preset | None) -> str:
    sender = preset.title if preset else "the sender"
    headers = " or ".join(f"`{scheme.signature.header}`" for scheme in alternatives(verification))
    return (
        f"The secret of the source `{name}` in the bridge's configuration (`secret:`) must be the one in the webhook "
        f"settings of {sender}, which signs the raw body and sends {headers}. "
        f"To try it out, `crm-bridge send {name} EVENT.json` signs a test event with the configured secret."
    )
