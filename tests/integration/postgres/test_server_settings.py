"""Settings and limits of a server, a database or a role: they change nothing, or the run ends with a clear error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from dlt.destinations.exceptions import DatabaseException

from bookings_sync.errors import ConfigurationError
from bookings_sync.sync import pipeline

from .conftest import Database, Site

HARMLESS = {
    "idle_session_timeout": "1s",
    "idle_in_transaction_session_timeout": "50ms",
    "statement_timeout": "5ms",
    "lock_timeout": "1ms",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "search_path": "nowhere",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "datestyle": "German, DMY",
    "intervalstyle": "iso_8601",
    "timezone": "Pacific/Kiritimati",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "transform_null_equals": "on",
    "lc_numeric": "C",
    "row_security": "off",
    "transaction_timeout": "1s",
}


def test_a_roles_settings_change_nothing(site: Site, database: Database, tmp_path: Path) -> None:
    elsewhere = Database(database.server, "postgres")
    known = {name for (name,) in elsewhere.query("SELECT lower(name) FROM pg_settings")}
    for name, value in HARMLESS.items():
        if name in known:
            written = value if name == "datestyle" else f"'{value}'"
            elsewhere.query(f"ALTER DATABASE {database.name} SET {name} = {written}")
    assert site.sync().outcome == "ok"
    site.world.advance(site.world.now - site.world.now.replace(hour=1))
    assert site.sync().outcome == "ok"
    assert site.transform().models
    elsewhere.query(f"ALTER DATABASE {database.name} RESET ALL")  # the comparison keeps the server's own settings
    assert site.differences(database, tmp_path) == []


def test_a_session_may_be_idle_also_after_an_error(site: Site, database: Database) -> None:
    """dlt resets a session after an error, and with it every setting that was set after the connect."""
    Database(database.server, "postgres").query(f"ALTER DATABASE {database.name} SET idle_session_timeout = '300ms'")
    with pipeline.open_pipeline(site.settings) as opened, pipeline.open_client(opened, site.settings) as client:
        time.sleep(0.6)
        assert client.execute_sql("SELECT current_setting('idle_session_timeout')") == [("0",)]
        with pytest.raises(DatabaseException):
            client.execute_sql("SELECT 1 / 0")
        time.sleep(0.6)
        assert client.execute_sql("SELECT current_setting('idle_session_timeout')") == [("0",)]


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """A role that owns nothing."""
    name = f"loader_{database.name}"
    database.query(f"CREATE ROLE {name} LOGIN")
    yield name
    database.query(f"DROP OWNED BY {name} CASCADE")
    database.query(f"DROP ROLE {name}")


@pytest.fixture
def as_role(role: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", database.url.replace("//postgres:", f"//{role}:"))
    return role


def test_a_role_without_create(site: Site, database: Database, as_role: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"GRANT CREATE ON DATABASE {database.name} TO {as_role}"):
        site.sync()
    assert site.world.requests.total == 0
    database.query(f"CREATE SCHEMA bookings_raw; CREATE SCHEMA bookings_raw_staging AUTHORIZATION {as_role}")
    with pytest.raises(ConfigurationError, match="GRANT USAGE, CREATE ON SCHEMA bookings_raw"):
        site.sync()
    database.query(f"GRANT USAGE, CREATE ON SCHEMA bookings_raw TO {as_role}")
    assert site.sync().outcome == "ok"
    assert site.differences(database, tmp_path) == []


def test_row_level_security(site: Site, database: Database, as_role: str) -> None:
    database.query(f"GRANT CREATE ON DATABASE {database.name} TO {as_role}")
    site.sync()
    for statement in ("ENABLE", "FORCE"):
        database.query(f"ALTER TABLE bookings_raw.appointments {statement} ROW LEVEL SECURITY")
    with pytest.raises(ConfigurationError, match="row_security: policies may hide rows of appointments"):
        site.sync()


def test_a_read_only_database(site: Site, database: Database) -> None:
    database.query(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    with pytest.raises(ConfigurationError, match="default_transaction_read_only: a sync and a transform have to write"):
        site.sync()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding(
    site: Site, server: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(server, f"other_{encoding.lower()}")
    Database(server, "postgres").query(
        f"CREATE DATABASE {database.name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", database.url)
    with pytest.raises(ConfigurationError, match=f"server_encoding: {encoding} cannot hold every text"):
        site.sync()
    assert psycopg2.connect(database.url).close() is None
