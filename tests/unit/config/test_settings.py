"""Settings are read from dlt's configuration, and each mistake is reported. Uses real files, variables and dlt."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from bookings_sync.config.keys import WAREHOUSE_KEYS
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Location, Settings, location_id_from_key
from bookings_sync.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
SECRETS = '[sources.bookings.locations.Berlin]\napi_key = "berlins-key"\n'

Configure = Callable[..., None]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Writes .dlt/config.toml and .dlt/secrets.toml, sets variables, and reloads dlt's configuration."""
    context = Container()[PluggableRunContext]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def write(config: str = "", secrets: str = SECRETS, **variables: str) -> None:
        (tmp_path / ".dlt").mkdir(exist_ok=True)
        (tmp_path / ".dlt/config.toml").write_text(config)
        (tmp_path / ".dlt/secrets.toml").write_text(secrets)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        context.reload_providers()

    write()
    yield write
    monkeypatch.undo()
    context.reload_providers()


def problem(need_locations: bool = True) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(need_locations=need_locations)
    assert "\n" not in str(caught.value)
    return caught.value


# -- committed files ---------------------------------------------------------------------------------------------------


def test_committed_config_has_every_setting_at_its_default() -> None:
    document = tomllib.loads((ROOT / ".dlt/config.toml").read_text())
    elsewhere = {"locations", "pii_key", "part", "are_all"}  # secrets, and what no configuration sets
    defaults = {each.name: getattr(Settings(), each.name) for each in fields(Settings) if each.name not in elsewhere}
    written = {**document["sources"]["bookings"], **document["bookings"]}
    assert {name: tuple(value) if isinstance(value, list) else value for name, value in written.items()} == defaults
    assert set(document["bookings"]) == set(WAREHOUSE_KEYS)
    assert document["runtime"] == {"dlthub_telemetry": False, "log_level": "WARNING"}


def test_committed_config_explains_every_setting() -> None:
    text = (ROOT / ".dlt/config.toml").read_text().partition("[runtime]")[0]
    for paragraph in text.split("\n\n"):
        if re.search(r"^\w+ = ", paragraph, re.MULTILINE):
            assert re.search(r"^#", paragraph, re.MULTILINE), paragraph


def test_placeholder_of_the_example_is_refused(configure: Configure) -> None:
    configure((ROOT / ".dlt/config.toml").read_text(), (ROOT / ".dlt/secrets.toml.example").read_text())
    error = problem()
    assert error.key == "sources.bookings.locations.berlin.api_key"
    assert error.where == ".dlt/secrets.toml"
    assert "example" in error.problem


# -- where values come from --------------------------------------------------------------------------------------------


def test_files_are_read(configure: Configure) -> None:
    configure(
        '[sources.bookings]\nlookback_days = 10\nhistory_start = 2020-02-03\nscopes = ["team", "user"]\n'
        '[sources.bookings.locations.Berlin]\ntimezone = "Europe/Berlin"\n[bookings]\nraw_dataset = "raw"\n'
    )
    settings = load_settings()
    assert settings.locations == {"Berlin": Location("Berlin", "berlins-key", None, "Europe/Berlin")}
    assert (settings.lookback_days, settings.history_start, settings.scopes) == (10, date(2020, 2, 3), ("team", "user"))
    assert settings.raw_dataset == "raw"
    assert settings.horizon_days == Settings().horizon_days


def test_environment_overrides_files(configure: Configure) -> None:
    configure(
        "[sources.bookings]\nlookback_days = 10\n",
        SOURCES__BOOKINGS__LOOKBACK_DAYS="11",
        SOURCES__BOOKINGS__SLOTS="false",
        SOURCES__BOOKINGS__HISTORY_START="2020-02-03",
        SOURCES__BOOKINGS__SCOPES='["user"]',
        SOURCES__BOOKINGS__RATE_PERIOD_SECONDS="2.5",
        SOURCES__BOOKINGS__UNKNOWN_ID_STATUSES="[404]",
        BOOKINGS__MARTS_DATASET="marts",
    )
    settings = load_settings()
    assert (settings.lookback_days, settings.slots, settings.history_start) == (11, False, date(2020, 2, 3))
    assert (settings.scopes, settings.rate_period_seconds, settings.unknown_id_statuses) == (("user",), 2.5, (404,))
    assert settings.marts_dataset == "marts"


