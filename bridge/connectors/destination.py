"""A destination: a connector plus an account, credentials and limits, as the configuration gives them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bridge.connectors.assertion import KeyUnusable, check_key
from bridge.connectors.given_auth import GivenAuth
from bridge.connectors.library import CompiledConnector
from bridge.connectors.limits import CompiledLimit
from bridge.connectors.overrides import (
    DEFAULT_REPLAY_SHARE,
    BatchSwitches,
    LimitChanges,
    Mistake,
    Percent,
    check_switches,
    final_limits,
    switched_on,
)
from bridge.connectors.request import MASK
from bridge.connectors.schema import Assertion, Auth, Setting
from bridge.diagnostics import Flag, suggest
from bridge.expressions import RenderError, compile_template
from bridge.units import DurationMs, SizeBytes

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
LONGEST_LINGER_MS = 10 * SECOND
MIB = 1024 * 1024
DEFAULT_FILE_BYTES = 20 * MIB
LARGEST_FILE_BYTES = 100 * MIB  # the largest that WhatsApp carries; each file in flight is in memory
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(:[0-9]{1,5})?", re.ASCII)
SHORTEST_WAIT_MS = 10  # a wait of nothing would hammer an API that is down
# fact C11: the waits after each failure; the last one repeats until the horizon
DEFAULT_SCHEDULE_MS = (
    2 * SECOND,
    10 * SECOND,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    8 * HOUR,
)


class RetryShape(BaseModel):
    """`retry`: the waits after each failure (uniformly between half and all of each), and when to give up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schedule: tuple[Annotated[DurationMs, Field(ge=SHORTEST_WAIT_MS)], ...] = Field(
        default=DEFAULT_SCHEDULE_MS, min_length=1
    )
    """The waits after each failure; the last one is repeated."""
    horizon: DurationMs = 24 * HOUR
    """How long after the first failure to give up."""


def _host(text: str) -> str:
    if _HOST.fullmatch(text) is None:
        raise ValueError(f"`{text}` is no host: write `media.example.com`, `*.example.com` or `media.example.com:8443`")
    return text.lower()


class FetchShape(BaseModel):
    """`fetch`: the hosts from which files may be fetched that a call passes on, and how large they may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    """`media.example.com` or `*.example.com`, with a port if it is unusual; nowhere else is asked."""
    max: Annotated[SizeBytes, Field(ge=1, le=LARGEST_FILE_BYTES)] = DEFAULT_FILE_BYTES
    """The largest file, in bytes; each one in flight is in memory."""


class DestinationShape(BaseModel):
    """The keys that every destination may have; the connector's own settings stand beside them."""

    model_config = ConfigDict(extra="allow", frozen=True)

    connector: str
    """`hubspot`, `zendesk`, `http`, or the name of a file in `config/connectors/`."""
    base_url: str | None = None
    """Where the API is; default: as the connector says."""
    timeout: DurationMs = Field(default=15 * SECOND, ge=1)
    """How long one request may take."""
    concurrency: int = Field(default=16, ge=1, le=1000)
    """Requests in flight at a time."""
    retry: RetryShape = RetryShape()
    """The waits after failures (between half and all of each), and when to give up."""
    allow_private_addresses: Flag = False
    """An API in your own network, or without HTTPS, must be allowed by name."""
    limits: LimitChanges = Field(default_factory=dict)
    """limit -> what to change about it, such as `{calls: 190, per: 10s}`; `off` takes it away; a new name adds one."""
    batch: BatchSwitches = Field(default_factory=dict)
    """`on`, `off`, or operation -> `on` or `off`: whether calls may share a request."""
    linger: DurationMs = Field(default=0, le=LONGEST_LINGER_MS)
    """How long a call waits for company in its batch."""
    replay_share: Percent = DEFAULT_REPLAY_SHARE
    """Of the places, for replays, while live deliveries wait."""
    fetch: FetchShape = FetchShape()
    """From where files may be fetched that a call passes on, and how large they may be."""


