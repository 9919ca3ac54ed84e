"""The definitions as Dagster loads them: an asset per table, the SQL's lineage, one writer at a time."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import yaml

from bookings_sync.catalogue import load_metrics
from bookings_sync.models.audits import row_audits, set_audits
from bookings_sync.models.project import Project, find_models
from bookings_sync.orchestration import POOL
from bookings_sync.records.tables import TABLES

from .conftest import Site

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/dagster.md").read_text(encoding="utf-8")


def test_the_commands_of_the_documentation_run(site: Site, tmp_path: Path) -> None:
    """Runs all but `dagster dev`, which serves until it is stopped."""
    (location, *_) = site.settings.locations.values()
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DAGSTER_HOME": str(tmp_path),
        "SOURCES__BOOKINGS__BASE_URL": site.settings.base_url,
        "SOURCES__BOOKINGS__HISTORY_START": "2026-09-01",
        "SOURCES__BOOKINGS__LOCATIONS": json.dumps({"berlin": {"api_key": location.api_key}}),
        "DESTINATION__DUCKDB__CREDENTIALS": str(tmp_path / "page.duckdb"),
    }
    (tmp_path / "dagster.yaml").write_text((ROOT / "examples/dagster/dagster.yaml").read_text())
    commands = re.findall(r"^dagster (?!dev).*$", PAGE, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["instance", "definitions", "asset"]
    for command in [line.partition("#")[0] for line in commands]:
        ran = subprocess.run(shlex.split(command), cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()} == {POOL: 1}
    with duckdb.connect(str(tmp_path / "page.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM bookings_raw.appointments").fetchall() == [(True,)]


def test_every_raw_table_and_model_is_an_asset_with_the_lineage_of_the_sql(site: Site) -> None:
    graph = site.definitions().resolve_asset_graph()
    project = Project.load(find_models())
    upstream = {
        "/".join(key.path): {"/".join(parent.path) for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    models = {
        f"{model.layer}/{name}": {f"{layer}/{read}" for layer, read in model.reads if layer != "warehouse"}
        for name, model in project.models.items()
    }
    assert upstream == {**{f"raw/{table}": set() for table in TABLES}, **models}


def test_each_metric_is_named_by_the_asset_of_its_mart(site: Site) -> None:
    graph = site.definitions().resolve_asset_graph()
    named = {
        key.path[-1]: set(re.findall(r"`(\w+)`", metadata["metrics"].md_str))
        for key in graph.get_all_asset_keys()
        if "metrics" in (metadata := graph.get(key).metadata)
    }
    metrics = load_metrics().values()
    assert named == {mart: {each.name for each in metrics if each.model == mart} for mart in {m.model for m in metrics}}


def test_every_audit_is_a_check(site: Site) -> None:
    checks = {
        ("/".join(key.asset_key.path), key.name) for key in site.definitions().resolve_asset_graph().asset_check_keys
    }
    audits = {
        (f"{model.layer}/{name}", re.sub(r"\W+", "_", audit))
        for name, model in Project.load(find_models()).models.items()
        for audit in (*row_audits(model), *set_audits(model))
    }
    health = {("raw/reads", "every_location_is_fresh"), ("raw/rejected_records", "nothing_is_rejected")}
    assert checks == audits | health


def test_writers_share_the_pool_and_retry(site: Site) -> None:
    ops = [op for job in ("sync_job", "transform_job") for op in site.definitions().resolve_job_def(job).nodes]
    assert {op.definition.pool for op in ops} == {POOL}
    writers = [op.definition for op in ops if op.name in ("sync", "transform")]
    assert len(writers) == 2
    assert all(writer.retry_policy and writer.retry_policy.max_retries == 2 for writer in writers)


def test_raw_tables_and_marts_have_a_freshness_policy(site: Site) -> None:
    graph = site.definitions().resolve_asset_graph()
    layers = {key.path[0] for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy_or_from_metadata}
    assert layers == {"raw", "marts"}


def test_the_example_instance_allows_one_writing_run(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "examples/dagster/dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        pools = instance.get_concurrency_config().pool_config
        assert pools.pool_granularity is not None
        assert (pools.pool_granularity.value, pools.default_pool_limit) == ("run", 1)
        assert not instance.telemetry_enabled


def test_the_example_workspace_names_the_module() -> None:
    workspace = yaml.safe_load((ROOT / "examples/dagster/workspace.yaml").read_text())
    ((location,),) = (each.items() for each in workspace["load_from"])
    assert location == ("python_module", "bookings_sync.orchestration.dagster.definitions")


@pytest.mark.parametrize("name", ["sync_schedule", "transform_job_schedule"])
def test_the_schedules_are_defined(site: Site, name: str) -> None:
    assert site.definitions().resolve_schedule_def(name).cron_schedule