def test_variables_without_the_section_are_ignored(configure: Configure) -> None:
    configure(
        BASE_URL="https://elsewhere.example", LOCATIONS='{"x": {"api_key": "y"}}', SCOPES='["user"]', LOOKBACK_DAYS="1"
    )
    settings = load_settings()
    assert settings.base_url == "https://link.amtssl.com/v1"
    assert (list(settings.locations), settings.scopes, settings.lookback_days) == (["Berlin"], ("service",), 45)


def test_locations_from_one_variable_per_value(configure: Configure) -> None:
    configure(
        SOURCES__BOOKINGS__LOCATIONS__BERLIN__API_KEY="from-the-environment",
        SOURCES__BOOKINGS__LOCATIONS__OSLO__API_KEY="oslos-key",
        SOURCES__BOOKINGS__LOCATIONS__OSLO__TIMEZONE="Europe/Oslo",
    )
    assert load_settings().locations == {
        "Berlin": Location("Berlin", "from-the-environment"),
        "oslo": Location("oslo", "oslos-key", None, "Europe/Oslo"),
    }


def test_locations_as_json_replace_those_of_the_files(configure: Configure) -> None:
    configure(
        SOURCES__BOOKINGS__LOCATIONS='{"rome": {"api_key": "romes-key", "location_id": "abc"}, "oslo": {}}',
        SOURCES__BOOKINGS__LOCATIONS__OSLO__API_KEY="oslos-key",
    )
    assert load_settings().locations == {
        "rome": Location("rome", "romes-key", "abc"),
        "oslo": Location("oslo", "oslos-key"),
    }


def test_sections_that_dlt_reads_are_accepted(configure: Configure) -> None:
    configure("[sources.bookings.extract]\nworkers = 2\n[bookings]\nrestore_from_destination = true\n")
    assert load_settings().locations


def test_locations_are_optional_for_read_only_commands(configure: Configure) -> None:
    configure(secrets="")
    assert load_settings(need_locations=False).locations == {}


# -- error messages ----------------------------------------------------------------------------------------------------


def test_no_location_is_an_error(configure: Configure) -> None:
    configure(secrets="")
    error = problem()
    assert (error.key, error.where) == ("sources.bookings.locations", ".dlt/secrets.toml")
    assert error.fix.startswith("Run `bookings init`")


@pytest.mark.parametrize(
    ("config", "key", "expected"),
    [
        ("lookbak_days = 3", "lookbak_days", "Did you mean lookback_days?"),
        ("[sources.bookings.location.x]\na = 1", "location", "Did you mean locations?"),
        ("lookback_days = 'many'", "lookback_days", "int"),
        ("lookback_days = -1", "lookback_days", "too small"),
        ("rate_limit = 0", "rate_limit", "too small"),
        ("rate_period_seconds = 0", "rate_period_seconds", "more than 0"),
        ("window_days = 31", "window_days", "power of two"),
        ("window_days = 32\nmax_window_days = 16", "window_days", "longer than max_window_days"),
        ("scopes = []", "scopes", "one or more"),
        ('scopes = ["calendar"]', "scopes", "service"),
        ('scopes = ["team", "team"]', "scopes", "twice"),
        ("unknown_id_statuses = [401]", "unknown_id_statuses", "401"),
        ("history_start = 1900-01-01", "history_start", "1970"),
        ("base_url = 'link.amtssl.com/v1'", "base_url", "http(s)"),
        ("base_url = 'http://link.amtssl.com/v1'", "base_url", "https"),
        ("base_url = 'https://user:word@link.amtssl.com/v1'", "base_url", "user"),
        ("base_url = 'https://[link'", "base_url", "not a URL"),
        ("base_url = 'http://[::1].evil.invalid/v1'", "base_url", "not a URL"),
        ("base_url = 'http://[::1]evil.invalid'", "base_url", "not a URL"),
        ("base_url = 'https://[::zz]/v1'", "base_url", "not a URL"),
        ("base_url = 'https://link.amtssl.com:99999/v1'", "base_url", "not a URL"),
        ("base_url = 'https://link.amtssl.com:port/v1'", "base_url", "not a URL"),
        ("base_url = 'https://link..com/v1'", "base_url", "not a URL"),
        ("base_url = 'https://link amtssl.com/v1'", "base_url", "not a URL"),
        ("base_url = 'https://link.amtssl.com/v 1'", "base_url", "not a URL"),
        ('base_url = "https://link.amtssl.com/v1\\n"', "base_url", "not a URL"),
        ('base_url = "https://link\\u202e.com/v1"', "base_url", "not a URL"),
        ("base_url = 'https://link.amtssl.com\\@evil.invalid/v1'", "base_url", "user"),
        ("base_url = 'https://link.amtssl.com\\evil.invalid/v1'", "base_url", "not a URL"),
        ("base_url = 'https://@link.amtssl.com/v1'", "base_url", "user"),
        ("base_url = 'http://127.0.0.1.evil.invalid/v1'", "base_url", "unencrypted"),
        ("base_url = 'http://localhost@evil.invalid/v1'", "base_url", "user"),
        ("service_id_parameter = 'a b'", "service_id_parameter", "one word"),
    ],
)
def test_wrong_setting_names_key_file_and_fix(configure: Configure, config: str, key: str, expected: str) -> None:
    configure(f"[sources.bookings]\n{config}\n")
    error = problem()
    assert (error.key, error.where) == (f"sources.bookings.{key}", ".dlt/config.toml")
    assert expected in str(error)


