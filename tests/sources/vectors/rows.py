"""All senders of facts sources.md section 2."""

from tests.sources.vectors import hashes_of_addresses, hashes_of_bodies, hashes_with_times, keys_and_words

ROWS = (*hashes_of_bodies.ROWS, *hashes_with_times.ROWS, *hashes_of_addresses.ROWS, *keys_and_words.ROWS)
