"""Every answer of every API gets exactly one verdict: the connector's table first, then the default table.

The default table is design.md section 10 and fact C13: what a plain HTTP API means by its status.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from bridge.connectors.answer import NOT_JSON, Answer, Trouble
from bridge.connectors.parts import Status
from bridge.connectors.retry_after import retry_after_ms, wait_of
from bridge.connectors.schema import ErrorRow, Success
from bridge.connectors.verdict import Verdict
from bridge.expressions import RenderError, Template, compile_expression, compile_template
from bridge.model import DeadKind, Outcome

LOCKED_WAIT_MS = 2_000
GONE = frozenset({404, 410})
RETRY = frozenset({408, 425})
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}", re.ASCII)
ANSWER_NAMES = frozenset({"params", "settings", "key", "since", "status", "headers", "body", "text", "item"})

_TROUBLE_WORDS = {
    Trouble.CONNECT: "no connection could be made",
    Trouble.TLS: "the TLS certificate was not accepted",
    Trouble.ADDRESS: "the address is not allowed",
    Trouble.NO_ANSWER: "the request may have arrived, but no answer came",
    Trouble.CUT: "the answer was cut off",
    Trouble.FILE_LATER: "the file could not be fetched",
    Trouble.FILE_GONE: "the file is not there any more, or its address has expired",
    Trouble.FILE_REFUSED: "files may not be fetched from this address",
    Trouble.FILE_TOO_LARGE: "the file is too large",
    Trouble.FILE_UNUSABLE: "what came is no file",
}
_REPLAY_WITHOUT = "or change the rule so that it does without the file, then replay"
_TROUBLE_ADVICE = {
    Trouble.ADDRESS: "check the destination's `base_url`; a private address needs `allow_private_addresses: true`",
    Trouble.TLS: "check the destination's `base_url`; a private address needs `allow_private_addresses: true`",
    Trouble.FILE_GONE: f"ask the sender for the file again, {_REPLAY_WITHOUT}",
    Trouble.FILE_REFUSED: "if the host is right, add it to `fetch: {hosts: […]}` of the destination, then replay",
    Trouble.FILE_TOO_LARGE: f"raise `fetch: {{max: …}}` of the destination if the API takes it, {_REPLAY_WITHOUT}",
    Trouble.FILE_UNUSABLE: f"open the address in a browser and see what it gives, {_REPLAY_WITHOUT}",
}
"""Those that no repeat will mend."""


@dataclass(frozen=True, slots=True)
class CompiledRow:
    """An error row ready to be asked."""

    row: ErrorRow
    statuses: Sequence[Status]
    when: Template | None
    code: Template | None

    @classmethod
    def of(cls, row: ErrorRow) -> "CompiledRow":
        """Compile the row's expressions."""
        statuses = row.status if isinstance(row.status, tuple) else (row.status,)
        return cls(
            row,
            statuses,
            compile_expression(row.when, names=ANSWER_NAMES) if row.when else None,
            compile_template(row.code, names=ANSWER_NAMES) if row.code else None,
        )

    def fits(self, answer: Answer, scope: Mapping[str, object]) -> bool:
        """Whether this row speaks of the answer."""
        if answer.status is None or not any(status_fits(status, answer.status) for status in self.statuses):
            return False
        return self.when is None or holds(self.when, scope)


@dataclass(frozen=True, slots=True)
class CompiledSuccess:
    """An operation's claim about content, ready to be checked."""

    success: Success
    when: Template | None
    id: Template | None

    @classmethod
    def of(cls, success: Success) -> "CompiledSuccess":
        """Compile the expressions."""
        return cls(
            success,
            compile_expression(success.when, names=ANSWER_NAMES) if success.when else None,
            compile_expression(success.id, names=ANSWER_NAMES) if success.id else None,
        )


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """What a connector knows about answers that are no success.

    `rows` are the operation's error rows, then the connector's; `messages` are expressions for the vendor's own error
    text, `waits` for the time after which to come again where no header gives it.
    """

    rows: Sequence[CompiledRow]
    messages: Sequence[Template] = ()
    waits: Sequence[Template] = ()


def status_fits(pattern: Status, status: int) -> bool:
    """Whether `404`, `5xx` or `500-503` covers the status."""
    low, _, high = str(pattern).partition("-")
    if low.endswith("xx"):
        return status // 100 == int(low[0])
    return int(low) <= status <= int(high or low)


