"""A compiled source: what happens between a request's bytes and the events that the store gets."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from bridge.model import UNPARSED, StoredEvent, rfc3339
from bridge.sources.advice import Advice, advice_of
from bridge.sources.answers import Received, Refused, forms_of
from bridge.sources.assembly import Assembly
from bridge.sources.bodies import BodyForm, read_body
from bridge.sources.cautions import cautions, handshake_cautions
from bridge.sources.dressing import content_type, dressed
from bridge.sources.extract import Extraction, Request
from bridge.sources.handshake_answers import Handshakes
from bridge.sources.learned import secret_count, takes_secret, with_secrets
from bridge.sources.places import Place
from bridge.sources.presented import Presented
from bridge.sources.problems import SourceProblem, SourceRefused, SourceWarning
from bridge.sources.schema import AnswerText, Preset, RequestLimit, SourceConfig
from bridge.sources.scheme import AnyScheme, alternatives
from bridge.sources.splitting import NoEvent, parents_of
from bridge.sources.strict_json import Unreadable, parse_json
from bridge.sources.verify import judge
from bridge.sources.wire import Pairs, index_headers, index_query, kept_headers, kept_query

SCOPE_NAMES = frozenset({"body", "parent", "parents", "fields", "event", "headers", "query"})
"""The roots that an event gives to the scope of a rule."""

_NAMES = tuple(sorted(SCOPE_NAMES))
_NAMES_UNSPLIT = tuple(name for name in _NAMES if name not in {"parent", "parents"})

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


Parse = Callable[[bytes], object]
"""Reads JSON that was stored."""


@dataclass(frozen=True, slots=True)
class Source:
    """One configured inbound endpoint, ready to be asked. Holds secrets; its repr shows none.

    Attributes:
        name: the source's name in the configuration, the part of `on:` before the slash.
        path: where it is served.
        preset: the preset's name, None for a source that is spelled out.
        verification: how requests are verified, secrets included.
        extraction: how bodies become events.
        forms: how bodies may be written.
        max_body: bytes, None for the server's own limit.
        limit: how fast it may send, None for the server's own limit.
        answer_status: what a stored event is answered with.
        answer_body: what answers have for a body; a text is for stored events only.
        handshakes: what the sender asks of the address besides events; `meet` heeds it, `receive` does not.
        event_types: our word for each type the sender is known to send -> what happened; empty when unknown.
        warnings: what to say at every start.
        advice: what a person whose request got a 401 should do.
        methods: what its address takes, in the order of the alphabet.
    """

    name: str
    path: str
    preset: str | None
    verification: AnyScheme
    extraction: Extraction
    forms: tuple[BodyForm, ...]
    max_body: int | None
    limit: RequestLimit | None
    answer_status: int
    answer_body: Literal["json", "empty"] | AnswerText
    handshakes: Handshakes
    event_types: Mapping[str, str]
    warnings: tuple[SourceWarning, ...]
    advice: Advice
    methods: tuple[str, ...] = field(init=False, compare=False)
    _secret_headers: frozenset[str] = field(init=False, repr=False, compare=False)
    _secret_patterns: tuple[Place, ...] = field(init=False, repr=False, compare=False)
    _secret_parameters: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note what is asked of each request: the methods, and the headers and query parameters that are not kept."""
        object.__setattr__(self, "methods", tuple(sorted({"POST", *self.handshakes.methods})))
        places = [scheme.signature.place for scheme in alternatives(self.verification)]
        parameters = frozenset(place.name for place in places if place.kind == "query")
        patterns = tuple(place for place in places if place.kind == "header_pattern")
        object.__setattr__(self, "_secret_headers", frozenset(name.lower() for name in self.signature_headers))
        object.__setattr__(self, "_secret_patterns", patterns)
        object.__setattr__(self, "_secret_parameters", parameters)

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
        handshakes = assembly.handshakes(verification)
        assembly.refuse()
        if verification is None or extraction is None:  # both leave a problem behind; this tells the type checker
            raise SourceRefused(tuple(assembly.problems))
        return cls(
            name=name,
            path=config.path or f"/hooks/{name}",
            preset=config.preset,
            verification=verification,
            extraction=extraction,
            forms=_forms(assembly.setting(lambda layer: layer.body) or ("json",)),
            max_body=assembly.setting(lambda layer: layer.max_body),
            limit=config.limit,
            answer_status=assembly.setting(lambda layer: layer.answer_status) or 200,
            answer_body=assembly.setting(lambda layer: layer.answer_body) or "json",
            handshakes=handshakes,
            event_types=preset.event_types if preset else {},
            warnings=(*cautions(name, verification), *handshake_cautions(name, verification, handshakes)),
            advice=advice_of(name, verification, preset.title if preset else "the sender"),
        )

    @property
    def secret_count(self) -> int:
        """How many secrets it has."""
        return secret_count(self.verification)

    def takes_secret(self, secret: str) -> bool:
        """Whether a secret that the sender brings is one for `verify`."""
        return takes_secret(self.verification, secret)

    def with_secrets(self, secrets: Sequence[str]) -> Self:
        """The same source with further secrets, which the sender brought.

        Raises:
            ValidationError: the source does not take one of them.
        """
        return replace(self, verification=with_secrets(self.verification, secrets))

    @property
    def field_names(self) -> frozenset[str]:
        """The names under `fields` that an event of this source may have."""
        return frozenset(self.extraction.fields)

    @property
    def parent_names(self) -> frozenset[str]:
        """The names under `parents` that an event of this source may have."""
        return self.extraction.split.keys

    @property
    def signature_headers(self) -> tuple[str, ...]:
        """The headers that may hold a signature, as the sender writes them."""
        places = [scheme.signature.place for scheme in alternatives(self.verification)]
        return tuple(place.name for place in places if place.kind == "header")

    @property
    def proof_names(self) -> frozenset[str]:
        """What the headers, query parameters, keys and form fields are called that may hold a proof."""
        places = [scheme.signature.place for scheme in alternatives(self.verification)]
        return frozenset(place.path[-1] if place.path else place.name for place in places)

    def may_be_proven(self, headers: Collection[str], query: Collection[str]) -> bool:
        """Whether anything stands where a proof is looked for; said before the body is read, which may hold it, too.

        Args:
            headers: the names of the request's headers, asked without regard to case.
            query: the names of its query parameters.
        """
        places = [scheme.signature.place for scheme in alternatives(self.verification)]
        return not places or any(_may_stand(place, headers, query) for place in places)

    def content_type(self, body: bytes) -> str:
        """The media type to send a body with as it is, by its look where the source takes several forms."""
        return content_type(self.forms, body)

    def dressed(self, body: bytes) -> tuple[str, bytes]:
        """The media type and the bytes with which the sender would send a body; JSON is put into a form if need be."""
        return dressed(self.forms, body)

    def receive(
        self,
        *,
        headers: Pairs,
        query: Pairs,
        body: bytes,
        now_ms: int,
        method: str = "POST",
        raw_query: str = "",
        certificates: Mapping[str, bytes] | None = None,
    ) -> Received | Refused:
        """Judge one request, in an order that tells a stranger nothing: form, signature, JSON, events.

        Args:
            headers: all (name, value) pairs as received.
            query: all (name, value) pairs of the query, decoded.
            body: the raw bytes as received, within the size limit.
            now_ms: the present, milliseconds since the Unix epoch.
            method: the request's method.
            raw_query: the query as it stands in the request line.
            certificates: as of `verify`; a refusal for want of one names it.

        Returns:
            All the request's events, or a refusal and none of them. No request makes this method raise.
        """
        request = Presented(index_headers(headers), body, index_query(query), method, raw_query, certificates)
        return self.judged(request, now_ms)

    def judged(self, request: Presented, now_ms: int) -> Received | Refused:
        """`receive` for a caller that has the request in this form already."""
        taken = forms_of(request.headers, self.forms)
        if isinstance(taken, Refused):
            return taken
        verdict = judge(self.verification, request, now_ms)
        if not verdict.ok:
            return self.advice.refusal(verdict)
        repeated = self.extraction.repeated_id_header(request.headers)
        if repeated is not None:
            return Refused(
                400,
                "event_id_repeated",
                "The request gives the identity of its event twice.",
                f"Send the header `{repeated}` once; a proxy on the way may add one.",
                f"the header `{repeated}`, which `event.id` reads, came {len(request.headers[repeated])} times",
                is_proven=True,
            )
        forms, media = taken
        try:
            read = read_body(forms, request.body, media)
            events, notes = self.extraction.events(
                Request(
                    source=self.name,
                    body=read.content,
                    value=read.value,
                    headers=kept_headers(request.headers, without=self._proving(request.headers)),
                    query=kept_query(request.query, without=self._secret_parameters),
                    received_at_ms=now_ms,
                    received_at=rfc3339(now_ms),
                )
            )
        except Unreadable as error:
            return Refused(
                400,
                "body_unreadable",
                f"The request cannot be read: {error.reason}.",
                forms[0].how,
                error.reason,
                is_proven=True,
            )
        except NoEvent as error:
            return Refused(
                400,
                error.code,
                error.message,
                f"Compare the body with `split` and `event` of the source `{self.name}`; "
                f"`crm-bridge explain {self.name} EVENT.json` says what is missing.",
                error.detail,
                is_proven=True,
            )
        return Received(events, verdict.secret_index, notes, verdict.replay_id, verdict.replay_keep_s)

    def _proving(self, headers: Iterable[str]) -> frozenset[str]:
        """The headers that hold the proof of a request with these headers."""
        if not self._secret_patterns:
            return self._secret_headers
        return self._secret_headers.union(n for n in headers if any(place.fits(n) for place in self._secret_patterns))

    def scope(self, event: StoredEvent, parse: Parse = parse_json) -> Mapping[str, object]:
        """What an event gives to templates: the roots of `SCOPE_NAMES`, each computed when it is first read.

        `parent` and `parents` are absent unless the event was split off. Reading `body`, `parent`, `parents` or
        `fields` of an event whose stored bytes are damaged raises `Unreadable`.

        Args:
            event: the event.
            parse: reads the body of a request that was split; a caller that meets all its events reads it once.
        """
        return EventScope(self.extraction, event, parse)


