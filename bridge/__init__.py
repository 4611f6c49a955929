"""crm-bridge: signed webhooks become CRM records, durably, in order and explainably."""

__version__ = "0.1.0"