def test_wrong_variable_is_named(configure: Configure) -> None:
    configure(SOURCES__BOOKINGS__WINDOW_DAYS="3")
    assert problem().where == "environment variable SOURCES__BOOKINGS__WINDOW_DAYS"


def test_misspelt_variable_is_named(configure: Configure) -> None:
    configure(SOURCES__BOOKINGS__LOCATIONS__OSLO__APIKEY="oslos-key")
    error = problem()
    assert error.where == "environment variable SOURCES__BOOKINGS__LOCATIONS__OSLO__APIKEY"
    assert "Did you mean api_key?" in error.fix
    assert "oslos-key" not in str(error)


@pytest.mark.parametrize("text", ["{", "[]", '{"berlin": "key"}'])
def test_malformed_locations_in_the_environment(configure: Configure, text: str) -> None:
    configure(SOURCES__BOOKINGS__LOCATIONS=text)
    error = problem()
    assert (error.key, error.where) == (
        "sources.bookings.locations",
        "environment variable SOURCES__BOOKINGS__LOCATIONS",
    )


@pytest.mark.parametrize(
    ("secrets", "key", "expected"),
    [
        ("api_key = ''", "api_key", "missing"),
        ("location_id = 'x'", "api_key", "missing"),
        ("api_key = 'two words'", "api_key", "space"),
        ('api_key = "tab\\tbed"', "api_key", "space"),
        ("api_key = 5", "api_key", "quotes"),
        ("api_key = 'k'\ntimezone = 'Europe/Berlin '\nlocation_id = ' '", "location_id", "empty"),
        ("api_key = 'k'\ntimezone = 'Mars/Olympus'", "timezone", "Mars/Olympus"),
        ("api_key = 'k'\ntime_zone = 'Europe/Berlin'", "time_zone", "Did you mean timezone?"),
    ],
)
def test_wrong_location_names_key_file_and_fix(configure: Configure, secrets: str, key: str, expected: str) -> None:
    configure(secrets=f"[sources.bookings.locations.berlin]\n{secrets}\n")
    error = problem()
    assert (error.key, error.where) == (f"sources.bookings.locations.berlin.{key}", ".dlt/secrets.toml")
    assert expected in str(error)
    assert "two words" not in str(error)


def test_api_key_in_the_committed_file_is_refused(configure: Configure) -> None:
    configure('[sources.bookings.locations.berlin]\napi_key = "a-secret"\n', secrets="")
    error = problem()
    assert (error.where, "a-secret" in str(error)) == (".dlt/config.toml", False)


def test_two_locations_with_the_same_key(configure: Configure) -> None:
    configure(secrets=SECRETS + SECRETS.replace("Berlin", "Oslo"))
    error = problem()
    assert error.key.endswith("Oslo.api_key")
    assert "Berlin" in error.problem


def test_two_locations_with_the_same_id() -> None:
    with pytest.raises(ConfigurationError, match="the same id as a's"):
        Settings(locations={name: Location(name, f"key-{name}", "one") for name in "ab"})


