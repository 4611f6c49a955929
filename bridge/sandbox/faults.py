"""Rules that say which request meets which trouble. What the trouble does to the wire is in `breakage`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bridge.clock import Clock
from bridge.diagnostics import problem, quoted_list, suggest
from bridge.sandbox.answers import Call
from bridge.units import DurationMs

API_NAMES: Final = ("hubspot", "zendesk", "generic", "slack", "aisoule", "aisoule-developer")
MOST_BYTES: Final = 1024 * 1024 * 1024
LONGEST_DELAY_MS: Final = 366 * 24 * 3_600 * 1_000
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class FaultKind(StrEnum):
    """What can go wrong with one request."""

    STATUS = "status"
    """An error status in the API's own shape; see `status`, `retry_after`, `body`."""
    TIMEOUT = "timeout"
    """No answer at all until the client gives up or the sandbox stops."""
    RESET = "reset"
    """The connection is reset instead of an answer."""
    HALF_BODY = "half_body"
    """The head of the real answer and half of its body, then the connection closes."""
    HTML_200 = "html_200"
    """Status 200 with a web page, as proxies and sign-in walls answer."""
    EMPTY_200 = "empty_200"
    """Status 200 with nothing in it."""
    REDIRECT = "redirect"
    """Status 302 to `location`."""
    GIANT = "giant"
    """Status 200 with a JSON document of `size` bytes."""
    SLOW = "slow"
    """The real answer, but only `delay_ms` later on the sandbox's clock."""


# What makes sense when a rule does not say: these go wrong on the way back, the others before anything was done.
_APPLIED_BY_DEFAULT = frozenset({FaultKind.HALF_BODY, FaultKind.SLOW})


OPTIONS: Final[Mapping[FaultKind, tuple[str, ...]]] = {
    FaultKind.STATUS: ("status", "retry_after", "body"),
    FaultKind.REDIRECT: ("location",),
    FaultKind.GIANT: ("size",),
    FaultKind.SLOW: ("delay_ms",),
}
"""What can be said about a kind of fault, beside when it strikes and whether the work is done."""


def _known_api(name: str) -> str:
    if name not in API_NAMES:
        near = suggest(name, API_NAMES)
        help_ = f"did you mean `{near}`?" if near else f"the APIs are {quoted_list(API_NAMES)}"
        raise problem("this is no API of the sandbox", help=help_)
    return name


def _known_method(name: str) -> str:
    if name.upper() not in METHODS:
        near = suggest(name.upper(), METHODS)
        raise problem("this is no HTTP method", help=f"did you mean `{near}`?" if near else "write for example `POST`")
    return name.upper()


def _fits_a_header(value: str | int | None) -> str | int | None:
    if isinstance(value, str) and not (value.isprintable() and value.isascii()):
        raise problem("this becomes a header, which cannot carry it", help="write it without line breaks, in ASCII")
    return value


def _is_json(value: Any) -> Any:
    try:
        orjson.dumps(value)
    except TypeError:
        raise problem(
            "this cannot be sent as JSON", help="whole numbers have 64 bits there: put longer ones into quotes"
        ) from None
    return value


class When(BaseModel):
    """The time in which a fault strikes, counted from when it was put in force. Without `until` it has no end."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: DurationMs = Field(default=0, ge=0, alias="from")
    until: DurationMs | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until is not None and self.until <= self.from_:
            raise problem("`until` must be later than `from`", help="both are counted from the start of the sandbox")
        return self

    def covers(self, age_ms: int) -> bool:
        """Whether a fault of this age may strike."""
        return self.from_ <= age_ms and (self.until is None or age_ms < self.until)


class Match(BaseModel):
    """Which requests a rule is about; what is None matches all.

    `path` is a glob over the path after the API's mount point, tried with and without a trailing `.json`; `*`
    matches slashes too. `body_contains` is searched in the body's text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: Annotated[str, AfterValidator(_known_api)] | None = None
    method: Annotated[str, AfterValidator(_known_method)] | None = None
    path: str | None = None
    body_contains: str | None = None

    def fits(self, api: str, call: Call) -> bool:
        """Whether a call of `api` is meant."""
        return (
            self.api in (None, api)
            and self.method in (None, call.method)
            and (self.path is None or any(fnmatchcase(path, self.path) for path in (call.path, call.plain_path)))
            and (self.body_contains is None or self.body_contains.encode() in call.content)
        )


