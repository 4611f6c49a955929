"""A fault for one request, by its header: `X-Sandbox-Fault: status; status=503; retry_after=7`."""

from typing import Final

from pydantic import ValidationError

from bridge.errors import UsageError
from bridge.sandbox.answers import Call
from bridge.sandbox.faults import OPTIONS, FaultSpec, idle_words, refusal_words

HEADER: Final = "X-Sandbox-Fault"
_KNOWN: Final = ("applied", *(name for names in OPTIONS.values() for name in names))


def fault_of(call: Call) -> FaultSpec | None:
    """The fault that a request asks for itself, None without the header.

    Raises:
        UsageError: the header is not understood; the message says why.
    """
    text = call.headers.get(HEADER.lower())
    return None if text is None else _read(text)


def _read(text: str) -> FaultSpec:
    kind, *rest = (part.strip() for part in text.split(";"))
    given: dict[str, str] = {}
    for part in rest:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in _KNOWN or not equals:
            raise UsageError(f"{HEADER}: after the fault come name=value, names are {', '.join(_KNOWN)}")
        given[name] = value
    try:
        spec = FaultSpec.model_validate({"fault": kind, **given})
    except ValidationError as error:
        raise UsageError(f"{HEADER}: {refusal_words(error)}") from None
    for name in spec.idle_options:
        raise UsageError(f"{HEADER}: {idle_words(spec, name)}")
    return spec
