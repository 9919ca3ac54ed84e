"""Errors of the SQL models, in the tree of `bookings_sync.errors`.

Samples of failing rows hold key columns only: ids and dates, no personal data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dlt.destinations.exceptions import DatabaseException

from bookings_sync.errors import AuditError, BookingsError


class ModelError(BookingsError):
    """A model's file is not valid (sql/README.md describes the form), or the warehouse rejects its query."""


class NothingSyncedError(BookingsError):
    """The raw dataset has no raw tables yet."""

    def __init__(self, dataset: str) -> None:
        super().__init__(f"the dataset {dataset} holds no synced tables yet: run `bookings sync` first")
        self.dataset = dataset


@dataclass(frozen=True, slots=True)
class AuditFailure:
    """One failed audit: the number of failing rows, and the keys of some of them."""

    model: str
    audit: str
    failing_rows: int
    key: tuple[str, ...]
    sample: tuple[tuple[object, ...], ...]

    def __str__(self) -> str:
        rows = "; ".join(
            ", ".join(f"{name}={value}" for name, value in zip(self.key, row, strict=True)) for row in self.sample
        )
        return f"{self.model}: {self.audit}: {self.failing_rows} failing row(s), such as {rows}"


class AuditsFailedError(AuditError):
    """Audits failed, so nothing was published. `failures` has each failed audit."""

    def __init__(self, failures: Iterable[AuditFailure]) -> None:
        self.failures = tuple(failures)
        super().__init__(dict.fromkeys(failure.model for failure in self.failures))

    def __str__(self) -> str:
        return "\n".join((super().__str__(), *(f"  {failure}" for failure in self.failures)))


@contextmanager
def hidden_details(file: str) -> Iterator[None]:
    """Keeps the warehouse's own message out of ours, because it may quote a value. The chained error has it."""
    try:
        yield
    except DatabaseException as error:
        raise ModelError(f"{file}: the warehouse rejected the model's query or one of its audits") from error
