"""No value of a raw column stops the models, and what they cannot use is counted."""

from __future__ import annotations

import random

import pytest

from bookings_sync.models.unusable import Unusable
from support.extreme_values import fill
from support.model_warehouse import Warehouse


def test_each_column_with_each_extreme_value(warehouse: Warehouse) -> None:
    fill(warehouse)
    warehouse.transform()


@pytest.mark.parametrize("seed", range(2))
def test_random_extreme_values(warehouse: Warehouse, seed: int) -> None:
    fill(warehouse, random.Random(seed), 60)
    warehouse.transform()


def test_odd_values_are_counted_with_their_records(warehouse: Warehouse) -> None:
    warehouse.insert("locations", {"name": "One", "timezone": "Asia/Manila"})
    warehouse.insert("services", {"id": "S", "slot_duration": -30})
    times = {"start_time": "0001-01-01T00:00:00Z", "start_time_raw": "0001-01-01T00:00:00Z"}
    warehouse.insert("appointments", {"id": "a", "service_id": "S", **times}, {"id": "b", "start_time_raw": "soon"})

    result = warehouse.transform()

    assert not result.warnings
    assert result.unusable == (
        Unusable("One", "appointments", "start_time", "not understood", 1, "b"),
        Unusable("One", "appointments", "start_time", "out of range", 1, "a"),
        Unusable("One", "services", "slot_duration", "out of range", 1, "S"),
    )
