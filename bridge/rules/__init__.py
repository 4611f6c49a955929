"""Rules: which events they match, what delivery that makes, and the pure interpreter of their steps."""