@dataclass(frozen=True, slots=True)
class DestinationProblem:
    """Something wrong with a destination's settings; `key` is the setting it is about, None for the whole."""

    code: str
    message: str
    key: str | None
    helps: tuple[str, ...] = ()
    on_key: bool = False
    inside: tuple[str, ...] = ()
    """Where inside the value of `key`."""
    error: ValidationError | None = None
    """A nested block that does not fit its schema; `key` says which."""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination ready for use. `settings` holds no secret; `secrets` is kept out of every repr.

    So is the address, which may be one (`shown_url`).
    """

    name: str
    connector: CompiledConnector
    base_url: str = field(repr=False)
    settings: Mapping[str, object]
    secrets: Mapping[str, str] = field(repr=False)
    auth: Auth
    given_auth: GivenAuth | None
    timeout_ms: int
    concurrency: int
    schedule_ms: tuple[int, ...]
    horizon_ms: int
    allow_private_addresses: bool
    limits: tuple[CompiledLimit, ...] = ()
    """The connector's limits as this destination changes them, and its own."""
    batch: Mapping[str, bool] = field(default_factory=dict)
    """Patterns of operations -> whether their calls may share requests; see `batch_on`."""
    linger_ms: int = 0
    """How long a call that may share a request waits for company."""
    replay_share: int = DEFAULT_REPLAY_SHARE
    """At most this many percent of the departures are replays while others wait."""
    token_url: str | None = None
    """The token endpoint's whole address where it is not below `base_url`."""
    fetch: FetchShape = field(default_factory=FetchShape)

    def batch_on(self, operation_name: str) -> bool:
        """Whether calls of the operation may share requests here."""
        operation = self.connector.operations.get(operation_name)
        if operation is None or operation.batch is None:
            return False
        return switched_on(self.batch, operation_name, default=operation.batch.on_by_default)

    @property
    def all_settings(self) -> dict[str, object]:
        """Settings and secrets, for the templates that build credentials; never for anything that is stored."""
        return {**self.settings, **self.secrets}

    @property
    def shown_url(self) -> str:
        """The API's address for people. Where requests carry no credential the path may be one, as a webhook's is."""
        is_open = self.auth.mode == "none" or (
            self.auth.mode == "given" and (self.given_auth is None or self.given_auth.type == "none")
        )
        parts = urlsplit(self.base_url)
        if not is_open or parts.path in {"", "/"}:
            return self.base_url
        return f"{parts.scheme}://{parts.netloc}/{MASK}"

    @property
    def credential_header(self) -> str | None:
        """The header that carries the credential, to be shown masked."""
        if self.auth.mode == "none" or (self.given_auth and self.given_auth.type == "none"):
            return None
        if self.given_auth and self.given_auth.type == "header":
            return self.given_auth.name
        return self.auth.header or "Authorization"