class EventScope(Mapping[str, object]):
    """The roots of one event, computed on demand and kept. See `Source.scope`."""

    __slots__ = ("_event", "_extraction", "_parse", "_roots")

    def __init__(self, extraction: Extraction, event: StoredEvent, parse: Parse) -> None:
        self._extraction = extraction
        self._event = event
        self._parse = parse
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
                return self._parse(event.parent or b"")
            case "parents":
                return parents_of(self["parent"], event.place or ())
            case "headers" | "query":
                return dict(event.headers if name == "headers" else event.query)
            case "event":
                return _event_root(event)
            case _:
                return self._extraction.computed_fields(self)


def _forms(names: Sequence[str]) -> tuple[BodyForm, ...]:
    return tuple(form for form in map(BodyForm.parse, names) if form is not None)  # the schema has refused the others


def _event_root(event: StoredEvent) -> dict[str, object]:
    return {
        "id": event.event_id,
        "type": event.type,
        "raw_type": event.raw_type,
        "source": event.source,
        "time": None if event.time_ms is None else rfc3339(event.time_ms),
        "received_at": rfc3339(event.received_at_ms),
    }


def _may_stand(place: Place, headers: Collection[str], query: Collection[str]) -> bool:
    match place.kind:
        case "header":
            return place.name in headers
        case "header_pattern":
            return any(place.fits(name.lower()) for name in headers)
        case "query":
            return place.name in query
        case _:
            return True
