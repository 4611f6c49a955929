"""Secrets of sources: what is long enough and not copied from a manual (facts S1 and S2).

The messages never repeat the value; models that hold secrets hide their input in errors for the same reason.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr, ValidationInfo

from bridge.diagnostics import problem

SHORTEST_SECRET_BYTES = 16

_FEWEST_CHARACTERS = 5  # fewer different characters than this are a pattern, not a secret
_FROM_A_MANUAL = re.compile(
    r"change.?me|replace.?(?:me|this)|place.?holder|your.{0,24}(?:secret|key|token)|example|insert.?here|<.*>|\$\{"
    r"|^(?=.*[a-z])(?:my|the|webhook|super|signing|secret|shared|key|token|password|test|[-_. ]|[0-9])+$",
    re.IGNORECASE | re.DOTALL,
)


AS_GIVEN = "secrets as given"
"""Validation context in which a secret may be short or out of a manual; an empty or unreadable one is still refused."""


def is_judged(info: ValidationInfo) -> bool:
    """Whether secrets must be good ones, as they must in every configuration."""
    return info.context != AS_GIVEN


def _accept(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    value = secret.get_secret_value()
    size = len(value.encode("utf-8", "surrogatepass"))
    if not size:
        raise problem("this secret is empty", code="BR304", note="anybody could sign with it")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise problem("this secret is no UTF-8 text", code="BR304", help="copy it again; bytes are written in base64")
    if not is_judged(info):
        return secret
    if _FROM_A_MANUAL.search(value) or len(set(value)) < _FEWEST_CHARACTERS:
        raise problem(
            "this secret is a placeholder",
            code="BR304",
            help="copy the real one from the sender's webhook settings, or make one with `openssl rand -hex 32`",
        )
    if size < SHORTEST_SECRET_BYTES:
        raise problem(
            f"this secret has {size} bytes",
            code="BR304",
            note=f"fewer than {SHORTEST_SECRET_BYTES} can be guessed",
            help="set a longer one here and at the sender; `openssl rand -hex 32` prints one",
        )
    return secret


SourceSecret = Annotated[SecretStr, AfterValidator(_accept)]
"""A signing secret that has been looked at; its text form is always `**********`."""
