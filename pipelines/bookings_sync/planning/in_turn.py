"""Divides a request budget between urgent reads and the others, so that neither starves the other. Pure.

Input:  planned reads, and a number of requests.
Output: as many of the reads as the budget allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from bookings_sync.planning.plan import PlannedRead

_URGENT_PER_OTHER = 3
"""If a budget is too small for the urgent reads, one in four is still for unread history and cold windows."""


def is_urgent(read: PlannedRead) -> bool:
    """Whether every run should do this read."""
    return read.reason not in {"backfill", "outdated", "cold"}


def within_budget(reads: list[PlannedRead], budget: int) -> list[PlannedRead]:
    """As many of the reads as the budget allows. Urgent reads do not starve the others, nor the other way round."""
    if len(reads) <= budget:
        return reads
    urgent = [read for read in reads if is_urgent(read)]
    others = [read for read in reads if not is_urgent(read)]
    if len(urgent) <= budget * _URGENT_PER_OTHER // (_URGENT_PER_OTHER + 1):
        return reads[:budget]
    return mixed(urgent, others, budget)


def mixed(urgent: Iterable[PlannedRead], others: Iterable[PlannedRead], budget: int) -> list[PlannedRead]:
    """Three urgent reads, one other, and so on, up to the budget. What is left of the longer ones comes last."""
    return list(islice(_mixed(iter(urgent), iter(others)), max(budget, 0)))


def _mixed(urgent: Iterator[PlannedRead], others: Iterator[PlannedRead]) -> Iterator[PlannedRead]:
    for first in urgent:
        yield from (first, *islice(urgent, _URGENT_PER_OTHER - 1), *islice(others, 1))
    yield from others
