"""The local fake CRMs: a stateful HubSpot, Zendesk and generic API with faults on request, for demo and tests.

They behave as `facts/crm-apis.md` says the real ones do, as far as a rule can notice it.
"""

from bridge.sandbox.answers import Answer
from bridge.sandbox.faults import FaultKind, FaultRule, Faults, FaultSpec, Match
from bridge.sandbox.hubspot import HubSpot, HubSpotLimits
from bridge.sandbox.journal import Journal, JournalEntry
from bridge.sandbox.server import Credentials, Sandbox, SandboxUrls, serve
from bridge.sandbox.zendesk import Zendesk, ZendeskLimits

__all__ = [
    "Answer",
    "Credentials",
    "FaultKind",
    "FaultRule",
    "FaultSpec",
    "Faults",
    "HubSpot",
    "HubSpotLimits",
    "Journal",
    "JournalEntry",
    "Match",
    "Sandbox",
    "SandboxUrls",
    "Zendesk",
    "ZendeskLimits",
    "serve",
]
