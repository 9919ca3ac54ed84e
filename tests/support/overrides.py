"""For tests that fail once an override of dlt is no longer needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def obsolete(override: str) -> str:
    """The message of a test that fails because dlt has changed."""
    return f"dlt works without it now: delete {override}"


@contextmanager
def still_raises(error: type[Exception], text: str, *, override: str) -> Iterator[None]:
    """Fails with `obsolete(override)` if the block raises nothing."""
    try:
        yield
    except error as raised:
        if text not in str(raised):
            raise
    else:
        pytest.fail(obsolete(override))
