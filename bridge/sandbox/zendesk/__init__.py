"""A stateful local Zendesk: users, tickets, comments, audits, bulk writes, OAuth, limits."""

from bridge.sandbox.zendesk.access import ZendeskLimits
from bridge.sandbox.zendesk.api import Zendesk

__all__ = ["Zendesk", "ZendeskLimits"]
