"""A stateful local HubSpot: records, properties, pipelines, associations, batches, search, limits."""

from bridge.sandbox.hubspot.access import HubSpotLimits
from bridge.sandbox.hubspot.api import HubSpot

__all__ = ["HubSpot", "HubSpotLimits"]
