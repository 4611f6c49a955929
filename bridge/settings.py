"""Process settings: `server`, `admin`, `store`, `dead_letters`, `log` and `reload` in the configuration file.

Any of them can be overridden by an environment variable `BRIDGE_<SECTION>__<KEY>`, e.g. `BRIDGE_STORE__URL`. Where
each value came from is kept, so that a bad one is reported at its own place. Attribute names carry the unit, keys in
the file do not.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    WithJsonSchema,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from bridge.diagnostics import (
    Document,
    Finding,
    Flag,
    Place,
    Severity,
    from_validation_error,
    problem,
    quoted_list,
    suggest,
)
from bridge.diagnostics import Path as KeyPath
from bridge.diagnostics.keys import key_of
from bridge.units import DurationMs, SizeBytes

PREFIX: Final = "BRIDGE_"
CONFIG_VARIABLE: Final = "BRIDGE_CONFIG"  # where the configuration file is; read by the command line

_DELIMITER: Final = "__"
_SHORTEST_TOKEN: Final = 16
_PORTS: Final = 65_535
_HOST: Final = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<name>[A-Za-z0-9._-]+)", re.ASCII)
# Kubernetes sets these in every pod beside a Service that is called `bridge`.
_KUBERNETES: Final = re.compile(r"BRIDGE_(?:SERVICE_HOST|SERVICE_PORT\w*|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)\w*)?)")


class Address(NamedTuple):
    """Where to listen; port 0 lets the system choose. `host` is without the brackets of IPv6."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it; a name other than `localhost` may lead anywhere."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: object) -> Address:
    """Read `127.0.0.1:8080`, `localhost:8080` or `[::1]:8080`.

    Raises:
        PydanticCustomError: The text has another form.
    """
    help_ = "write for example `127.0.0.1:8080` or `[::1]:8080`"
    if isinstance(text, Address):
        return text
    if not isinstance(text, str):
        raise problem("an address to listen on needs a host and a port", label="this is no text", help=help_)
    host_text, colon, port_text = text.strip().rpartition(":")
    if not colon or not host_text:
        raise problem("an address to listen on needs a host and a port", label="one of them is missing", help=help_)
    host = _HOST.fullmatch(host_text)
    if host is None:
        label = "IPv6 needs brackets" if ":" in host_text else "not a host"
        raise problem("the host of this address cannot be read", label=label, help=help_)
    if not re.fullmatch(r"[0-9]{1,5}", port_text, re.ASCII) or int(port_text) > _PORTS:
        raise problem("the port of this address cannot be read", label=f"a port is 0 to {_PORTS}", help=help_)
    return Address(host["v6"] or host["name"], int(port_text))


def _check_store_url(url: str) -> str:
    if re.match(r"postgres(ql)?(\+\w+)?:", url):
        raise problem(
            "a PostgreSQL store is not built yet",
            label="only SQLite so far",
            help="write `sqlite:///var/bridge.db`",
        )
    path = url.removeprefix("sqlite:///")
    if path == url or not path.strip("/") or re.search(r"[?#\0]", path) or path.endswith("/"):
        raise problem(
            "this is not the URL of a store",
            help="write `sqlite:///var/bridge.db` (beside the configuration file) or `sqlite:////var/lib/bridge.db`",
        )
    return url


def _check_token(token: SecretStr) -> SecretStr:
    if len(token.get_secret_value()) < _SHORTEST_TOKEN:
        raise problem(
            "the admin token is too short",
            code="BR304",
            label=f"less than {_SHORTEST_TOKEN} characters",
            help="leave it out to have one generated, or take the output of `openssl rand -hex 32`",
        )
    return token


