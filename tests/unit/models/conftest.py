"""Fixtures of the models' tests: DuckDB warehouses with raw tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bookings_sync.models.project import Project, find_models
from support.model_warehouse import Warehouse, open_warehouse


@pytest.fixture(scope="session")
def project() -> Project:
    return Project.load(find_models())


@pytest.fixture
def empty_warehouse(tmp_path: Path, project: Project) -> Iterator[Warehouse]:
    """A warehouse before the first sync."""
    with open_warehouse(tmp_path, project) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(empty_warehouse: Warehouse) -> Warehouse:
    """A warehouse with all raw tables, empty."""
    empty_warehouse.create_raw()
    return empty_warehouse


@pytest.fixture(scope="module")
def shared_warehouse(tmp_path_factory: pytest.TempPathFactory, project: Project) -> Iterator[Warehouse]:
    """One warehouse for many cases: each case creates the raw tables again."""
    with open_warehouse(tmp_path_factory.mktemp("shared"), project) as warehouse:
        yield warehouse
