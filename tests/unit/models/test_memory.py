"""A transform needs little memory, and leaves no temporary files behind."""

from __future__ import annotations

import duckdb
import pytest

from bookings_sync.models.memory import in_little_memory
from support.model_warehouse import Warehouse


def limit(warehouse: Warehouse) -> str:
    ((found,),) = warehouse.client.execute_sql("SELECT current_setting('memory_limit')") or ()
    return str(found)


def test_the_limit_holds_for_the_work_only(empty_warehouse: Warehouse) -> None:
    before = limit(empty_warehouse)
    assert in_little_memory(empty_warehouse.client, lambda: limit(empty_warehouse)) == "286.1 MiB"
    assert limit(empty_warehouse)[:2] == before[:2]


def test_a_lower_limit_of_the_user_stays(empty_warehouse: Warehouse) -> None:
    empty_warehouse.client.execute_sql("SET GLOBAL memory_limit = '100MB'")
    assert in_little_memory(empty_warehouse.client, lambda: limit(empty_warehouse)) == "95.3 MiB"


def test_work_that_does_not_fit_is_done_again_without_the_limit(empty_warehouse: Warehouse) -> None:
    limits: list[str] = []

    def work() -> None:
        limits.append(limit(empty_warehouse))
        if len(limits) == 1:
            raise duckdb.OutOfMemoryException("Out of Memory Error: failed to pin block")

    in_little_memory(empty_warehouse.client, work)
    assert len(limits) == 2
    assert limits[0] == "286.1 MiB" != limits[1]


def test_other_errors_are_not_tried_again(empty_warehouse: Warehouse) -> None:
    calls: list[None] = []

    def work() -> None:
        calls.append(None)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        in_little_memory(empty_warehouse.client, work)
    assert len(calls) == 1


def test_files_of_a_killed_transform_are_removed(empty_warehouse: Warehouse) -> None:
    folder = empty_warehouse.path.with_name(empty_warehouse.path.name + ".tmp")
    folder.mkdir()
    left, foreign = folder / "duckdb_temp_storage_DEFAULT-0.tmp", folder / "mine"
    left.touch()
    foreign.touch()
    in_little_memory(empty_warehouse.client, lambda: None)
    assert list(folder.iterdir()) == [foreign]
