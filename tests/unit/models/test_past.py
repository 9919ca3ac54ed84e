"""`as_of`: the models as of a past moment equal a build made at that moment."""

from __future__ import annotations

import pendulum
import pytest

from bookings_sync.models.project import Project
from bookings_sync.models.transform import ModelError
from support.model_past import NOW, THEN, check_past, fill_until_then
from support.model_warehouse import Warehouse


def test_every_model_equals_its_past_build(warehouse: Warehouse, project: Project) -> None:
    check_past(warehouse, project)


def test_as_of_before_the_first_sync(warehouse: Warehouse) -> None:
    fill_until_then(warehouse)
    with pytest.raises(
        ModelError, match=r"synced by 2025-03-01 05:59:59 UTC: the first sync was at 2025-03-01 06:00:00"
    ):
        warehouse.transform(as_of=pendulum.datetime(2025, 3, 1, 5, 59, 59))


def test_a_past_build_never_reads_live_models(warehouse: Warehouse) -> None:
    fill_until_then(warehouse)
    warehouse.transform(now=NOW, select=["+rpt_show_rate"])
    with pytest.raises(ModelError, match=r"never built: .*marts\.fct_appointments"):
        warehouse.transform(now=NOW, as_of=THEN, select=["rpt_show_rate"])
