"""MetricFlow accepts `sql/metrics.yml`, and its SQL gives the same figures as ours.

A dbt project lists semantic models and metrics in one file, and names tables by `ref`. dbt turns that into what
MetricFlow takes: one document per element, with the table's address. `documents` does the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.parsing.dir_to_model import (
    SemanticManifestBuildResult,
    parse_yaml_files_to_validation_ready_semantic_manifest,
)
from metricflow_semantic_interfaces.parsing.objects import YamlConfigFile
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from bookings_sync.catalogue import Metric, load_metrics
from bookings_sync.catalogue.query import metric_query
from bookings_sync.models.project import Project, find_models
from support.model_warehouse import Warehouse, open_warehouse
from support.report_data import fill

FILE = yaml.safe_load((find_models() / "metrics.yml").read_text(encoding="utf-8"))
METRICS = list(load_metrics().values())
SCHEMA = "marts_data"


def documents(file: dict[str, Any]) -> list[dict[str, Any]]:
    tables = [
        {**model, "node_relation": {"schema_name": SCHEMA, "alias": re.findall(r"\w+", model["model"])[-1]}}
        for model in file["semantic_models"]
    ]
    (days,) = file["models"]
    spine = {
        "node_relation": {"schema_name": SCHEMA, "alias": days["name"]},
        "primary_column": {"name": days["time_spine"]["standard_granularity_column"], "time_granularity": "day"},
    }
    return [
        *({"semantic_model": {key: table[key] for key in table if key != "model"}} for table in tables),
        *({"metric": metric} for metric in file["metrics"]),
        {"project_configuration": {"time_spines": [spine]}},
    ]


def parsed(file: dict[str, Any]) -> SemanticManifestBuildResult:
    text = yaml.safe_dump_all(documents(file), sort_keys=False, allow_unicode=True)
    return parse_yaml_files_to_validation_ready_semantic_manifest(
        [YamlConfigFile(filepath="metrics.yml", contents=text)], raise_issues_as_exceptions=False
    )


def problems(file: dict[str, Any]) -> list[str]:
    """What the parser and the validators say."""
    result = parsed(file)
    found = SemanticManifestValidator().validate_semantic_manifest(result.semantic_manifest)
    return [issue.message for issue in (*result.issues.all_issues, *found.all_issues)]


def test_the_catalogue_has_no_problem() -> None:
    assert problems(FILE) == []


def test_a_metric_without_its_sum_is_a_problem() -> None:
    metrics = [
        {**metric, "type_params": {"measure": "nothing"}} if metric["name"] == "bookings" else metric
        for metric in FILE["metrics"]
    ]
    assert any("nothing" in problem for problem in problems({**FILE, "metrics": metrics}))


class Client:
    """What MetricFlow asks of a database to write SQL for it. It runs no query."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def render_bind_parameter_key(self, name: str) -> str:
        return f"${name}"


@pytest.fixture(scope="module")
def engine() -> MetricFlowEngine:
    return MetricFlowEngine(SemanticManifestLookup(parsed(FILE).semantic_manifest), Client())


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder: Path = tmp_path_factory.mktemp("metricflow")
    with open_warehouse(folder, Project.load(find_models())) as opened:
        opened.create_raw()
        fill(opened)
        opened.transform(select=[*dict.fromkeys(f"+{metric.model}" for metric in METRICS), "+dim_*"])
        yield opened


def theirs(metric: Metric) -> dict[str, str]:
    """The dimensions of a metric, from MetricFlow's names to ours. Of the periods only the finest."""
    models = {name["name"]: model for model in FILE["semantic_models"] for name in model.get("measures", [])}
    model = models[metric.numerator.name]
    names = {f"metric_time__{metric.time.name}": metric.time.name}
    for name, dimension in metric.dimensions.items():
        if dimension.names:
            names[f"{name}__{name}_name"] = name
        elif dimension.grain is None:
            names[f"{model['primary_entity']}__{dimension.expression}"] = name
    return names


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_metricflow_computes_the_same(metric: Metric, engine: MetricFlowEngine, warehouse: Warehouse) -> None:
    names = theirs(metric)
    request = MetricFlowQueryRequest.create(metric_names=[metric.name], group_by_names=list(names))
    found = rows(warehouse, engine.explain(request).sql_statement.sql)
    own = rows(warehouse, metric_query(metric, list(names.values()), schema=SCHEMA))
    keys = list(names.values())
    assert values([{names.get(name, name): row[name] for name in row} for row in found], keys, metric.name) == {
        key: pytest.approx(value) for key, value in values(own, keys, metric.name).items()
    }


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    cursor = warehouse.client.native_connection.execute(sql)
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def values(found: list[dict[str, Any]], keys: list[str], name: str) -> dict[tuple[str, ...], float]:
    """The values by group. Where MetricFlow leaves a missing name empty, we write `(no member)`."""
    return {tuple(key_text(row[key]) for key in keys): float(row[name]) for row in found if row[name] is not None}


def key_text(value: object) -> str:
    if value is None or str(value).startswith("(no "):
        return ""
    return str(value)[:10] if isinstance(value, date) else str(value)