def compile_destination(
    name: str, shape: DestinationShape, connector: CompiledConnector
) -> tuple[Destination | None, tuple[DestinationProblem, ...]]:
    """The destination, and what is wrong with its settings; it is None when something is."""
    problems: list[DestinationProblem] = []
    given = dict(shape.model_extra or {})
    values = _settings(connector, given, problems)
    auth = connector.auth_for(values)
    if auth is None and not problems:  # a required credential that is missing is reported by its name already
        problems.append(_no_auth(connector))
    elif auth is not None and auth.warning:
        problems.append(DestinationProblem("BR404", auth.warning, None, warning=True))
    given_auth = _given_auth(values.pop("auth", None), problems)
    secrets = {key: str(value) for key, value in values.items() if connector.connector.settings[key].type == "secret"}
    public = {key: value for key, value in values.items() if key not in secrets}
    base_url = _base_url(shape, connector, public, problems)
    token_url = (
        None if auth is None else _token_url(auth, public, problems, allow_private=shape.allow_private_addresses)
    )
    if auth is not None and auth.assertion is not None:
        _check_key(auth.assertion, values, problems)
    limits, mistakes = final_limits(connector, shape.limits)
    problems += [_as_problem(mistake) for mistake in (*mistakes, *check_switches(connector, shape.batch))]
    if auth is None or base_url is None or any(not problem.warning for problem in problems):
        return None, tuple(problems)
    destination = Destination(
        name=name,
        connector=connector,
        base_url=base_url,
        settings=public,
        secrets=secrets,
        auth=auth,
        given_auth=given_auth,
        timeout_ms=shape.timeout,
        concurrency=shape.concurrency,
        schedule_ms=tuple(shape.retry.schedule),
        horizon_ms=shape.retry.horizon,
        allow_private_addresses=shape.allow_private_addresses,
        limits=limits,
        batch=shape.batch,
        linger_ms=shape.linger,
        replay_share=shape.replay_share,
        token_url=token_url,
        fetch=shape.fetch,
    )
    return destination, tuple(problems)


def _as_problem(mistake: Mistake) -> DestinationProblem:
    key, *inside = mistake.at
    return DestinationProblem(
        mistake.code, mistake.message, key, helps=mistake.helps, on_key=mistake.on_key, inside=tuple(inside)
    )


def _settings(
    connector: CompiledConnector, given: Mapping[str, object], problems: list[DestinationProblem]
) -> dict[str, object]:
    known = connector.connector.settings
    common = [name for name in DestinationShape.model_fields if name != "connector"]
    for key in given:
        if key not in known:
            nearest = suggest(key, [*known, *common])
            problems.append(
                DestinationProblem(
                    "BR102",
                    f"unknown key `{key}` in a destination of connector `{connector.connector.name}`",
                    key,
                    helps=(f"did you mean `{nearest}`?",) if nearest else (f"keys: {_listed([*known, *common])}",),
                    on_key=True,
                )
            )
    values: dict[str, object] = {}
    for key, setting in known.items():
        value = given.get(key, setting.default)
        if value is None:
            if setting.required:
                problems.append(_missing(connector, key, setting))
            continue
        problem = _check_setting(key, setting, value)
        if problem:
            problems.append(problem)
        else:
            values[key] = _ids(value) if setting.type == "ids" else value
    return values


def _missing(connector: CompiledConnector, key: str, setting: Setting) -> DestinationProblem:
    return DestinationProblem(
        "BR101",
        f"a destination of connector `{connector.connector.name}` needs `{key}`",
        None,
        helps=(f"add `{key}: …` ({setting.doc})",),
    )


def _check_setting(key: str, setting: Setting, value: object) -> DestinationProblem | None:
    kinds: dict[str, type | tuple[type, ...]] = {"integer": int, "boolean": bool, "auth": dict, "ids": dict}
    kind = kinds.get(setting.type, str)
    if not isinstance(value, kind) or (setting.type == "integer" and isinstance(value, bool)):
        word = {"integer": "a whole number", "boolean": "true or false", "auth": "a mapping", "ids": "a mapping"}.get(
            setting.type, "text"
        )
        return DestinationProblem("BR104", f"`{key}` must be {word}", key, helps=(setting.doc,))
    if setting.type == "ids" and isinstance(value, Mapping) and not all(map(_is_id, value.values())):
        return DestinationProblem("BR104", f"`{key}` must map names to whole numbers", key, helps=(setting.doc,))
    if setting.pattern and not re.fullmatch(setting.pattern, str(value)):
        return DestinationProblem("BR104", f"`{key}` does not have the form it needs", key, helps=(setting.doc,))
    return None


def _is_id(value: object) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,18}", str(value), re.ASCII) is not None


def _ids(value: object) -> object:
    """An id may come out of a variable, and is text then."""
    return {name: int(str(number)) for name, number in value.items()} if isinstance(value, Mapping) else value


