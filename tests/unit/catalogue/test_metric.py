"""The metrics catalogue: what it says about each metric exists, in the marts and in docs/metrics.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bookings_sync.catalogue import Metric, load_metrics
from bookings_sync.models.project import Project, find_models

METRICS = list(load_metrics().values())
DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.load(find_models())


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_reads_columns_that_its_mart_has(metric: Metric, project: Project) -> None:
    mart = project.models[metric.model]
    assert mart.layer == "marts"
    needed = {*metric.columns, *re.findall(r"\b(?:local_\w+|\w+_id)\b", str(metric.dimensions))}
    assert needed <= set(mart.header.columns)


def test_each_metric_has_a_section_of_the_documentation() -> None:
    titles = re.findall(r"^## (.+)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert {metric.anchor for metric in METRICS} <= anchors


def test_a_definition_reads_as_a_fraction() -> None:
    assert load_metrics()["show_rate"].definition == "showed ÷ (showed + no-show)"
    assert load_metrics()["bookings"].definition == "number of bookings"
