"""Options of dlt that the environment or config.toml sets. Only [destination] and [runtime] reach the connector."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common import known_env
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.specs import known_sections
from dlt.common.configuration.specs.base_configuration import BaseConfiguration, ContainerInjectableContext
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersConfiguration
from dlt.common.configuration.specs.runtime_configuration import RuntimeConfiguration
from dlt.common.destination.client import DestinationClientDwhWithStagingConfiguration
from dlt.common.storages.configuration import WithLocalFiles
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.ducklake.configuration import DuckLakeClientConfiguration
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration

from bookings_sync.records.tables import TABLES
from bookings_sync.warehouse.dlt_compat.options import HARMLESS, REFUSED

from .conftest import Project, Start, reload_configuration

SECTIONS = [value for name, value in vars(known_sections).items() if name.isupper()]


def specs() -> set[type[BaseConfiguration]]:
    """Every configuration of dlt's stages."""
    for package in ("common", "extract", "normalize", "load", "pipeline"):
        folder = Path(str(dlt.__file__)).parent / package
        for module in pkgutil.walk_packages([str(folder)], f"dlt.{package}."):
            if ".libs." not in module.name and ".runners.stdout" not in module.name:
                try:
                    import_module(module.name)
                except ImportError:
                    continue  # a driver that is not installed
    return {each for each in _subclasses(BaseConfiguration) if not issubclass(each, ContainerInjectableContext)}


def _subclasses(of: type[Any]) -> Iterator[type[Any]]:
    for each in of.__subclasses__():
        yield each
        yield from _subclasses(each)


def spellings() -> dict[str, str]:
    """Each option of dlt in each form that dlt looks for, with a value that would change or end a run."""
    found: dict[str, str] = {}
    for spec in specs():
        own = getattr(spec, "__section__", None)
        for name in spec.get_resolvable_fields():
            bad = {
                "refresh": "drop_sources", "progress": "1", "naming": "direct", "dataset_name": "elsewhere",
                "pipeline_name": "other", "next_item_mode": "fifo", "staging_dataset_name_layout": "%s",
            }.get(name, "true")  # fmt: skip
            for parts in [(), *((section,) for section in SECTIONS), (own,), ("pipelines", "bookings"), ("bookings",)]:
                found["__".join(filter(None, (*parts, name))).upper()] = bad
            for section in ("extract", "normalize", "schema", "data_writer"):
                found[f"SOURCES__BOOKINGS__{section}__{name}".upper()] = bad
                found[f"BOOKINGS__{section}__{name}".upper()] = bad
            found[f"DESTINATION__DUCKDB__{name}".upper()] = bad
    # [destination] is the user's; [runtime], [providers], and what the connector itself refuses, have their own tests.
    own_keys = (
        "BOOKINGS__PIPELINE_NAME",
        "SOURCES__BOOKINGS__",
        "LOAD__RAISE_ON_FAILED_JOBS",
        "BOOKINGS__DESTINATION",
        "BOOKINGS__STAGING",
        "RUNTIME__",
        "PROVIDERS__",
    )
    credentials = (
        "DESTINATION__CREDENTIALS",
        "DESTINATION__DUCKDB__CREDENTIALS",
        "DESTINATION__DUCKDB__DESTINATION_TYPE",
    )
    engine = {f"DESTINATION__DUCKDB__{name}".upper() for name in own_options(DuckDbClientConfiguration)}
    return {
        name: value
        for name, value in found.items()
        if not (name.startswith(own_keys) and name.count("__") < 3)
        and not name.startswith(credentials)
        and name not in engine
    }


def own_options(spec: type[BaseConfiguration]) -> set[str]:
    """The options of one type of destination: all but those of every destination."""
    common = (DestinationClientDwhWithStagingConfiguration, WithLocalFiles)
    return {each.name for each in fields(spec)} - {each.name for base in common for each in fields(base)}


def history(project: Project) -> list[int]:
    """The number of versions in each history table."""
    with duckdb.connect(str(project.database), read_only=True) as connection:
        names = [f"bookings_raw.{table.name}" for table in TABLES.values() if table.history]
        return [connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names]


def schemas(project: Project) -> set[str]:
    with duckdb.connect(str(project.database), read_only=True) as connection:
        return {name for (name,) in connection.execute("SELECT DISTINCT schema_name FROM duckdb_tables()").fetchall()}


