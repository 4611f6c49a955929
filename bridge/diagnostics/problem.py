"""How a pydantic validator of ours reports a mistake in full: code, label, mend, and the place inside its text."""

from typing import Any

from pydantic_core import PydanticCustomError


def problem(
    message: str,
    *,
    code: str = "BR104",
    label: str = "",
    help: str = "",  # noqa: A002 - the word that `Finding` and every message use
    note: str = "",
    offset: int | None = None,
    length: int = 1,
) -> PydanticCustomError:
    """The error to raise in a validator; :func:`bridge.diagnostics.from_validation_error` makes a finding of it.

    Args:
        message: The headline; never with a secret or the value itself when it may be one.
        code: A registered code.
        label: What to write beside the marked text.
        help: How to mend it.
        note: Why.
        offset: First wrong character of the validated text; None marks all of it.
        length: How many characters from `offset` on are wrong.
    """
    details: dict[str, Any] = {"code": code, "label": label, "help": help, "note": note}
    if offset is not None:
        details |= {"offset": offset, "length": length}
    details["headline"] = message  # last, because pydantic fills in one after the other and the message may hold braces
    return PydanticCustomError("problem", "{headline}", details)