ListenAddress = Annotated[
    Address,
    BeforeValidator(parse_address),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": ":[0-9]{1,5}$", "examples": ["127.0.0.1:8080", "[::1]:8080"]}),
]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class ServerSettings(_Section):
    """The public listener, and how it starts and stops."""

    listen: ListenAddress = Address("127.0.0.1", 8080)
    """Where webhooks arrive."""
    max_body_bytes: SizeBytes = Field(default=1_048_576, alias="max_body", gt=0)
    """A larger body is answered 413."""
    header_timeout_ms: DurationMs = Field(default=10_000, alias="header_timeout", gt=0)
    """A new connection that has sent no request by then is closed, and one that leaves answers lying for so long."""
    receive_timeout_ms: DurationMs = Field(default=30_000, alias="receive_timeout", gt=0)
    """A body that is not complete by then is answered 408."""
    keep_alive_ms: DurationMs = Field(default=15_000, alias="keep_alive")
    """How long an idle connection stays open."""
    answer_timeout_ms: DurationMs = Field(default=4_000, alias="answer_timeout", gt=0)
    """How long a sender waits for the commit before it is told to try again (503)."""
    drain_delay_ms: DurationMs = Field(default=3_000, alias="drain_delay")
    """After SIGTERM: how long new requests are answered 503 while the load balancer notices."""
    drain_timeout_ms: DurationMs = Field(default=20_000, alias="drain_timeout")
    """After that: how long deliveries in flight may take to finish."""
    max_connections: Count = 512
    """Connections at one time; one more is answered 503."""
    max_connections_per_address: Count = 64
    """Of those, from one address; a reverse proxy on this machine does not count."""
    max_waiting: Count = 4_096
    """Events that may wait for their rules at one time; more are answered 503. No source fills it alone."""
    source_rate: Count = 1_000
    """Verified requests a second from a source without a `limit` in the long run; more are answered 429."""


class AdminSettings(_Section):
    """The admin listener. Without a token one is generated beside the store."""

    listen: ListenAddress = Address("127.0.0.1", 8081)
    """Where the commands reach the daemon."""
    token: Annotated[SecretStr, AfterValidator(_check_token)] | None = None
    """The admin API's only credential; generated when it is left out."""


class StoreSettings(_Section):
    """The database, and how long done deliveries stay in it."""

    url: Annotated[str, AfterValidator(_check_store_url)] = "sqlite:///var/bridge.db"
    """Three slashes: relative to the configuration file; four: absolute."""
    retention_ms: DurationMs = Field(default=7 * 86_400_000, alias="retention")
    """How long settled deliveries and their events stay, and the files of captured requests."""

    def store_path(self, base_dir: Path) -> Path:
        """The database file; three slashes are relative to `base_dir`, four absolute."""
        return base_dir / self.url.removeprefix("sqlite:///")


class DeadLetterSettings(_Section):
    """The file of dead letters, and how long they stay in the store."""

    file: Annotated[str, Field(min_length=1)] = "var/dead-letters.jsonl"
    """The copy for people and scripts; relative to the configuration file."""
    retention_ms: DurationMs = Field(default=30 * 86_400_000, alias="retention")
    """How long dead letters stay in the store."""

    def file_path(self, base_dir: Path) -> Path:
        """The file; relative paths start at `base_dir`."""
        return base_dir / self.file


class LogSettings(_Section):
    """What is logged, and how; `auto` is `console` on a terminal and `json` elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is logged."""
    format: Literal["auto", "json", "console"] = "auto"
    """`json`, `console`, or `auto`: console on a terminal."""


class ReloadSettings(_Section):
    """Whether, and how, edited files are noticed without being told."""

    watch: Flag = True
    """Whether saved files are taken in by themselves; SIGHUP and the admin API always work."""
    settle_ms: DurationMs = Field(default=100, alias="settle", gt=0)
    """How long nothing must happen in the folders before the files are read."""
    polling: Flag = False
    """Look again and again instead of waiting to be told: for network file systems, which tell nothing."""
    poll_every_ms: DurationMs = Field(default=1_000, alias="poll_every", gt=0)
    """How often `polling` looks."""


