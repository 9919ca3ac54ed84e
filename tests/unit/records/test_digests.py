"""Digests are kept in warehouses: what they are must not change from one version of a library to the next."""

from __future__ import annotations

from bookings_sync.records import digests


def test_a_digest_is_xxh3s() -> None:
    """The first two as XXH3's own test vectors have them."""
    assert digests.digest_of(b"") == "99aa06d3014798d86001c324468d497f"
    assert digests.short_digest_of(b"").hex() == "2d06800538d394c2"
    assert digests.digest_of(b"a") != digests.digest_of(b"b")
    assert len(digests.digest_of(b"a" * 1_000_000)) == 32
