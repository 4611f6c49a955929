"""Filters on points in time. They read Unix seconds, Unix milliseconds and ISO 8601; they never ask a clock."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.parser import isoparse

from bridge.expressions.filters.declare import Collection, Example, Parameter, Takes
from bridge.expressions.problems import BadArgument, Unusable
from bridge.expressions.values import kind_of

TIMES = Collection()

MILLISECONDS_FROM: Final = 10**11
"""Numbers from here on are milliseconds: as seconds they would lie after the year 5138."""

_YEAR_10000_MS: Final = 253_402_300_800_000
_UNIX = re.compile(r"([0-9]{9,15})(?:\.([0-9]{1,9}))?", re.ASCII)
_DATE_FIRST = re.compile(r"[0-9]{4}-[0-9W]")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MEND = "a time is Unix seconds or milliseconds, or ISO 8601 such as 2026-06-02T03:01:38Z"
_NOON = 12


def _offset(at: datetime) -> str:
    offset = at.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


# English and by ourselves, because strftime follows the locale of the machine.
_CODES: Final[dict[str, Callable[[datetime], str]]] = {
    "Y": lambda at: f"{at.year:04d}",
    "y": lambda at: f"{at.year % 100:02d}",
    "m": lambda at: f"{at.month:02d}",
    "d": lambda at: f"{at.day:02d}",
    "H": lambda at: f"{at.hour:02d}",
    "I": lambda at: f"{at.hour % _NOON or _NOON:02d}",
    "M": lambda at: f"{at.minute:02d}",
    "S": lambda at: f"{at.second:02d}",
    "f": lambda at: f"{at.microsecond:06d}",
    "p": lambda at: "AM" if at.hour < _NOON else "PM",
    "j": lambda at: f"{at.timetuple().tm_yday:03d}",
    "B": lambda at: _MONTHS[at.month - 1],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "A": lambda at: _DAYS[at.weekday()],
    "a": lambda at: _DAYS[at.weekday()][:3],
    "z": _offset,
    "%": lambda _at: "%",
}


@TIMES.declare(Takes.ANY, example=Example("{{ body.x | iso8601 }}", 1780369298, "2026-06-02T03:01:38.000Z"))
def iso8601(value: object) -> str:
    """Write a time as RFC 3339 in UTC with milliseconds."""
    # Not model.rfc3339: its float seconds lose the last millisecond of far years.
    return _moment(milliseconds(value), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@TIMES.declare(Takes.ANY, example=Example("{{ body.x | epoch_ms }}", "2026-06-02T03:01:38Z", 1780369298000))
def epoch_ms(value: object) -> int:
    """Write a time as whole milliseconds since 1970, UTC."""
    return milliseconds(value)


@TIMES.declare(
    Takes.ANY,
    Parameter("format", literal=True),
    Parameter("zone", default="UTC", literal=True),
    example=Example("{{ body.x | date('%d %b %Y %H:%M', 'Asia/Kolkata') }}", 1780369298, "02 Jun 2026 08:31"),
)
def date(format_: str, zone: str) -> Callable[[object], str]:
    """Write a time in a format of your own, in UTC or in a named time zone."""
    pieces = _format_pieces(format_)
    place = _zone(zone)

    def convert(value: object) -> str:
        at = _moment(milliseconds(value), place)
        return "".join(piece if isinstance(piece, str) else piece(at) for piece in pieces)

    return convert


def milliseconds(value: object) -> int:
    """The time that `value` names, in whole milliseconds since 1970; what has no offset is UTC.

    Raises:
        Unusable: when it names no time from 1970 to 9999.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unusable(f"is {kind_of(value)}, not a time", _MEND)
    result = _from_text(value.strip()) if isinstance(value, str) else _from_number(value)
    if not 0 <= result < _YEAR_10000_MS:
        raise Unusable("is not a time from 1970 to 9999", _MEND)
    return result


def _from_number(value: float) -> int:
    if not 0 <= value < _YEAR_10000_MS:  # false for NaN as well
        return -1
    if value >= MILLISECONDS_FROM:
        return int(value)
    return value * 1000 if isinstance(value, int) else int(round(value * 1_000_000) // 1000)


def _from_text(text: str) -> int:
    # Fewer than nine digits could be a date such as 20260602, so they are read as neither.
    unix = _UNIX.fullmatch(text)
    if unix is not None:
        whole, fraction = int(unix.group(1)), (unix.group(2) or "")
        return whole if whole >= MILLISECONDS_FROM else whole * 1000 + int(fraction[:3].ljust(3, "0"))
    at = _iso(text)
    if at is None:
        raise Unusable("is not a time", _MEND)
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _iso(text: str) -> datetime | None:
    if not _DATE_FIRST.match(text):
        return None
    try:
        at = isoparse(text)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _moment(at_ms: int, zone: tzinfo) -> datetime:
    try:
        return datetime.fromtimestamp(at_ms // 1000, tz=UTC).replace(microsecond=at_ms % 1000 * 1000).astimezone(zone)
    except OverflowError:
        raise Unusable("is not a time from 1970 to 9999", _MEND) from None


def _format_pieces(text: str) -> list[str | Callable[[datetime], str]]:
    pieces: list[str | Callable[[datetime], str]] = []
    for index, part in enumerate(re.split("%(.?)", text, flags=re.DOTALL)):
        if index % 2 == 0:
            pieces.append(part)
        elif part in _CODES:
            pieces.append(_CODES[part])
        else:
            raise BadArgument(
                "format", f"there is no `%{part}`", "known are " + " ".join(f"%{code}" for code in _CODES)
            )
    return pieces


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise BadArgument("zone", "there is no such time zone", "write it as `Asia/Kolkata` or `UTC`") from None
