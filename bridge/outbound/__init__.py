"""The way out: one tuned aiohttp client per destination, its credentials, its limits, and who leaves when."""
