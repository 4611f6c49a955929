"""The local fake CRMs: stateful HubSpot, Zendesk, Slack, AISoule and generic APIs, for demo and tests.

They behave as `facts/crm-apis.md` and `facts/aisoule.md` say the real ones do, as far as a rule can notice it, and
fail on request.
"""

from bridge.sandbox.aisoule import AISoule, AISouleDeveloper, AISouleLimits
from bridge.sandbox.answers import Answer
from bridge.sandbox.faults import FaultKind, FaultRule, Faults, FaultSpec, Match, When
from bridge.sandbox.hubspot import HubSpot, HubSpotLimits
from bridge.sandbox.journal import Journal, JournalEntry
from bridge.sandbox.scenario import LoadedScenario, load_scenario
from bridge.sandbox.server import Credentials, Sandbox, SandboxUrls, serve
from bridge.sandbox.slack import Slack
from bridge.sandbox.zendesk import Zendesk, ZendeskLimits

__all__ = [
    "AISoule",
    "AISouleDeveloper",
    "AISouleLimits",
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
    "LoadedScenario",
    "Match",
    "Sandbox",
    "SandboxUrls",
    "Slack",
    "When",
    "Zendesk",
    "ZendeskLimits",
    "load_scenario",
    "serve",
]
