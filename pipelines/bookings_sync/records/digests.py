"""Digests: short fingerprints of replies, records and rows, to find what has not changed.

All of them are XXH3, which is much faster than a cryptographic hash. Two different texts collide by chance as rarely as
with any hash of the same length. XXH3 does not resist attackers, though: someone who can write into a calendar could
construct two texts with one digest, and so hide a change from the warehouse. `privacy` therefore uses HMAC-SHA-256.
"""

from __future__ import annotations

from xxhash import xxh3_64_digest, xxh3_64_intdigest, xxh3_128_hexdigest

digest_of = xxh3_128_hexdigest
"""128 bits as 32 hex digits."""

short_digest_of = xxh3_64_digest
"""64 bits as 8 bytes. For the ids and records of one list, which are only compared with those of another list."""

number_of = xxh3_64_intdigest
"""64 bits as an integer. For texts that are only compared within one run."""