def classify(
    answer: Answer,
    success: CompiledSuccess,
    table: ErrorTable,
    scope: Mapping[str, object],
    *,
    now_ms: int,
) -> Verdict:
    """The verdict on an answer.

    Args:
        answer: what came back, or why nothing did.
        success: the operation's claim about content.
        table: what the connector knows about errors.
        scope: `params`, `settings`, `key`, `since`; the answer's names are added here.
        now_ms: to read a `Retry-After` that is a date.
    """
    if answer.trouble is not None or answer.status is None:
        return _trouble(answer)
    parsed = answer.json
    body = None if parsed is NOT_JSON else parsed
    full = {**scope, "status": answer.status, "headers": answer.headers, "body": body}
    if parsed is NOT_JSON:
        full["text"] = answer.excerpt()
    for row in table.rows:
        if row.fits(answer, full):
            return _by_row(row, answer, full, table, now_ms)
    if _claims_success(answer, success.success):
        return _check_content(answer, success, full, is_json=parsed is not NOT_JSON)
    return _by_status(answer, full, table, now_ms)


def _claims_success(answer: Answer, success: Success) -> bool:
    """A status outside 2xx that an operation takes for success (a DELETE's 404) is none on a web page."""
    if not any(status_fits(status, answer.status or 0) for status in success.status):
        return False
    return _is_2xx(answer) or not answer.looks_like_html


def _is_2xx(answer: Answer) -> bool:
    return (answer.status or 0) // 100 == 2  # noqa: PLR2004 - 2xx


def _trouble(answer: Answer) -> Verdict:
    trouble = answer.trouble or Trouble.NO_ANSWER
    words = f"{_TROUBLE_WORDS[trouble]}: {answer.detail}" if answer.detail else _TROUBLE_WORDS[trouble]
    if trouble in _TROUBLE_ADVICE:
        code = f"{trouble}_refused" if trouble in {Trouble.ADDRESS, Trouble.TLS} else str(trouble)
        return Verdict(Outcome.REJECTED, None, code, words, advice=_TROUBLE_ADVICE[trouble])
    if trouble is Trouble.CUT and _is_2xx(answer):
        return _unreadable(answer, words)
    return Verdict(
        Outcome.RETRY_LATER,
        answer.status,
        str(trouble),
        words,
        may_have_applied=trouble not in {Trouble.CONNECT, Trouble.FILE_LATER},
    )


def _unreadable(answer: Answer, words: str) -> Verdict:
    return Verdict(
        Outcome.UNKNOWN,
        answer.status,
        "unreadable_answer",
        words,
        may_have_applied=True,
        dead_kind=DeadKind.UNANSWERED,
        advice="look in the CRM whether the record is there, then replay or discard",
    )


def _check_content(answer: Answer, success: CompiledSuccess, scope: Mapping[str, object], *, is_json: bool) -> Verdict:
    # Slack's webhooks label their plain `ok` as HTML: a body that `when` reads speaks for itself
    vouched = success.success.body == "any" and success.when is not None
    if answer.looks_like_html and not vouched:
        return _unreadable(answer, "the answer says success but is an HTML page")
    if success.success.body == "json" and not is_json:
        return _unreadable(answer, "the answer says success but is not JSON")
    if success.when is not None and not holds(success.when, scope):
        return _unreadable(answer, "the answer says success but does not have what success must have")
    record_id = _record_id(success.id, scope)
    if success.id is not None and record_id is None and not success.success.id_optional:
        return _unreadable(answer, "the answer says success but has no id")
    return Verdict(Outcome.SUCCEEDED, answer.status, "ok", "", id=record_id, body=scope["body"])


def _record_id(template: Template | None, scope: Mapping[str, object]) -> str | int | None:
    """The new record's id: text or a whole number. Anything else that stands there is none."""
    found = value_of(template, scope)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        return None
    return found


def _by_row(row: CompiledRow, answer: Answer, scope: Mapping[str, object], table: ErrorTable, now_ms: int) -> Verdict:
    code = row.row.code or f"http_{answer.status}"
    if row.code is not None:
        code = _text(row.code, scope) or f"http_{answer.status}"
    return _verdict(
        row.row.outcome,
        answer,
        _safe_code(code),
        _message(table.messages, scope) or _phrase(answer.status or 0),
        scope,
        _wait_asked_for_ms(table.waits, answer, scope, now_ms),
        wait_ms=row.row.wait,
        advice=row.row.advice or "",
    )


