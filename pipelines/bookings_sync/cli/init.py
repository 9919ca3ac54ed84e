"""Carries out `bookings init`: asks for a location, tests its key, and writes .dlt/config.toml and .dlt/secrets.toml.

Input:  the options, a terminal or a pipe, the files as they are, and the live API, which is only read.
Output: the files with one more location, or an error and no change. The key is shown nowhere.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from typing import Any

from bookings_sync.cli.check import print_findings
from bookings_sync.cli.formatting import count, styled
from bookings_sync.cli.init_questions import Questions, check_name, url_option
from bookings_sync.cli.output import Output
from bookings_sync.cli.plan import at_least, least_seconds
from bookings_sync.clock import utc_now
from bookings_sync.config.keys import CONFIG_FILE, LOCATIONS_SECTION, SECRETS_FILE
from bookings_sync.config.load import load_settings
from bookings_sync.config.locations import PLACEHOLDER, Location, is_timezone, location_id_from_key
from bookings_sync.config.new_files import NewFile, config_file, locations_in, secrets_file
from bookings_sync.config.settings import Settings
from bookings_sync.dialects import DIALECTS, AboutLocation, Dialect, Pace, dialect_of
from bookings_sync.dialects.findings import Finding
from bookings_sync.errors import ApiError, BookingsError, ConfigurationError
from bookings_sync.sync.check import LocationCheck, check
from bookings_sync.sync.estimate import Estimate, estimate_first_sync

_WRITTEN_ALTHOUGH = 3
"""Exit code if the files are written, and a check of the calendar failed."""

_NOTHING_WRITTEN = "Nothing was written. Correct this and run the command again; --offline writes without a test."

_ATTEMPTS = 2
"""Attempts per request of the estimate, as in a check."""

_STOPPING = {"check", "configuration", "host", "key", "location", "location id", "scopes"}
"""If the check of one of these fails, nothing is written: the key does not open this location."""


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The options as typed. `api` is one of the dialects' names."""

    name: str | None
    key_stdin: bool
    location_id: str | None
    timezone: str | None
    api: str | None
    base_url: str | None
    replace: bool
    offline: bool


@dataclass(frozen=True, slots=True)
class _Tested:
    """The test of a location: the location with its time zone, its name in the calendar, the check, and the cost of a
    first sync. `settings` keep to the API's rate limit if that is lower."""

    location: Location
    called: str | None
    checked: LocationCheck
    first: Estimate
    settings: Settings


def run_init(output: Output, options: InitOptions) -> int:
    """Adds or replaces one location. Returns the exit code."""
    secrets, config = secrets_file(), config_file()
    location = _asked(Questions(options.key_stdin), options, secrets, config)
    dialect = dialect_of(location)
    settings = _settings(options, dialect, location, secrets, config)
    tested = None if options.offline else _tested(output, settings, location)
    if tested is not None:
        location = tested.location
    _set_location(secrets, config, location)
    files = [file.name for file in (config, secrets) if file.is_changed]
    config.write()
    secrets.write()
    return _report(output, dialect, location, tested, files)


# -- the user's answers ------------------------------------------------------------------------------------------------


def _asked(questions: Questions, options: InitOptions, secrets: NewFile, config: NewFile) -> Location:
    """The location as options, answers and the files describe it. Raises ConfigurationError or BadParameter."""
    needed = [(options.name is None, "--name NAME"), (not options.key_stdin, "--key-stdin")]
    questions.must_be_possible([option for is_missing, option in needed if is_missing])
    held = locations_in(secrets)
    name = check_name(options.name if options.name is not None else questions.name())
    _check_place(name, held, options)
    api_key = questions.key()
    before = {**locations_in(config).get(name, {}), **held.get(name, {})}
    decides = any(dialect.owns_key(api_key) for dialect in DIALECTS.values())
    location = Location(
        name,
        api_key,
        location_id=options.location_id if options.location_id is not None else before.get("location_id"),
        timezone=options.timezone or before.get("timezone"),
        api=options.api or (None if decides else before.get("api")),
    )
    if location.location_id is None and (where := dialect_of(location).where_id_is):
        location = replace(location, location_id=location_id_from_key(str(before.get("api_key", ""))))
    if location.location_id is None and where:
        questions.must_be_possible(["--location-id ID"])
        location = replace(location, location_id=questions.location_id(where))
    if location.location_id is not None:
        Questions.check_id(location.location_id, api_key)
    _check_others(location, held)
    return location


