"""The way out: one tuned aiohttp client per destination, its credentials, and the gate that holds it back."""
