"""AISoule: one account behind its two APIs, the help centre's and the developers'."""

from bridge.sandbox.aisoule.account import WINDOW_MS, Account, Contact, SentMessage
from bridge.sandbox.aisoule.developer import AISouleDeveloper
from bridge.sandbox.aisoule.help_centre import AISoule
from bridge.sandbox.aisoule.traffic import AISouleLimits

__all__ = ["WINDOW_MS", "AISoule", "AISouleDeveloper", "AISouleLimits", "Account", "Contact", "SentMessage"]
