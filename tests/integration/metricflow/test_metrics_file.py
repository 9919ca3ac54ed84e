"""MetricFlow's own parser and validators accept `sql/metrics.yml`.

A dbt project lists semantic models and metrics in one file, and refers to tables by `ref`. dbt turns that into what
MetricFlow takes, one document per element with the table's address. These tests do the same.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from dbt_semantic_interfaces.parsing.dir_to_model import parse_yaml_files_to_validation_ready_semantic_manifest
from dbt_semantic_interfaces.parsing.objects import YamlConfigFile
from dbt_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator

FILE = yaml.safe_load((Path(__file__).parents[3] / "sql" / "metrics.yml").read_text(encoding="utf-8"))


def documents(file: dict[str, Any]) -> list[dict[str, Any]]:
    tables = [
        {**model, "node_relation": {"schema_name": "bookings_marts", "alias": re.findall(r"\w+", model["model"])[-1]}}
        for model in file["semantic_models"]
    ]
    (days,) = file["models"]
    spine = {
        "node_relation": {"schema_name": "bookings_marts", "alias": days["name"]},
        "primary_column": {"name": days["time_spine"]["standard_granularity_column"], "time_granularity": "day"},
    }
    return [
        *({"semantic_model": {key: table[key] for key in table if key != "model"}} for table in tables),
        *({"metric": metric} for metric in file["metrics"]),
        {"project_configuration": {"time_spines": [spine]}},
    ]


def problems(file: dict[str, Any]) -> list[str]:
    """What the parser and the validators say."""
    text = yaml.safe_dump_all(documents(file), sort_keys=False, allow_unicode=True)
    parsed = parse_yaml_files_to_validation_ready_semantic_manifest(
        [YamlConfigFile(filepath="metrics.yml", contents=text)], raise_issues_as_exceptions=False
    )
    found = SemanticManifestValidator().validate_semantic_manifest(parsed.semantic_manifest)
    return [issue.message for issue in (*parsed.issues.all_issues, *found.all_issues)]


def test_the_catalogue_has_no_problem() -> None:
    assert problems(FILE) == []


def test_a_metric_without_its_sum_is_a_problem() -> None:
    metrics = [
        {**metric, "type_params": {"measure": "nothing"}} if metric["name"] == "bookings" else metric
        for metric in FILE["metrics"]
    ]
    assert any("nothing" in problem for problem in problems({**FILE, "metrics": metrics}))