def test_malformed_toml_names_file_and_line(tmp_path: Path) -> None:
    # In a separate process, because dlt reads the files when it is first used.
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt/secrets.toml").write_text("[sources.bookings\napi_key = 'a-secret'")
    script = "from bookings_sync.config.load import load_settings; load_settings()"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    message = done.stderr.splitlines()[-1]
    assert "ConfigurationError: the whole file: not TOML:" in message
    assert re.search(r"at line 1 .*\(in \.dlt/secrets\.toml\)", message)
    assert "a-secret" not in done.stderr


@pytest.mark.parametrize(
    ("config", "variables", "clashes"),
    [
        ('[destination.duckdb]\ncredentials = "bookings.duckdb"', {}, False),
        ('[destination.duckdb]\ncredentials = "bookings_raw.duckdb"', {}, True),
        ('[destination.duckdb]\ncredentials = "duckdb:///data/Bookings_Marts.db"', {}, True),
        ('[destination.duckdb.credentials]\ndatabase = "bookings_staging.duckdb"', {}, True),
        ('[bookings]\nraw_dataset = "bookings"', {}, True),  # dlt's default file is <pipeline_name>.duckdb
        ('[bookings]\ndestination = "postgres"\nraw_dataset = "bookings"', {}, False),
        ("", {"DESTINATION__DUCKDB__CREDENTIALS": "bookings_raw.duckdb"}, True),
        (
            '[bookings]\ndestination = "house"\n[destination.house]\ndestination_type = "duckdb"\n'
            'credentials = "bookings_raw.db"',
            {},
            True,
        ),
    ],
)
def test_dataset_with_the_name_of_the_duckdb_file(
    configure: Configure, config: str, variables: dict[str, str], clashes: bool
) -> None:
    configure(config, **variables)
    if clashes:
        assert "ambiguous" in problem().problem
    else:
        load_settings()


@pytest.mark.parametrize("name", ["Raw", "raw data", "1raw", ""])
def test_dataset_names_are_plain(name: str) -> None:
    with pytest.raises(ConfigurationError):
        Settings(raw_dataset=name)


def test_datasets_differ() -> None:
    with pytest.raises(ConfigurationError, match="the same dataset"):
        Settings(marts_dataset="bookings_raw")


# -- settings in Python ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost:8080", "[::1]:9"])
def test_http_is_allowed_for_this_machine(host: str) -> None:
    assert Settings(base_url=f"http://{host}/v1/").base_url == f"http://{host}/v1"


def test_repr_hides_keys() -> None:
    settings = Settings(locations={"berlin": Location("berlin", "a-secret")})
    assert "a-secret" not in repr(settings)


def test_only_keeps_the_named_locations() -> None:
    settings = Settings(locations={name: Location(name, f"key-{name}") for name in "abc"})
    assert list(settings.only(["c", "a"]).locations) == ["c", "a"]
    with pytest.raises(ConfigurationError, match="Configured are: a, b, c"):
        settings.only(["d"])


def _jwt(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("key", "location_id"),
    [
        (_jwt({"location_id": "EaALh02zfPo8VB3JOnpq", "version": 1}), "EaALh02zfPo8VB3JOnpq"),
        (_jwt({"location_id": "x", "sub": "ÿ?>"}), "x"),
        (_jwt({"version": 1}), None),
        (_jwt({"location_id": ""}), None),
        (_jwt({"location_id": 7}), None),
        (_jwt(["location_id"]), None),
        ("a.b.c", None),
        ("a.é.c", None),
        ("0123456789abcdef0123456789abcdef0123456789abcdef01", None),
    ],
)
def test_location_id_from_a_key(key: str, location_id: str | None) -> None:
    assert location_id_from_key(key) == location_id


@pytest.mark.parametrize(
    ("config", "variables"),
    [("[load]\nraise_on_failed_jobs = false\n", {}), ("", {"LOAD__RAISE_ON_FAILED_JOBS": "False"})],
)
def test_failed_loads_must_not_count_as_complete(configure: Configure, config: str, variables: dict[str, str]) -> None:
    configure(config, **variables)
    error = problem()
    assert error.key == "load.raise_on_failed_jobs"
    assert ".dlt/config.toml" in error.where if config else "LOAD__RAISE_ON_FAILED_JOBS" in error.where


def test_a_destination_below_a_pipelines_name_is_refused(configure: Configure) -> None:
    configure("", BOOKINGS__DESTINATION__DUCKDB__CREDENTIALS="elsewhere.duckdb")
    error = problem()
    assert error.fix == "Call it DESTINATION__DUCKDB__CREDENTIALS."
    assert "elsewhere" not in str(error)
