"""What a HubSpot token may do: the scopes that each path asks for, and the 403 for a token that has none of them.

By default every token has all of them; `HubSpotAccess.restrict` takes some away.
"""

from collections.abc import Mapping
from typing import Final

from bridge.sandbox.answers import Call, Refused
from bridge.sandbox.hubspot.catalog import KINDS
from bridge.sandbox.hubspot.refusals import refused

CONTACT_SCOPES: Final = frozenset(
    {
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.schemas.contacts.read",
        "crm.schemas.contacts.write",
    }
)
COMPANY_SCOPES: Final = frozenset({"crm.objects.companies.read", "crm.objects.companies.write"})
DEAL_SCOPES: Final = frozenset({"crm.objects.deals.read", "crm.objects.deals.write"})
CUSTOM_SCOPES: Final = frozenset({"crm.objects.custom.read", "crm.objects.custom.write"})
_OWNERS: Final = frozenset({"crm.objects.owners.read"})
_LISTS: Final = frozenset({"crm.lists.write"})
_SEQUENCES_READ: Final = frozenset({"automation.sequences.read"})
_SEQUENCES_WRITE: Final = frozenset({"automation.sequences.enrollments.write"})
ALL_SCOPES: Final = frozenset({"oauth", "tickets"}).union(
    CONTACT_SCOPES, COMPANY_SCOPES, DEAL_SCOPES, CUSTOM_SCOPES, _OWNERS, _LISTS, _SEQUENCES_READ, _SEQUENCES_WRITE
)

_READ: Mapping[str, frozenset[str]] = {
    "tickets": frozenset({"tickets"}),
    "companies": frozenset({"crm.objects.companies.read"}),
    "deals": frozenset({"crm.objects.deals.read"}),
    "p_orders": frozenset({"crm.objects.custom.read"}),
}
_WRITE: Mapping[str, frozenset[str]] = {
    "tickets": frozenset({"tickets"}),
    "companies": frozenset({"crm.objects.companies.write"}),
    "deals": frozenset({"crm.objects.deals.write"}),
    "p_orders": frozenset({"crm.objects.custom.write"}),
}
_SCHEMAS: Mapping[str, frozenset[str]] = {
    "companies": COMPANY_SCOPES,
    "deals": DEAL_SCOPES,
    "p_orders": CUSTOM_SCOPES,
}
# Notes and communications go by the contacts' scopes (facts, section 1.2).
_CONTACTS_READ: Final = frozenset({"crm.objects.contacts.read"})
_CONTACTS_WRITE: Final = frozenset({"crm.objects.contacts.write"})
_READING_POSTS: Final = ("/search", "/batch/read")
_ROOMS: Mapping[str, frozenset[str]] = {"lists": _LISTS, "owners": _OWNERS}
_NAMES: Mapping[str, str] = {
    alias: kind.name for kind in KINDS if kind.name in _READ for alias in (kind.singular, kind.type_id)
}


def needed(call: Call) -> frozenset[str]:
    """Of these scopes a call needs one; empty: it needs none."""
    rooms = call.path.split("/")[:4]
    if "automation" in rooms:
        return _SEQUENCES_READ if call.method == "GET" else _SEQUENCES_WRITE
    for room, scopes in _ROOMS.items():
        if room in rooms:
            return scopes
    kind = call.params.get("kind") or call.params.get("from")  # an association is written at the one it starts from
    if kind is None:
        return frozenset()
    kind = _NAMES.get(kind, kind)
    reads = call.method == "GET" or call.path.endswith(_READING_POSTS)
    if "properties" in rooms:
        return _of_properties(kind, reads=reads)
    if "pipelines" in rooms:
        return _READ.get(kind, CONTACT_SCOPES)
    return _READ.get(kind, _CONTACTS_READ) if reads else _WRITE.get(kind, _CONTACTS_WRITE)


def check(call: Call, granted: frozenset[str]) -> None:
    """Let the call pass when a scope is there that it needs.

    Raises:
        Refused: 403 MISSING_SCOPES.
    """
    wanted = needed(call)
    if wanted and not wanted & granted:
        raise missing_scopes(wanted)


def missing_scopes(wanted: frozenset[str]) -> Refused:
    """403 as HubSpot words it; the context lists scopes of which any one would do."""
    message = "This app hasn't been granted all required scopes to make this call. Read more about required scopes."
    error = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": sorted(wanted)},
    }
    return refused(403, message, "MISSING_SCOPES", errors=[error])


def _of_properties(kind: str, *, reads: bool) -> frozenset[str]:
    """Any scope of an object type reads its properties; creating one takes the schema's."""
    if kind == "tickets":
        return frozenset({"tickets"})
    if kind in _SCHEMAS:
        return _SCHEMAS[kind]
    return CONTACT_SCOPES if reads else frozenset({"crm.schemas.contacts.write"})
