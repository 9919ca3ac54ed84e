"""Compares two tables: the same keys, and the same values in every column.

Input:  rows as dictionaries.
Output: one short line per difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import Any

from .figures import Row

_SHOWN = 8


def differences(built: Sequence[Row], recomputed: Sequence[Row], key: Sequence[str]) -> list[str]:
    """How the model's rows differ from the recomputed ones, in the columns that were recomputed."""
    have, want = _by_key(built, key), _by_key(recomputed, key)
    lines = [f"{name}: is missing in the model" for name in want.keys() - have.keys()]
    lines += [f"{name}: is only in the model, {_short(have[name])}" for name in have.keys() - want.keys()]
    for name in sorted(want.keys() & have.keys()):
        wrong = [
            f"{column} is {have[name][column]!s}, recomputed {value!s}"
            for column, value in want[name].items()
            if not _equal(have[name][column], value)
        ]
        lines += [f"{name}: {'; '.join(wrong)}"] if wrong else []
    more = [f"… and {len(lines) - _SHOWN} more of {len(want)} rows"] if len(lines) > _SHOWN else []
    return lines[:_SHOWN] + more


def _by_key(rows: Sequence[Row], key: Sequence[str]) -> dict[str, Row]:
    keyed = {" ".join(str(row[part]) for part in key): row for row in rows}
    assert len(keyed) == len(rows), f"{len(rows) - len(keyed)} keys occur twice"
    return keyed


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        if one is None or other is None:
            return one is other
        return isclose(one, other, rel_tol=1e-9, abs_tol=1e-7)
    return bool(one == other)


def _short(row: Row) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())