def _no_auth(connector: CompiledConnector) -> DestinationProblem:
    ways = " or ".join(" and ".join(f"`{need}`" for need in auth.needs) for auth in connector.connector.auth)
    return DestinationProblem(
        "BR101",
        f"a destination of connector `{connector.connector.name}` needs credentials",
        None,
        helps=(f"give {ways}",),
    )


def _given_auth(value: object, problems: list[DestinationProblem]) -> GivenAuth | None:
    if value is None:
        return None
    try:
        auth = TypeAdapter(GivenAuth).validate_python(value)
    except ValidationError as error:
        problems.append(DestinationProblem("BR104", "the `auth` block does not fit", "auth", error=error))
        return None
    missing = auth.missing()
    if missing:
        problems.append(
            DestinationProblem("BR101", f"`auth` of type `{auth.type}` needs `{missing}`", "auth", on_key=True)
        )
    return auth


def _base_url(
    shape: DestinationShape,
    connector: CompiledConnector,
    settings: Mapping[str, object],
    problems: list[DestinationProblem],
) -> str | None:
    text = shape.base_url
    if text is None:
        if connector.connector.base_url is None:
            problems.append(
                DestinationProblem(
                    "BR101", "this destination needs a `base_url`", None, helps=("add `base_url: https://…`",)
                )
            )
            return None
        try:
            return compile_template(connector.connector.base_url).render_text({"settings": settings})
        except RenderError:
            return None  # the missing setting is reported already
    problem = _check_url(text, allow_private=shape.allow_private_addresses)
    if problem:
        problems.append(problem)
        return None
    return text.rstrip("/")


def _token_url(
    auth: Auth, settings: Mapping[str, object], problems: list[DestinationProblem], *, allow_private: bool
) -> str | None:
    """The token endpoint's address, if it is on a host of its own: checked like a `base_url`."""
    try:
        text = compile_template(auth.path or "").render_text({"settings": settings})
    except RenderError:
        return None  # the missing setting is reported already
    if not text.startswith(("https://", "http://")):
        return None
    if _check_url(text, allow_private=allow_private) is None:
        return text
    key = next((read[1] for read in compile_template(auth.path or "").reads if len(read) > 1), None)
    problems.append(
        DestinationProblem(
            "BR104",
            "the token endpoint's address cannot be used",
            key,
            helps=("it must be `https://…`; plain `http` needs `allow_private_addresses: true`",),
        )
    )
    return None


def _check_key(asserted: Assertion, values: Mapping[str, object], problems: list[DestinationProblem]) -> None:
    """Find a private key that cannot sign while a person looks, not when the first event is due."""
    template = compile_template(asserted.key)
    try:
        check_key(template.render_text({"settings": values}))
    except KeyUnusable as unusable:
        key = next((read[1] for read in template.reads if len(read) > 1), None)
        problems.append(
            DestinationProblem(
                "BR104",
                f"the private key cannot be used: {unusable}",
                key,
                helps=("give the whole PEM file, unencrypted: `${file:secrets/private-key.pem}`",),
            )
        )
    except RenderError:
        pass  # the missing setting is reported already


def _check_url(text: str, *, allow_private: bool) -> DestinationProblem | None:
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return DestinationProblem(
            "BR104", "`base_url` is not a web address", "base_url", helps=("write `https://host/path`",)
        )
    if parts.scheme == "http" and not allow_private:
        return DestinationProblem(
            "BR104",
            "`base_url` is not encrypted",
            "base_url",
            helps=("write `https://…`; plain `http` needs `allow_private_addresses: true`",),
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine or parts.username:
        return DestinationProblem(
            "BR104", "`base_url` is not a web address", "base_url", helps=("write `https://host/path`",)
        )
    if parts.query or parts.fragment:
        return DestinationProblem("BR104", "`base_url` has a query", "base_url", helps=("put the query into the step",))
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