def _by_status(answer: Answer, scope: Mapping[str, object], table: ErrorTable, now_ms: int) -> Verdict:
    status = answer.status or 0
    code, message = f"http_{status}", _message(table.messages, scope)
    if 300 <= status < 400:  # noqa: PLR2004 - the redirects
        return Verdict(
            Outcome.REJECTED,
            status,
            "redirected",
            f"the API answered with a redirect{_to_host(answer)}, which is never followed",
            dead_kind=DeadKind.REDIRECTED,
            advice="put the address that the API really has into the destination's `base_url`",
        )
    if _is_2xx(answer):
        return _unreadable(answer, "the answer's status is not one that this call documents")
    return _verdict(
        default_outcome(status),
        answer,
        code,
        message or _phrase(status),
        scope,
        _wait_asked_for_ms(table.waits, answer, scope, now_ms),
        wait_ms=LOCKED_WAIT_MS if status == HTTPStatus.LOCKED else None,
        advice=_default_advice(status),
    )


def _to_host(answer: Answer) -> str:
    """` to HOST`. Only the host: a path may hold what the request held."""
    try:
        host = urlsplit(answer.headers.get("location", "")).hostname or ""
    except ValueError:
        host = ""  # not a web address
    return f" to {host}" if _HOST.fullmatch(host) else ""


def default_outcome(status: int) -> Outcome:  # noqa: PLR0911 - a table reads best as one
    """What a status means where a connector's table says nothing."""
    match status:
        case 401 | 403:
            return Outcome.UNAUTHORIZED
        case _ if status in GONE:
            return Outcome.GONE
        case 409:
            return Outcome.CONFLICT
        case 429:
            return Outcome.RATE_LIMITED
        case _ if status in RETRY or status == HTTPStatus.LOCKED or status >= 500:  # noqa: PLR2004 - 5xx
            return Outcome.RETRY_LATER
        case _ if 400 <= status < 500:  # noqa: PLR2004 - the other 4xx
            return Outcome.REJECTED
        case _:
            return Outcome.UNKNOWN


def _verdict(
    outcome: Outcome,
    answer: Answer,
    code: str,
    message: str,
    scope: Mapping[str, object],
    retry_after_ms: int | None,
    *,
    wait_ms: int | None = None,
    advice: str = "",
) -> Verdict:
    status = answer.status or 0
    return Verdict(
        outcome,
        answer.status,
        code,
        message,
        body=scope["body"],
        may_have_applied=outcome is Outcome.UNKNOWN or (outcome is Outcome.RETRY_LATER and _may_hide_an_effect(status)),
        retry_after_ms=retry_after_ms,
        wait_ms=wait_ms,
        dead_kind=DeadKind.UNANSWERED if outcome is Outcome.UNKNOWN else DeadKind.REJECTED,
        advice=advice,
    )


def _may_hide_an_effect(status: int) -> bool:
    """Whether a server may have done the work although it asks to come again; 409, 423 and 425 say it did not."""
    return status >= 500 or status < 400 or status == HTTPStatus.REQUEST_TIMEOUT  # noqa: PLR2004 - only 4xx refuses


def _wait_asked_for_ms(
    waits: Sequence[Template], answer: Answer, scope: Mapping[str, object], now_ms: int
) -> int | None:
    """`Retry-After`, else what the body says in the first of the connector's places that says something."""
    in_header = retry_after_ms(answer.headers, now_ms=now_ms)
    told = (wait_of(value_of(template, scope), now_ms=now_ms) for template in waits)
    return in_header if in_header is not None else next((wait for wait in told if wait is not None), None)


def _message(messages: Sequence[Template], scope: Mapping[str, object]) -> str:
    for template in messages:
        text = value_of(template, scope)
        if isinstance(text, str) and text:
            return text[:1000]
    return ""


def _phrase(status: int) -> str:
    try:
        return f"the API answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"the API answered {status}"


def _default_advice(status: int) -> str:
    if status in {401, 403}:
        return "check the destination's credentials and what they may do"
    if status in GONE:
        return (
            "the API has nothing there: if the record is gone, correct its id in the rule or forget its link, "
            "otherwise correct the path or `base_url`; then replay"
        )
    return "compare the request with the API's documentation, correct the rule, then replay"


def holds(template: Template, scope: Mapping[str, object]) -> bool:
    """Whether a condition on an answer holds; one that looks for what is not there does not."""
    try:
        return template.evaluate(scope)
    except RenderError:
        return False  # an answer without the field does not fit the row


def value_of(template: Template | None, scope: Mapping[str, object]) -> object:
    """What an expression finds in an answer; None when it is not there."""
    if template is None:
        return None
    try:
        return template.render(scope)
    except RenderError:
        return None  # absent in this answer


def _text(template: Template, scope: Mapping[str, object]) -> str:
    try:
        return template.render_text(scope)
    except RenderError:
        return ""


def _safe_code(code: str) -> str:
    """A code goes into logs, so it is a short word whatever the vendor sent."""
    short = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in code[:64])
    return short if sum(letter.isdigit() for letter in short) <= 6 else "vendor_code"  # noqa: PLR2004 - no phone number