def _check_place(name: str, held: dict[str, dict[str, object]], options: InitOptions) -> None:
    """Raises ConfigurationError if the name is taken, or free and to be replaced."""
    same = next((each for each in held if each.casefold() == name.casefold()), None)
    key = f"{LOCATIONS_SECTION}.{name}"
    if same is not None and same != name:
        fix = "Choose another name: environment variables could not tell the two apart."
        raise ConfigurationError(f"differs from {same} only in case", key=key, where=SECRETS_FILE, fix=fix)
    is_example = same is not None and held[same].get("api_key") == PLACEHOLDER
    if same is not None and not is_example and not options.replace:
        fix = "Choose another name, or replace its key with --replace."
        raise ConfigurationError("already configured", key=key, where=SECRETS_FILE, fix=fix)
    if same is None and options.replace:
        fix = f"Configured are: {', '.join(held) or 'none'}."
        raise ConfigurationError("no such location to replace", key=key, where=SECRETS_FILE, fix=fix)


def _check_others(location: Location, held: dict[str, dict[str, object]]) -> None:
    """Raises ConfigurationError if another location of the file has the same key or the same id."""
    own_id = location.location_id or location_id_from_key(location.api_key)
    for name, table in held.items():
        if name == location.name:
            continue
        api_key = str(table.get("api_key", ""))
        fix = f"To give {name} another key: bookings init --name {name} --replace."
        key = f"{LOCATIONS_SECTION}.{location.name}"
        if api_key == location.api_key:
            raise ConfigurationError(f"the same key as {name}'s", key=f"{key}.api_key", where=SECRETS_FILE, fix=fix)
        if own_id is not None and own_id == (table.get("location_id") or location_id_from_key(api_key)):
            problem = f"the same location as {name}"
            raise ConfigurationError(problem, key=f"{key}.location_id", where=SECRETS_FILE, fix=fix)


def _settings(
    options: InitOptions, dialect: Dialect, location: Location, secrets: NewFile, config: NewFile
) -> Settings:
    """The settings with this location only, and `config` with the address if one was given."""
    settings = load_settings(need_locations=False)
    if options.base_url is not None:
        with url_option():
            address: dict[str, Any] = {dialect.url_setting: options.base_url}
            chosen = replace(settings, **address)
        if dialect.base_url(chosen) != dialect.base_url(settings):
            _check_address(dialect, location, secrets)
        settings = chosen
        written = config.document.get("sources", {}).get("bookings", {}).get(dialect.url_setting)
        if written != dialect.base_url(settings):
            config.set_values(["sources", "bookings"], {dialect.url_setting: dialect.base_url(settings)})
    return replace(settings, locations={location.name: location})


def _check_address(dialect: Dialect, location: Location, secrets: NewFile) -> None:
    """Raises ConfigurationError if a new address would be another location's address, too."""
    for name, table in locations_in(secrets).items():
        api, key = table.get("api"), str(table.get("api_key", ""))
        own = DIALECTS.get(api) if isinstance(api, str) else None
        if name != location.name and (own or dialect_of(Location(name, key or "-"))) is dialect:
            fix = f"Set up this location in a folder of its own, or change {dialect.url_setting} for both."
            problem = f"{name} has another address, and all locations of an API share one"
            where = f"sources.bookings.{dialect.url_setting}"
            raise ConfigurationError(problem, key=where, where=CONFIG_FILE, fix=fix)


# -- the API's answers -------------------------------------------------------------------------------------------------


def _tested(output: Output, settings: Settings, location: Location) -> _Tested:
    """Tries the key. Raises BookingsError if it does not open the location, or if a request that every sync needs is
    refused."""
    from bookings_sync.api import Client

    if not output.quiet:
        output.stderr.print("Testing the key …")
    (checked,) = check(settings, clock=utc_now)
    if failed := [f"{each.subject}: {each.what}" for each in checked.findings if _stops(each)]:
        raise BookingsError(f"{'; '.join(failed)}. {_NOTHING_WRITTEN}")
    careful = replace(settings, attempts=min(settings.attempts, _ATTEMPTS))
    try:
        with Client(location, careful, clock=utc_now) as client:
            client.limit_requests(settings.request_budget)
            reply = client.get_location()
            first = estimate_first_sync(client, settings, utc_now())
            settings = _with_pace(settings, client.pace)
    except ApiError as error:
        raise BookingsError(f"{error}. {_NOTHING_WRITTEN}") from None
    about = reply.records if reply and reply.records else AboutLocation()
    if location.timezone is None and about.timezone is not None and is_timezone(about.timezone):
        location = replace(location, timezone=about.timezone)
    return _Tested(location, about.name, checked, first, settings)


