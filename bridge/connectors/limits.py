"""A vendor's limits as values: whom one counts, what an answer tells about it, whether a refusal is about it.

Nothing is counted here; `bridge.outbound` does that.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bridge.connectors.answer import NOT_JSON, Answer
from bridge.connectors.call import Call
from bridge.connectors.traffic import MAX_CALLS, Limit
from bridge.expressions import RenderError, Template, compile_expression, compile_template

KEY_NAMES = frozenset({"params", "settings"})
REFUSAL_NAMES = frozenset({"status", "headers", "body", "text"})
UNIX_TIME_S = 1_000_000_000
"""A reset this large is a date and no span of time."""
LONGEST_RESET_MS = 24 * 3_600_000
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_USED = re.compile(r"([0-9]{1,12})/([0-9]{1,12})", re.ASCII)
_PAIR = re.compile(r"\s*([a-z]+)\s*=\s*([0-9.]{1,22})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer's headers tell about a limit; None is what they do not tell.

    `limit` and `remaining` are numbers of calls, `resets_in_ms` is the time until the window is empty again.
    """

    limit: int | None = None
    remaining: int | None = None
    resets_in_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CompiledLimit:
    """At most `calls` in any `per_ms` milliseconds, for the operations that it covers.

    `hold_ms` is how long a refusal without a time of its own holds it. `keyed`: there is a window for each value of
    its key. `covers_all`: every request of the connector counts. `fixed`: the operator chose `calls`, so that what
    the API reports may lower it but not raise it.
    """

    name: str
    calls: int
    per_ms: int
    hold_ms: int
    keyed: bool
    covers_all: bool
    fixed: bool
    limit: Limit
    key: Template | None
    refused: Template | None

    @classmethod
    def of(cls, name: str, limit: Limit, operations: Collection[str], *, fixed: bool = False) -> "CompiledLimit":
        """Compile a limit of a connector that has these operations.

        Raises:
            TemplateRefused: its `key` or `refused` is wrong.
        """
        return cls(
            name=name,
            calls=limit.calls,
            per_ms=limit.per,
            hold_ms=limit.hold or limit.per,
            keyed=limit.key is not None,
            covers_all=limit.key is None and not limit.methods and all(_covers(limit, each) for each in operations),
            fixed=fixed,
            limit=limit,
            key=compile_template(limit.key, names=KEY_NAMES) if limit.key is not None else None,
            refused=compile_expression(limit.refused, names=REFUSAL_NAMES) if limit.refused is not None else None,
        )

    def applies_to(self, operation_name: str, method: str | None = None) -> bool:
        """Whether requests of an operation count; `method` is the request's, None when it is not known yet."""
        if method is not None and self.limit.methods and method not in self.limit.methods:
            return False
        return _covers(self.limit, operation_name)

    def key_of(self, call: Call) -> str | None:
        """Which of the windows counts the call; None without a `key`, or when this call has none."""
        if self.key is None:
            return None
        try:
            return self.key.render_text({"params": call.params, "settings": call.settings})
        except RenderError:
            return None  # an optional parameter is absent: the vendor has nothing to count it under either

    def reading(self, answer: Answer, now_ms: int) -> Reading:
        """What the answer's headers tell; whatever is no plain number is taken for not told."""
        told = self._told(answer)
        limit, remaining = (_whole(told.get(name)) for name in ("limit", "remaining"))
        return Reading(limit or None, remaining, _span_ms(told.get("resets"), now_ms))

    def refuses(self, answer: Answer) -> bool:
        """Whether the answer is a refusal that names this limit."""
        if self.refused is None or answer.status is None:
            return False
        body = answer.json
        scope = {
            "status": answer.status,
            "headers": answer.headers,
            "body": None if body is NOT_JSON else body,
            "text": answer.excerpt(),
        }
        try:
            return self.refused.evaluate(scope)
        except RenderError:
            return False  # it looks at something that this answer does not have

    def _told(self, answer: Answer) -> dict[str, str]:
        if self.limit.header is not None:
            text = answer.headers.get(self.limit.header.lower(), "")
            pairs = (_PAIR.fullmatch(part) for part in text.split(";"))
            found = {pair[1]: pair[2] for pair in pairs if pair is not None}
            return {"limit": found.get("total", ""), **found} if found else _used(text)
        if self.limit.headers is None:
            return {}
        named = self.limit.headers.model_dump(exclude_none=True)
        return {name: answer.headers.get(header.lower(), "") for name, header in named.items()}


def _used(text: str) -> dict[str, str]:
    """Salesforce's `api-usage=18/5000`."""
    found = _USED.search(text)
    if found is None:
        return {}
    return {"limit": found[2], "remaining": str(max(0, int(found[2]) - int(found[1])))}


def _covers(limit: Limit, operation_name: str) -> bool:
    return any(fnmatchcase(operation_name, pattern) for pattern in limit.operations) and not any(
        fnmatchcase(operation_name, pattern) for pattern in limit.except_
    )


def _number(text: str | None) -> float | None:
    stripped = (text or "").strip()
    return float(stripped) if _NUMBER.fullmatch(stripped) else None


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number.is_integer() and number <= MAX_CALLS else None


def _span_ms(text: str | None, now_ms: int) -> int | None:
    """Milliseconds until a reset that is given in seconds, or as a Unix time in seconds."""
    number = _number(text)
    if number is None:
        return None
    span = math.ceil(number * 1000) - (now_ms if number >= UNIX_TIME_S else 0)
    return span if 0 <= span <= LONGEST_RESET_MS else None
