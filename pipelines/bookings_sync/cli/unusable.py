"""Shows the values that the models could not use.

Input:  `Unusable` counts.
Output: a table with the records' ids, if there are any.
"""

from __future__ import annotations

from collections.abc import Sequence

from bookings_sync.cli.formatting import table
from bookings_sync.cli.output import Output
from bookings_sync.models.unusable import Unusable


def print_unusable(output: Output, unusable: Sequence[Unusable]) -> None:
    """A table of the values that no report uses."""
    if unusable:
        rows = [(e.location, e.table, e.column, e.reason, e.records, e.examples) for e in unusable]
        output.print(table(("location", "table", "column", "why", "records", "such as"), rows, title="Unusable values"))
