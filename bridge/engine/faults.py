"""Faults of our own: an exception that nobody expected, told without the customer's text that it may quote."""

import traceback
from pathlib import Path

from bridge.model import DeadKind, Death
from bridge.rules.plan import fingerprint


def place_of(error: BaseException) -> str:
    """Where it was raised: file and line, which hold no customer text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def poison(error: Exception, rule: str, *, step: str | None = None) -> Death:
    """The dead letter of an event that makes our own code fail: a repeat would fail in the same way."""
    name, place = type(error).__name__, place_of(error)
    return Death(
        kind=DeadKind.POISON,
        code="fault",
        message=f"the bridge itself failed over this event: {name} at {place}",
        mend="please report this line; after an update of the bridge, replay",
        step=step,
        fingerprint=fingerprint(DeadKind.POISON, rule, name, place),
    )
