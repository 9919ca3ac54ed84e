"""The definitions as Dagster loads them: every table an asset, the lineage of the SQL, one writer at a time."""

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

from bookings_sync.models.audits import row_audits, set_audits
from bookings_sync.models.project import Project, find_models
from bookings_sync.orchestration.dagster.raw import POOL
from bookings_sync.records.tables import TABLES

from .conftest import Site

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/dagster.md").read_text(encoding="utf-8")


def test_the_pages_commands_run(site: Site, tmp_path: Path) -> None:
    """But for `dagster dev`, which serves until it is stopped."""
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


def test_every_raw_table_and_model_is_an_asset_with_its_true_lineage(site: Site) -> None:
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


def test_every_audit_is_a_check(site: Site) -> None:
    checks = site.definitions().resolve_asset_graph().asset_check_keys
    models = Project.load(find_models()).models.values()
    assert len(checks) == sum(len(row_audits(model)) + len(set_audits(model)) for model in models) + 2


def test_writers_are_in_the_pool_and_try_again(site: Site) -> None:
    ops = [op for job in ("sync_job", "transform_job") for op in site.definitions().resolve_job_def(job).nodes]
    assert {op.definition.pool for op in ops} == {POOL}
    writers = [op.definition for op in ops if op.name in ("sync", "transform")]
    assert len(writers) == 2
    assert all(writer.retry_policy and writer.retry_policy.max_retries == 2 for writer in writers)


def test_freshness_is_promised_of_what_is_read_and_what_is_reported(site: Site) -> None:
    graph = site.definitions().resolve_asset_graph()
    promised = {key.path[0] for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy_or_from_metadata}
    assert promised == {"raw", "marts"}


def test_the_example_instance_lets_one_run_write(tmp_path: Path) -> None:
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
def test_the_schedules_are_there(site: Site, name: str) -> None:
    assert site.definitions().resolve_schedule_def(name).cron_schedule