class FaultSpec(BaseModel):
    """One fault and when it strikes.

    Within `when`, `after` fitting requests pass first, then `times` are struck (None: all of them, for ever).
    `applied` says whether the API did the work before the fault hid it: None takes the default of the kind, which is
    true for `half_body` and `slow` and false for the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: FaultKind
    when: When = When()
    match: Match = Match()
    times: int | None = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    applied: bool | None = None
    status: int = Field(default=500, ge=200, le=599)
    retry_after: Annotated[str | int | None, AfterValidator(_fits_a_header)] = None
    body: Annotated[Any, AfterValidator(_is_json)] = None
    location: Annotated[str, AfterValidator(_fits_a_header)] = "https://elsewhere.invalid/"
    size: int = Field(default=64 * 1024 * 1024, ge=1024, le=MOST_BYTES)
    delay_ms: int = Field(default=1000, ge=0, le=LONGEST_DELAY_MS)

    @property
    def does_the_work(self) -> bool:
        """Whether the API's state changes although the client cannot tell."""
        return self.fault in _APPLIED_BY_DEFAULT if self.applied is None else self.applied

    @property
    def idle_options(self) -> list[str]:
        """What was said and means nothing for this kind of fault."""
        options = {name for names in OPTIONS.values() for name in names}
        return sorted((options & self.model_fields_set).difference(OPTIONS.get(self.fault, ())))


@dataclass(slots=True)
class FaultRule:
    """A fault in force since `since_ms`. `fitted` counts requests that matched, `struck` those that met the fault."""

    id: int
    spec: FaultSpec
    since_ms: int
    fitted: int = 0
    struck: int = 0

    @property
    def spent(self) -> bool:
        """Whether the rule will never strike again."""
        return self.spec.times is not None and self.struck >= self.spec.times

    def shown(self) -> dict[str, Any]:
        """The rule as JSON."""
        spec = self.spec.model_dump(mode="json", exclude_defaults=True, by_alias=True)
        return {"id": self.id, "fitted": self.fitted, "struck": self.struck, "spent": self.spent, **spec}


class Faults:
    """All fault rules; the first one added that fits and is not spent strikes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rules: dict[int, FaultRule] = {}
        self._ids = count(1)

    def add(self, spec: FaultSpec) -> FaultRule:
        """Put a fault in force; the rule that comes back counts its strikes."""
        rule = FaultRule(next(self._ids), spec, self._clock.now_ms())
        self._rules[rule.id] = rule
        return rule

    def remove(self, rule_id: int) -> bool:
        """Take one rule out; false when there is none."""
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Take all rules out."""
        self._rules.clear()

    def shown(self) -> list[dict[str, Any]]:
        """All rules as JSON, spent ones included."""
        return [rule.shown() for rule in self._rules.values()]

    def strike(self, api: str, call: Call) -> FaultSpec | None:
        """The fault this call meets, None for none. Counts."""
        now_ms = self._clock.now_ms()
        for rule in self._rules.values():
            spec = rule.spec
            if rule.spent or not spec.when.covers(now_ms - rule.since_ms) or not spec.match.fits(api, call):
                continue
            rule.fitted += 1
            if rule.fitted > spec.after:
                rule.struck += 1
                return spec
        return None


def refusal_words(error: ValidationError) -> str:
    """What is wrong with a fault that did not come from a file, in one line, without the values."""
    reasons = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, reason['loc']))}: {_reason(reason)}" for reason in reasons)


def _reason(reason: Mapping[str, Any]) -> str:
    help_ = reason.get("ctx", {}).get("help")
    return f"{reason['msg']} ({help_})" if help_ else str(reason["msg"])


def idle_words(spec: FaultSpec, name: str) -> str:
    """That an option means nothing for the fault it was given with."""
    kinds = [kind for kind, names in OPTIONS.items() if name in names]
    return f"`{name}` means nothing for the fault `{spec.fault}`, only for {quoted_list(kinds)}"