def _stops(finding: Finding) -> bool:
    return finding.verdict == "failed" and finding.subject in _STOPPING


def _with_pace(settings: Settings, pace: Pace | None) -> Settings:
    """The settings with the API's own rate limit if that is lower, as for trial accounts."""
    if pace is None or not pace.limit:
        return settings
    period = max(pace.period_seconds or 0, settings.rate_period_seconds)
    return replace(settings, rate_limit=min(pace.limit, settings.rate_limit), rate_period_seconds=period)


# -- files and report -------------------------------------------------------------------------------------------------


def _set_location(secrets: NewFile, config: NewFile, location: Location) -> None:
    values = {
        "api_key": location.api_key,
        "location_id": location.location_id,
        "timezone": location.timezone,
        "api": location.api,
    }
    elsewhere = locations_in(config).get(location.name, {})
    values = {name: None if name in elsewhere and elsewhere[name] == value else value for name, value in values.items()}
    secrets.set_values([*LOCATIONS_SECTION.split("."), location.name], values)


def _overriding(dialect: Dialect, location: Location) -> list[str]:
    """Names of environment variables that override the files."""
    section = LOCATIONS_SECTION.upper().replace(".", "__")
    fields = ("API_KEY", "LOCATION_ID", "TIMEZONE", "API")
    own = {f"{section}__{location.name.upper()}__{each}" for each in fields}
    return sorted({section, *own, f"SOURCES__BOOKINGS__{dialect.url_setting.upper()}"} & set(os.environ))


def _report(output: Output, dialect: Dialect, location: Location, tested: _Tested | None, files: list[str]) -> int:
    """Prints the findings, the files and the next command. Returns the exit code."""
    overriding = _overriding(dialect, location)
    first = tested.first if tested else None
    seconds = least_seconds(tested.settings, tested.first.requests) if tested else None
    exit_code = 0 if tested is None or tested.checked.passed else _WRITTEN_ALTHOUGH
    next_command = "bookings sync" if tested and not exit_code else "bookings check"
    if tested is not None and first is not None and seconds is not None:
        settings = tested.settings
        print_findings(output, tested.checked)
        called = f', called "{tested.called}" in the calendar' if tested.called else ""
        contacts = f", {count(first.contacts, 'contact')}" if first.contacts is not None else ""
        output.print(
            "",
            f"{location.name}: API {dialect.name}{called}. {count(first.teams, 'team')}, "
            f"{count(first.services, 'service')}{contacts}.",
            f"The first sync will send about {first.requests:,} requests{at_least(seconds)}: the limit is "
            f"{settings.rate_limit} per {settings.rate_period_seconds:g} s.{_runs(settings, first)}",
        )
    else:
        output.print(f"{location.name}: API {dialect.name}. The key was not tested.")
    output.print(styled(f"Written: {', '.join(files)}. Keep {SECRETS_FILE} out of version control.", "bold green"))
    if overriding:
        output.print(styled(f"The environment overrides the files: {', '.join(overriding)}.", "yellow"))
    output.print(f"Next: {next_command}")
    output.print_json(
        outcome="written",
        name=location.name,
        api=dialect.name,
        location_id=location.location_id or location_id_from_key(location.api_key),
        timezone=location.timezone,
        files=files,
        overridden_by=overriding,
        findings=[asdict(each) for each in tested.checked.findings] if tested else None,
        first_sync={**asdict(first), "least_seconds": seconds} if first else None,
        next=next_command,
        exit_code=exit_code,
    )
    return exit_code


def _runs(settings: Settings, first: Estimate) -> str:
    if first.requests <= settings.request_budget:
        return ""
    runs = -(-first.requests // settings.request_budget)
    return f" It takes {runs} runs, because request_budget is {settings.request_budget:,}."