def test_no_option_of_dlt_reaches_a_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them at once, in the environment: 2,000 variables."""
    assert project.bookings("sync").exit_code == 0
    before = history(project)
    poisoned = spellings()
    assert poisoned.keys() >= {
        "DEV_MODE",
        "REFRESH",
        "PIPELINES__BOOKINGS__PROGRESS",
        "NORMALIZE__WORKERS",
        "FULL_REFRESH",
    }
    for name, value in poisoned.items():
        monkeypatch.setenv(name, value)
    for command in (
        ["sync"],
        ["sync", "--plan"],
        ["transform"],
        ["status"],
        ["query", "SELECT 1 FROM fct_appointments"],
    ):
        result = project.bookings(*command)
        assert result.exit_code == 0, (command, result.stderr)
    assert history(project) == before
    assert schemas(project) == {"bookings_raw", "bookings_raw_staging", "bookings_staging", "bookings_marts"}


def test_dlt_takes_nothing_but_the_destination(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment answers every other question of dlt, also one that a later dlt asks."""
    original = EnvironProvider.get_value

    def answer(self: EnvironProvider, key: str, hint: Any, pipeline_name: str | None, *sections: str) -> Any:
        if sections[:1] in (("sources",), ("bookings",), ("observe",), ("load",)) and pipeline_name is None:
            return original(self, key, hint, pipeline_name, *sections)  # the connector's own settings
        if sections[:1] == ("destination",) and (key in engine or "credentials" in (key, *sections)):
            return original(self, key, hint, pipeline_name, *sections)
        return "true", key

    engine = own_options(DuckDbClientConfiguration) | {"destination_type"}
    monkeypatch.setattr(EnvironProvider, "get_value", answer)
    assert project.bookings("sync").exit_code == 0
    assert schemas(project) == {"bookings_raw", "bookings_raw_staging"}


def test_options_of_dlt_in_the_file(project: Project) -> None:
    assert project.bookings("sync").exit_code == 0
    before = history(project)
    options = 'dev_mode = true\nrefresh = "drop_sources"\nprogress = "1"\npipelines_dir = "/nowhere"\n'
    file = project.folder / ".dlt/config.toml"
    more = f"[pipelines]\n{options}[pipelines.bookings]\n{options}[load]\nworkers = 0\n[normalize]\nworkers = 3\n"
    file.write_text(options + file.read_text() + more)
    reload_configuration()
    assert project.bookings("sync").exit_code == 0
    assert history(project) == before


def test_a_secret_of_the_destination_in_the_committed_file(project: Project) -> None:
    file = project.folder / ".dlt/config.toml"
    server = 'host = "127.0.0.1"\ndatabase = "d"\nusername = "u"\npassword = "hunter2"\n'
    file.write_text(
        f'{file.read_text()}[bookings]\ndestination = "postgres"\n[destination.postgres.credentials]\n{server}'
    )
    reload_configuration()
    result = project.bookings("sync", "--plan")
    assert result.exit_code == 2
    assert "destination.postgres.credentials:" in result.stderr
    assert "a secret in a file that is committed (in .dlt/config.toml)" in result.stderr
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize(
    "name", ["RUNTIME__LOG_LEVEL", "RUNTIME__SENTRY_DSN", "RUNTIME__DLTHUB_TELEMETRY", "PROVIDERS__ENABLE_AWS_SECRETS"]
)
def test_values_that_dlt_refuses_at_its_start(project: Project, start: Start, name: str) -> None:
    process = start(["status"], **{name: "true" if name.startswith("PROVIDERS") else "nonsense"})
    _, stderr = process.communicate()
    assert (process.returncode, "[runtime] or [providers]" in stderr) == (2, True), stderr
    assert "nonsense" not in stderr


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_variables_that_change_what_is_stored_are_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "UTC")
    result = project.bookings("sync")
    assert (result.exit_code, name in result.stderr) == (2, True)


def test_every_option_that_reaches_a_run_is_known() -> None:
    """If this fails, dlt has a new option. Decide whether it may reach a run, and document it if users need it."""
    assert own_options(DuckDbClientConfiguration) == {"create_indexes"}
    assert own_options(PostgresClientConfiguration) == {"create_indexes", "csv_format"}
    assert own_options(DuckLakeClientConfiguration) == {
        "create_indexes", "automatic_migration", "override_data_path",
    }  # fmt: skip
    assert {value for name, value in vars(known_env).items() if name.isupper()} == HARMLESS | REFUSED
    assert set(ConfigProvidersConfiguration.get_resolvable_fields()) == {
        "enable_airflow_secrets", "enable_google_secrets", "enable_aws_secrets",
        "airflow_secrets", "google_secrets", "aws_secrets",
    }  # fmt: skip
    assert set(RuntimeConfiguration.get_resolvable_fields()) == {
        "pipeline_name", "run_id", "log_level", "log_format",
        "sentry_dsn", "slack_incoming_hook", "dlthub_dsn", "config_files_storage_path",
        "dlthub_telemetry", "dlthub_telemetry_endpoint", "dlthub_telemetry_segment_write_key",
        "request_timeout", "request_max_attempts", "request_backoff_factor", "request_max_retry_delay",
        "http_show_error_body", "http_max_error_body_length",
    }  # fmt: skip
