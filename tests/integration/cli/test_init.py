"""`bookings init` writes a location that `bookings sync` can use, or nothing at all. No key is ever shown."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import termios
import time
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bookings_sync.cli.main import app
from bookings_sync.config.new_files import example_config
from bookings_sync.sandbox import ALL_SCOPES, Quota, SandboxServer, generate

from .conftest import Project, Result, reload_configuration, small_world


@pytest.fixture
def empty(project: Project) -> Project:
    """A folder without any configuration."""
    for file in (project.folder / ".dlt").iterdir():
        file.unlink()
    (project.folder / ".dlt").rmdir()
    reload_configuration()
    return project


def init(project: Project, *arguments: str, key: str = "", url: bool = True) -> Result:
    """Runs init with the key on stdin, in this process. Fails if the key is printed."""
    options = ["--key-stdin", *(["--base-url", project.server.base_url] if url else []), *arguments]
    ran = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["init", *options], input=key + "\n")
    assert not key or key not in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    if ran.exit_code in {0, 3}:
        reload_configuration()
    return Result(ran.exit_code, ran.stdout, ran.stderr)


def key_of(project: Project, number: int = 0) -> str:
    return project.world.locations[number].key


def secrets(project: Project) -> str:
    return (project.folder / ".dlt/secrets.toml").read_bytes().decode()


def written(project: Project) -> dict[str, dict[str, str]]:
    """The locations in secrets.toml."""
    locations: dict[str, dict[str, str]] = tomllib.loads(secrets(project))["sources"]["bookings"]["locations"]
    return locations


def test_an_empty_folder_becomes_one_that_syncs(empty: Project) -> None:
    result = init(empty, "--name", "berlin", "--timezone", "Europe/Berlin", key=key_of(empty))
    assert result.exit_code == 0, result.stderr
    assert "✓ key" in result.stdout
    assert "the configured scopes miss none" in result.stdout
    assert "Next: bookings sync" in result.stdout
    assert written(empty) == {"berlin": {"api_key": key_of(empty), "timezone": "Europe/Berlin"}}
    synced = empty.bookings("sync", "--json")
    assert synced.exit_code == 0, synced.stderr
    assert synced.json["outcome"] == "ok"


def test_the_new_config_is_the_example_with_the_address(empty: Project) -> None:
    init(empty, "--name", "berlin", key=key_of(empty))
    default = 'base_url = "https://link.amtssl.com/v1"'
    assert (empty.folder / ".dlt/config.toml").read_text() == example_config().replace(
        default, f'base_url = "{empty.server.base_url}"', 1
    )


def test_files_are_for_their_owner_alone_even_where_the_umask_is_open(empty: Project) -> None:
    before = os.umask(0)
    try:
        init(empty, "--name", "berlin", key=key_of(empty))
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (empty.folder / ".dlt").iterdir()}
    assert modes == {"config.toml": 0o600, "secrets.toml": 0o600}


def test_the_json_has_what_was_found_and_no_key(empty: Project) -> None:
    found = init(empty, "--name", "berlin", "--json", key=key_of(empty)).json
    assert found["outcome"] == "written"
    assert found["api"] == "v1"
    assert found["location_id"] == empty.world.locations[0].id
    assert found["files"] == [".dlt/config.toml", ".dlt/secrets.toml"]
    assert found["next"] == "bookings sync"
    assert found["first_sync"]["services"] == 2


def test_the_estimate_is_near_the_requests_of_the_first_sync(empty: Project) -> None:
    """The whole history of ten years, with one request for each window."""
    estimated = init(empty, "--name", "berlin", "--json", key=key_of(empty)).json["first_sync"]["requests"]
    empty.world.requests.reset()
    assert empty.bookings("sync").exit_code == 0
    assert estimated / 1.5 <= len(empty.world.requests.records) <= estimated * 1.5


# -- the successor API -------------------------------------------------------------------------------------------------


def init_v2(project: Project, *arguments: str, number: int = 0) -> Result:
    """Runs init with a token of v2 and the id of its location."""
    location = project.world.locations[number]
    options = ["--base-url", project.server.base_url_v2, "--location-id", location.id, *arguments]
    return init(project, *options, key=location.pit, url=False)


def test_a_token_tells_time_zone_name_and_contacts(empty: Project) -> None:
    result = init_v2(empty, "--name", "berlin", "--json")
    assert result.exit_code == 0, result.stdout + result.stderr
    berlin = empty.world.locations[0]
    assert result.json["api"] == "v2"
    assert result.json["timezone"] == berlin.timezone
    assert result.json["first_sync"]["contacts"] > 0
    assert written(empty) == {
        "berlin": {"api_key": berlin.pit, "location_id": berlin.id, "timezone": berlin.timezone},
    }
    config = tomllib.loads((empty.folder / ".dlt/config.toml").read_text())["sources"]["bookings"]
    assert config["v2_base_url"] == empty.server.base_url_v2
    synced = empty.bookings("sync", "--json")
    assert (synced.exit_code, synced.json["outcome"]) == (0, "ok")


def test_the_estimate_of_v2_is_near_the_requests_of_the_first_sync(empty: Project) -> None:
    estimated = init_v2(empty, "--name", "berlin", "--json").json["first_sync"]["requests"]
    empty.world.requests.reset()
    assert empty.bookings("sync").exit_code == 0
    assert estimated / 1.5 <= len(empty.world.requests.records) <= estimated * 1.5


def test_a_trial_accounts_lower_rate_limit_counts(empty: Project) -> None:
    """The API names its limit in each reply. The duration of a first sync follows from it."""
    with SandboxServer(generate(small_world(locations=1, appointments=50)), quota=Quota(requests=25)) as server:
        found = init_v2(Project(empty.folder, server), "--name", "berlin", "--json").json["first_sync"]
    assert found["least_seconds"] == (found["requests"] - 1) // 25 * 10.0


@pytest.mark.parametrize(
    "scope",
    [
        "calendars.readonly",
        "calendars/events.readonly",
        "calendars/groups.readonly",
        "contacts.readonly",
        "users.readonly",
        "locations.readonly",
    ],
)
def test_a_missing_scope_is_named_and_writes_nothing(empty: Project, scope: str) -> None:
    berlin = empty.world.locations[0]
    empty.world.set_scopes(berlin.id, ALL_SCOPES - {scope})
    try:
        result = init_v2(empty, "--name", "berlin")
    finally:
        empty.world.set_scopes(berlin.id, ALL_SCOPES)
    assert result.exit_code == 1
    assert f"scopes: the token lacks {scope}" in result.stderr
    assert not (empty.folder / ".dlt").exists()


def test_a_token_of_another_location_writes_nothing(empty: Project) -> None:
    result = init_v2(empty, "--name", "berlin", "--location-id", empty.world.locations[1].id)
    assert result.exit_code == 1
    assert "the token belongs to another location" in result.stderr
    assert not (empty.folder / ".dlt").exists()


# -- a second location -------------------------------------------------------------------------------------------------


def test_a_second_call_adds_a_location_and_keeps_every_byte(empty: Project) -> None:
    init(empty, "--name", "berlin", key=key_of(empty))
    file = empty.folder / ".dlt/secrets.toml"
    by_hand = file.read_bytes() + b"\r\n# by hand  \n[observe]\nnotify_webhook = 'https://example.org/x'   # ours"
    file.write_bytes(by_hand)
    config = (empty.folder / ".dlt/config.toml").read_bytes()
    result = init(empty, "--name", "oslo", "--json", key=key_of(empty, 1), url=False)
    assert result.json["files"] == [".dlt/secrets.toml"]
    assert file.read_bytes().startswith(by_hand)
    assert (empty.folder / ".dlt/config.toml").read_bytes() == config
    assert set(written(empty)) == {"berlin", "oslo"}
    assert empty.bookings("check").exit_code == 0


@pytest.mark.parametrize(
    ("name", "number", "problem"),
    [
        ("berlin", 1, "sources.bookings.locations.berlin: already configured"),
        ("Berlin", 1, "differs from berlin only in case"),
        ("oslo", 0, "the same key as berlin's"),
    ],
)
def test_a_location_is_not_overwritten_or_written_twice(empty: Project, name: str, number: int, problem: str) -> None:
    init(empty, "--name", "berlin", key=key_of(empty))
    before = secrets(empty)
    result = init(empty, "--name", name, key=key_of(empty, number), url=False)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert secrets(empty) == before


def test_the_same_location_under_another_key_is_refused(empty: Project) -> None:
    """The older entry has its id in the key, the newer one in the configuration."""
    init(empty, "--name", "berlin", key=key_of(empty))
    same_id = ["--location-id", empty.world.locations[0].id]
    result = init(empty, "--name", "oslo", "--offline", *same_id, key="pit-another", url=False)
    assert result.exit_code == 2
    assert "the same location as berlin" in result.stderr
    assert "bookings init --name berlin --replace" in result.stderr


def test_replace_changes_the_key_and_keeps_the_rest(empty: Project) -> None:
    init(empty, "--name", "berlin", "--timezone", "Europe/Berlin", "--offline", key="an-old-key")
    file = empty.folder / ".dlt/secrets.toml"
    file.write_text(file.read_text().replace('"an-old-key"', '"an-old-key"  # until May'))
    before = secrets(empty)
    result = init(empty, "--name", "berlin", "--replace", key=key_of(empty), url=False)
    assert result.exit_code == 0, result.stderr
    assert secrets(empty) == before.replace("an-old-key", key_of(empty))


def test_a_token_replaces_an_older_key(empty: Project) -> None:
    """Moving a location to the successor API: the id comes in, a setting `api` of the older key goes out."""
    init(empty, "--name", "berlin", "--api", "v1", "--offline", key="an-old-key")
    assert written(empty)["berlin"]["api"] == "v1"
    moving = ["--name", "berlin", "--replace", "--offline", "--location-id", "Zx81"]
    assert init(empty, *moving, key="pit-new", url=False).exit_code == 0
    assert written(empty) == {"berlin": {"api_key": "pit-new", "location_id": "Zx81"}}


def test_moving_to_v2_takes_the_id_from_the_older_key(empty: Project) -> None:
    init(empty, "--name", "berlin", key=key_of(empty))
    berlin = empty.world.locations[0]
    result = init(
        empty, "--name", "berlin", "--replace", "--base-url", empty.server.base_url_v2, key=berlin.pit, url=False
    )
    assert result.exit_code == 0, result.stderr
    assert written(empty) == {
        "berlin": {"api_key": berlin.pit, "location_id": berlin.id, "timezone": berlin.timezone},
    }


def test_replacing_needs_a_location(empty: Project) -> None:
    result = init(empty, "--name", "berlin", "--replace", key=key_of(empty))
    assert result.exit_code == 2
    assert "no such location to replace" in result.stderr


def test_the_placeholder_of_the_example_is_replaced(empty: Project) -> None:
    (empty.folder / ".dlt").mkdir()
    example = Path(__file__).parents[3] / ".dlt/secrets.toml.example"
    (empty.folder / ".dlt/secrets.toml").write_bytes(example.read_bytes())
    reload_configuration()
    assert init(empty, "--name", "berlin", key=key_of(empty)).exit_code == 0
    assert written(empty) == {"berlin": {"api_key": key_of(empty)}}


# -- nothing is written ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["an-unknown-key", "eyJh.eyJh.eyJh"])
def test_a_refused_key_writes_nothing(empty: Project, key: str) -> None:
    result = init(empty, "--name", "berlin", key=key)
    assert result.exit_code == 1
    assert "Nothing was written" in result.stderr
    assert not (empty.folder / ".dlt").exists()


def test_offline_writes_without_a_request(empty: Project) -> None:
    result = init(empty, "--name", "berlin", "--offline", key="an-unknown-key")
    assert result.exit_code == 0
    assert "The key was not tested" in result.stdout
    assert "Next: bookings check" in result.stdout
    assert written(empty) == {"berlin": {"api_key": "an-unknown-key"}}
    assert not empty.world.requests.records


def test_a_key_of_another_location_writes_nothing(empty: Project) -> None:
    other_id = ["--location-id", empty.world.locations[1].id]
    result = init(empty, "--name", "berlin", *other_id, key=key_of(empty))
    assert result.exit_code == 1
    assert "location id: the configuration says" in result.stderr
    assert not (empty.folder / ".dlt").exists()


def test_a_failed_test_of_one_endpoint_is_told_and_the_files_are_written(empty: Project) -> None:
    """What fails may need a setting, so the files must be there."""
    (empty.folder / ".dlt").mkdir()
    (empty.folder / ".dlt/config.toml").write_text("[sources.bookings]\nunknown_id_statuses = [400]\n")
    reload_configuration()
    result = init(empty, "--name", "berlin", key=key_of(empty))
    assert result.exit_code == 3, result.stdout
    assert "✗ unknown id" in result.stdout
    assert "Next: bookings check" in result.stdout
    assert set(written(empty)) == {"berlin"}


@pytest.mark.parametrize("name", ["secrets.toml", "config.toml"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'[a]\nb = "pit-secret\n', "line 2 is not TOML"),
        (b"[a]\nb = '\xff'\n", "line 2 is not UTF-8"),
        (b"\xef\xbb\xbf[a]\n", "begins with a byte order mark"),
    ],
)
def test_a_damaged_file_is_not_touched(empty: Project, name: str, content: bytes, problem: str) -> None:
    (empty.folder / ".dlt").mkdir()
    file = empty.folder / ".dlt" / name
    file.write_bytes(content)
    result = init(empty, "--name", "berlin", "--offline", key="a-key")
    assert result.exit_code == 2
    assert f"the whole file: {problem}" in result.stderr
    assert f".dlt/{name}" in result.stderr
    assert "pit-secret" not in result.stderr
    assert file.read_bytes() == content
    assert [each.name for each in (empty.folder / ".dlt").iterdir()] == [name]


def test_locations_in_an_inline_table_are_left_to_their_owner(empty: Project) -> None:
    (empty.folder / ".dlt").mkdir()
    content = '[sources.bookings]\nlocations = {berlin = {api_key = "a"}}\n'
    (empty.folder / ".dlt/secrets.toml").write_text(content)
    result = init(empty, "--name", "oslo", "--offline", key="a-key", url=False)
    assert result.exit_code == 2
    assert "sources.bookings.locations.oslo: not written as a section of its own" in result.stderr
    assert secrets(empty) == content


def test_a_file_in_place_of_the_folder_is_an_error(empty: Project) -> None:
    (empty.folder / ".dlt").write_text("a file")
    result = init(empty, "--name", "berlin", "--offline", key="a-key")
    assert result.exit_code == 2
    assert ".dlt is a file, and a folder was expected" in result.stderr


def test_a_symbolic_link_stays_one(empty: Project) -> None:
    (empty.folder / ".dlt").mkdir()
    elsewhere = empty.folder / "vault.toml"
    elsewhere.write_text("# mine\n")
    (empty.folder / ".dlt/secrets.toml").symlink_to(elsewhere)
    assert init(empty, "--name", "berlin", "--offline", key="a-key").exit_code == 0
    assert (empty.folder / ".dlt/secrets.toml").is_symlink()
    assert elsewhere.read_text() == '# mine\n\n[sources.bookings.locations.berlin]\napi_key = "a-key"\n'


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b", "a.b", 'say "hi"', "it's", "Zürich 北", "back\\slash", "12", "[x]", "#1"])
def test_odd_names_are_quoted(empty: Project, name: str) -> None:
    assert init(empty, "--name", name, key=key_of(empty)).exit_code == 0
    assert set(written(empty)) == {name}
    assert [each["name"] for each in empty.bookings("check", "--json").json["locations"]] == [name]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (" ", "empty"),
        ("a\nb", "cannot be seen"),
        ("a\u202eb", "cannot be seen"),
        ("Zu\u0308rich", "composed form"),
        ("pit-0123", "looks like a key"),
    ],
)
def test_other_names_are_refused_with_the_reason(empty: Project, name: str, problem: str) -> None:
    result = init(empty, "--name", name, key="a-key")
    assert result.exit_code == 2
    assert problem in result.stderr
    assert "pit-0123" not in result.stderr
    assert not (empty.folder / ".dlt").exists()


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], "pass --name NAME and --key-stdin"),
        (["--name", "berlin"], "pass --key-stdin"),
        (["--key-stdin"], "pass --name NAME"),
        (["--name", "berlin", "--key-stdin"], "pass --location-id ID"),
    ],
)
def test_without_a_terminal_missing_options_are_named(empty: Project, arguments: list[str], options: str) -> None:
    ran = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["init", *arguments], input="pit-abc\n")
    assert ran.exit_code == 2
    assert options in ran.stderr
    assert "pit-abc" not in ran.stderr


@pytest.mark.parametrize(
    ("key", "problem"),
    [("", "stdin is empty"), ("two words", "a space"), ("a\nb", "a line break"), ("ключ", "special")],
)
def test_a_text_that_cannot_be_a_key_is_refused_unseen(empty: Project, key: str, problem: str) -> None:
    result = init(empty, "--name", "berlin", key=key)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert not (empty.folder / ".dlt").exists()


@pytest.mark.parametrize(
    "arguments", [["pit-secret"], ["--name", "a", "pit-secret"], ["--key", "pit-secret"], ["--key=pit-secret"]]
)
def test_a_key_in_the_wrong_place_is_not_repeated(empty: Project, arguments: list[str]) -> None:
    ran = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["init", *arguments])
    assert ran.exit_code == 2
    assert "pit-secret" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("url", "problem"), [("http://example.org/v1", "http would send"), ("link.example.org", "not an http(s) URL")]
)
def test_an_address_that_cannot_be_right_is_refused(empty: Project, url: str, problem: str) -> None:
    result = init(empty, "--name", "berlin", "--base-url", url, key="a-key", url=False)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert "--base-url" in result.stderr


def test_an_address_is_not_changed_under_another_location(empty: Project) -> None:
    init(empty, "--name", "berlin", key=key_of(empty))
    before = (empty.folder / ".dlt/config.toml").read_bytes()
    other = ["--name", "oslo", "--offline", "--base-url", "https://example.org/v1"]
    result = init(empty, *other, key="a-key", url=False)
    assert result.exit_code == 2
    assert "berlin has another address" in result.stderr
    assert (empty.folder / ".dlt/config.toml").read_bytes() == before
    token = ["--name", "oslo", "--offline", "--location-id", "Zx81", "--base-url", "https://example.org"]
    assert init(empty, *token, key="pit-abc", url=False).exit_code == 0
    config = tomllib.loads((empty.folder / ".dlt/config.toml").read_text())["sources"]["bookings"]
    assert (config["base_url"], config["v2_base_url"]) == (empty.server.base_url, "https://example.org")


def test_variables_that_override_the_files_are_named(empty: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__BOOKINGS__LOCATIONS__BERLIN__API_KEY", "another-key")
    found = init(empty, "--name", "berlin", "--json", key=key_of(empty))
    assert found.json["overridden_by"] == ["SOURCES__BOOKINGS__LOCATIONS__BERLIN__API_KEY"]
    assert "another-key" not in found.stdout + found.stderr
    result = init(empty, "--name", "oslo", "--offline", key="third-key")
    assert "environment overrides" not in result.stdout


def test_the_first_message_of_every_command_names_init(empty: Project) -> None:
    for command in ("check", "sync"):
        result = empty.bookings(command)
        assert result.exit_code == 2
        assert "no location is configured" in result.stderr
        assert "Run `bookings init`" in result.stderr


# -- a terminal --------------------------------------------------------------------------------------------------------


class Terminal:
    """The command on a new terminal. `shown` is all that the terminal has shown."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._controller, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bookings_sync.cli", *arguments],
            cwd=folder,
            env={**os.environ, "HOME": str(folder), "COLUMNS": "200"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(terminal)
        self.shown = ""

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Waits until the terminal shows the text."""
        until = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < until, f"never shown: {text!r}, but: {self.shown}"
            self._read()

    def type(self, text: str) -> None:
        os.write(self._controller, text.encode())

    def ends(self) -> int:
        """Waits for the end, and returns the exit code."""
        while self._process.poll() is None:
            self._read()
        self._read()
        os.close(self._controller)
        return self._process.returncode

    def commands_line(self) -> str:
        """The command line, as every user of the machine can see it."""
        return Path(f"/proc/{self._process.pid}/cmdline").read_bytes().decode()

    def _read(self) -> None:
        if select.select([self._controller], [], [], 0.1)[0]:
            try:
                self.shown += os.read(self._controller, 65536).decode(errors="replace")
            except OSError:  # Linux: the other end is closed
                time.sleep(0.05)


def test_a_terminal_is_asked_and_the_key_is_not_shown(empty: Project) -> None:
    terminal = Terminal(empty.folder, "init", "--base-url", empty.server.base_url)
    terminal.wait_for("Name of the location")
    terminal.type("berlin\n")
    terminal.wait_for("API key or token (not shown)")
    terminal.type(key_of(empty) + "\n")
    terminal.wait_for("Testing the key")
    assert key_of(empty) not in terminal.commands_line()
    assert terminal.ends() == 0, terminal.shown
    assert "berlin" in terminal.shown  # what is typed for a name is shown
    assert key_of(empty) not in terminal.shown
    assert "Next: bookings sync" in terminal.shown
    assert written(empty) == {"berlin": {"api_key": key_of(empty)}}


def test_a_token_is_asked_for_the_id_of_its_location(empty: Project) -> None:
    terminal = Terminal(empty.folder, "init", "--name", "berlin", "--offline")
    terminal.wait_for("API key or token (not shown)")
    terminal.type("pit-0123456789\n")
    terminal.wait_for("Location id (in the app: Settings > Business Profile")
    terminal.type("Zx81\n")
    assert terminal.ends() == 0, terminal.shown
    assert "pit-0123456789" not in terminal.shown
    assert written(empty) == {"berlin": {"api_key": "pit-0123456789", "location_id": "Zx81"}}


@pytest.mark.parametrize(("typed", "exit_code"), [("\x03", 128 + signal.SIGINT), ("\x04", 2)], ids=["Ctrl-C", "Ctrl-D"])
def test_a_prompt_can_be_left(empty: Project, typed: str, exit_code: int) -> None:
    terminal = Terminal(empty.folder, "init", "--name", "berlin")
    terminal.wait_for("API key or token (not shown)")
    time.sleep(0.2)  # the prompt is shown just before the terminal is read
    terminal.type(typed)
    assert terminal.ends() == exit_code, terminal.shown
    assert not (empty.folder / ".dlt").exists()


def test_a_pipe_is_expected_for_key_stdin(empty: Project) -> None:
    terminal = Terminal(empty.folder, "init", "--name", "berlin", "--key-stdin")
    assert terminal.ends() == 2
    assert "reads a pipe" in terminal.shown
