"""Filters on phone numbers."""

from collections.abc import Callable

from bridge.expressions.filters.declare import Collection, Example, Parameter, Takes
from bridge.expressions.phone import NotAPhoneNumber, is_region, to_e164, to_national, to_person
from bridge.expressions.problems import BadArgument, Unusable

PHONES = Collection()

_MEND = "numbers are international, e.g. +15550199999; for national ones give the region: `e164('IN')`"


@PHONES.declare(
    Takes.TEXT,
    Parameter("region", default=None, literal=True),
    example=Example("{{ body.x | e164 }}", "15550199999", "+15550199999"),
)
def e164(region: str | None) -> Callable[[str], str]:
    """Write a phone number as `+` and digits; `region` (two letters) reads national numbers."""
    if region is not None and not is_region(region):
        raise BadArgument("region", "there is no such region", "write two capital letters, e.g. `e164('IN')`")

    def convert(text: str) -> str:
        try:
            return to_e164(text, region)
        except NotAPhoneNumber:
            raise Unusable("is not a phone number", _MEND) from None

    return convert


@PHONES.declare(Takes.TEXT, example=Example("{{ body.x | person }}", "551187654321", "+5511987654321"))
def person(text: str) -> str:
    """Write a phone number the one way that all spellings of a handset share (BR, AR, MX)."""
    try:
        return to_person(text)
    except NotAPhoneNumber:
        raise Unusable("is not a phone number", _MEND) from None


@PHONES.declare(Takes.TEXT, example=Example("{{ body.x | national }}", "+918856879188", "8856879188"))
def national(text: str) -> str:
    """Give the digits of a phone number that come after its country code."""
    try:
        return to_national(text)
    except NotAPhoneNumber:
        raise Unusable("is not a phone number", _MEND) from None