class Settings(BaseSettings):
    """All process settings. Build them with :func:`load_settings`, or `Settings()` for the defaults."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter=_DELIMITER,
        env_ignore_empty=True,
        enable_decoding=False,
    )

    server: ServerSettings = ServerSettings()
    admin: AdminSettings = AdminSettings()
    store: StoreSettings = StoreSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    log: LogSettings = LogSettings()
    reload: ReloadSettings = ReloadSettings()

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: Any, *_others: Any, **_named_others: Any
    ) -> tuple[Any, ...]:
        """Only arguments: :func:`load_settings` asks the environment itself, to keep where each value came from."""
        del settings_cls
        return (init_settings,)


SECTIONS: Final = tuple(Settings.model_fields)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, or why there are none; and where each value came from."""

    settings: Settings | None
    findings: tuple[Finding, ...]
    document: Document | None
    origins: Mapping[KeyPath, str]
    """(section, key) -> `environment variable BRIDGE_...`, for the values that the environment gave."""

    def place_of(self, section: str, key: str) -> Place:
        """Where to show a problem with this setting: the environment, the file, or `default`."""
        path = (section, key)
        if path in self.origins:
            return Place(self.origins[path])
        if self.document is not None and self.document.has(path):
            return self.document.place_of(path)
        return Place("default")


def load_settings(
    data: Mapping[str, object], environ: Mapping[str, str], *, document: Document | None = None
) -> LoadedSettings:
    """Read the process settings.

    Args:
        data: The configuration file's top level, variables resolved; only the sections of settings are looked at.
        environ: The environment; an empty variable counts as absent.
        document: Where `data` came from, for places.
    """
    known, findings = _check_variables(environ)
    origins = {path: f"environment variable {name}" for name, path in known.items()}
    overrides = _Environment({name: environ[name] for name in known})()
    merged: dict[str, object] = {}
    for section in SECTIONS:
        from_file, from_environment = data.get(section, {}), overrides.get(section, {})
        if from_file is None:  # `log:` with nothing below it
            from_file = {}
        merged[section] = {**from_file, **from_environment} if isinstance(from_file, dict) else from_file
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        findings += from_validation_error(document, error, model=Settings, elsewhere=origins)
    return LoadedSettings(None if findings else settings, tuple(findings), document, origins)


class _Environment(EnvSettingsSource):
    """pydantic-settings' reader over a given environment instead of the process's own."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name.lower(): value for name, value in environ.items()}


def _check_variables(environ: Mapping[str, str]) -> tuple[dict[str, KeyPath], list[Finding]]:
    """The variables that set something, by name; and a finding for each that looks like one but is not."""
    spelled: dict[str, KeyPath] = {
        f"{PREFIX}{section}{_DELIMITER}{key}".upper(): (section, key)
        for section, field in Settings.model_fields.items()
        for key in _keys_of(field.annotation)
    }
    ours = [name for name in environ if name.startswith(PREFIX) and environ[name]]
    ignored = [name for name in ours if name == CONFIG_VARIABLE or _KUBERNETES.fullmatch(name)]
    known = {name: spelled[name] for name in ours if name in spelled}
    unknown = [name for name in ours if name not in known and name not in ignored]
    return known, [_unknown_variable(name, [*spelled, CONFIG_VARIABLE]) for name in sorted(unknown)]


def _keys_of(section: Any) -> list[str]:
    return [key_of(name, field) for name, field in section.model_fields.items()]


def _unknown_variable(name: str, known: list[str]) -> Finding:
    near = suggest(name, known)
    sections = quoted_list(f"{PREFIX}{section.upper()}{_DELIMITER}\N{HORIZONTAL ELLIPSIS}" for section in SECTIONS)
    return Finding(
        "BR102",
        Severity.ERROR,
        f"environment variable `{name}` sets nothing",
        Place(f"environment variable {name}"),
        notes=() if near else (f"settings are {sections}, and `{CONFIG_VARIABLE}` names the file",),
        helps=(f"did you mean `{near}`?",) if near else (),
    )
