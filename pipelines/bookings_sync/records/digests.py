"""Digests: a few bytes that stand for the bytes of a reply, a record or a row, to find what did not change.

They are XXH3's. That two different texts have one digest by chance is as unlikely as with as many bits of SHA-256, and
they take a sixth of its time for a row, a tenth for a reply. But they are no seal: who can write into a calendar could,
with much work, make two texts of one digest, and so hide their own later change from a warehouse. `privacy` hashes
values by HMAC-SHA-256, and not by these.
"""

from __future__ import annotations

from xxhash import xxh3_64_digest, xxh3_64_intdigest, xxh3_128_hexdigest

digest_of = xxh3_128_hexdigest
"""128 bits, in 32 hex digits."""

short_digest_of = xxh3_64_digest
"""64 bits, in 8 bytes: for the ids and the records of one list, which are compared with those of one other."""

number_of = xxh3_64_intdigest
"""64 bits, as a number: for texts that are compared within one run."""
