"""Phone numbers as identity: E.164, and one spelling per handset.

Three countries have changed how their mobile numbers are written, and messaging platforms still send the old
forms: Brazil put a 9 before the subscriber number, Argentina has a 9 after the country code when one calls a mobile
from abroad, Mexico dropped the 1 there. `to_person` gives the same text for all of them, so that a customer is one
customer.
"""

import re
from typing import Final

from phonenumbers import SUPPORTED_REGIONS as REGIONS
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    format_number,
    is_possible_number,
    is_valid_number,
    national_significant_number,
    parse,
)

from bridge.errors import BridgeError

MAX_LENGTH: Final = 40
"""Longest text that is looked at, in characters; the longest number has 15 digits."""

BRAZIL: Final = 55
ARGENTINA: Final = 54

_NATIONAL_LENGTH = 10
"""Digits of a national number in both countries, without the mobile mark."""

_SEPARATORS = re.compile(r"[\s().\-/\u00ad\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069]+")
_DIGITS = re.compile(r"\+?[0-9]{3,20}")
_OLD_MEXICAN_MOBILE = re.compile(r"\+521([0-9]{10})")


class NotAPhoneNumber(BridgeError, ValueError):  # noqa: N818 - reads as what is the case
    """A text that cannot be a phone number. The message does not repeat it."""

    def __init__(self) -> None:
        super().__init__("is not a phone number")


def to_e164(text: str, region: str | None = None) -> str:
    """The number as `+` and digits.

    Digits without `+` or `00` count as international when no `region` is given, as messaging platforms send them.

    Args:
        text: the number as somebody wrote it; spaces, brackets, dots and dashes do not matter.
        region: two letters of ISO 3166; numbers without a country code belong there.

    Raises:
        NotAPhoneNumber: when no such number can exist.
    """
    return format_number(_number(text, region), PhoneNumberFormat.E164)


def to_person(text: str) -> str:
    """The one canonical E.164 text of a handset, whichever way its number is written.

    Args:
        text: an international number, with or without `+` or `00`.

    Raises:
        NotAPhoneNumber: when no such number can exist.
    """
    number = _number(text, None)
    national = national_significant_number(number)
    if number.country_code == BRAZIL and len(national) == _NATIONAL_LENGTH and national[2] in "6789":
        return f"+{BRAZIL}{national[:2]}9{national[2:]}"
    if number.country_code == ARGENTINA and len(national) == _NATIONAL_LENGTH:
        return f"+{ARGENTINA}9{national}"
    return format_number(number, PhoneNumberFormat.E164)


def to_national(text: str) -> str:
    """The digits after the country code.

    Args:
        text: an international number, with or without `+` or `00`.

    Raises:
        NotAPhoneNumber: when no such number can exist.
    """
    return national_significant_number(_number(text, None))


def is_region(code: str) -> bool:
    """Whether `code` is a region that numbers can be read in, e.g. `IN`."""
    return code in REGIONS


def _number(text: str, region: str | None) -> PhoneNumber:
    if len(text) > MAX_LENGTH:
        raise NotAPhoneNumber
    digits = _compact(text)
    if digits.startswith("+"):
        return _international(digits)
    if digits.startswith("00"):
        return _international("+" + digits[2:])
    return _international("+" + digits) if region is None else _national(digits, region)


def _compact(text: str) -> str:
    compact = _SEPARATORS.sub("", text).replace("\uff0b", "+")
    compact = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in compact)
    if not _DIGITS.fullmatch(compact):
        raise NotAPhoneNumber
    return compact


def _international(digits: str) -> PhoneNumber:
    # The library's plan no longer knows the Mexican mobile mark, platforms still send it.
    number = _parsed(_OLD_MEXICAN_MOBILE.sub(r"+52\1", digits), None)
    if number is None or not is_possible_number(number):
        raise NotAPhoneNumber
    return number


def _national(digits: str, region: str) -> PhoneNumber:
    """National first; digits that are none there may still be an international number without its `+`."""
    number = _parsed(digits, region)
    if number is not None and is_valid_number(number):
        return number
    abroad = _parsed(_OLD_MEXICAN_MOBILE.sub(r"+52\1", "+" + digits), None)
    if abroad is not None and is_valid_number(abroad):
        return abroad
    if number is None or not is_possible_number(number):
        raise NotAPhoneNumber
    return number


def _parsed(digits: str, region: str | None) -> PhoneNumber | None:
    try:
        return parse(digits, region)
    except NumberParseException:
        return None
