"""Warehouses store digests, so their values must not change with a new version of a library."""

from __future__ import annotations

from bookings_sync.records import digests


def test_digests_are_xxh3() -> None:
    """The first two values come from XXH3's own test vectors."""
    assert digests.digest_of(b"") == "99aa06d3014798d86001c324468d497f"
    assert digests.short_digest_of(b"").hex() == "2d06800538d394c2"
    assert digests.digest_of(b"a") != digests.digest_of(b"b")
    assert len(digests.digest_of(b"a" * 1_000_000)) == 32
