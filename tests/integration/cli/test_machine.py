"""What the machine refuses: each command names the cause, the file and the fix, and reads where it cannot write."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from .conftest import Project, reload_configuration

READING = [
    ("status",),
    ("query", "SELECT count(*) FROM fct_appointments"),
    ("report", "--text"),
    ("sync", "--plan"),
    ("doctor",),
]
OPENING = [("sync",), ("transform",), ("status",), ("doctor",), ("sync", "--plan")]
"""Commands that open the working file."""


@contextmanager
def limited(what: int, least: int) -> Iterator[None]:
    before = resource.getrlimit(what)
    resource.setrlimit(what, (least, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(each): (each.stat().st_size, each.stat().st_mtime_ns) for each in sorted(folder.rglob("*"))}


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_limit_on_the_size_of_files(project: Project) -> None:
    with limited(resource.RLIMIT_FSIZE, 20_000):
        ran = project.bookings("sync")
    assert ran.exit_code == 1
    assert "a file has reached the largest size allowed: " in ran.stderr
    assert "ulimit -f" in ran.stderr
    assert project.bookings("sync", "--quiet").exit_code == 0


def test_a_limit_on_the_size_of_files_of_a_page(project: Project) -> None:
    with limited(resource.RLIMIT_FSIZE, 20_000):
        ran = project.bookings("docs", "--out", "page.html")
    assert ran.exit_code == 1
    assert f"largest size allowed: {Path('page.html')}" in ran.stderr
    assert not list(project.folder.glob("*page.html*"))


def test_too_many_open_files(project: Project) -> None:
    project.bookings("docs")  # imports what it needs
    spare = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]
    with limited(resource.RLIMIT_NOFILE, max(spare) + 1):
        ran = project.bookings("docs")
    for each in spare:
        os.close(each)
    assert ran.exit_code == 1
    assert "too many files are open. Raise the limit: `ulimit -n" in ran.stderr


def test_a_memory_limit_of_duckdb(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__PRAGMAS", "[\"memory_limit='2MB'\"]")
    ran = project.bookings("sync")
    assert ran.exit_code == 1
    assert "there is not enough memory. Raise the limit" in ran.stderr


def test_no_folder_for_temporary_files(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    ran = project.bookings("sync")
    assert ran.exit_code == 1
    assert "no folder for temporary files can be written. Free space in /tmp, or set TMPDIR" in ran.stderr


@pytest.mark.parametrize("command", [("sync",), ("transform",)])
def test_a_full_disk(project: Project, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    duckdb.connect(str(project.database)).close()
    write_text = Path.write_text

    def full(self: Path, *arguments: object, **options: object) -> int:
        if self.name.endswith(".holder"):
            raise OSError(28, "No space left on device")
        return write_text(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full)
    ran = project.bookings(*command)
    assert ran.exit_code == 1
    assert f"the disk is full, or has no inodes left: {project.database}.lock.holder. Free space" in ran.stderr


# -- files that cannot be used -----------------------------------------------------------------------------------------


def damaged(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS x FROM range(100000)")
    content = bytearray(file.read_bytes())
    for place in range(4_096, len(content), 997):
        content[place] ^= 0xFF
    file.write_bytes(content)


USELESS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda file: file.write_bytes(b""), "not a DuckDB database"),
    "text": (lambda file: file.write_text("hello " * 5_000), "not a DuckDB database"),
    "damaged": (damaged, "damaged"),
    "a folder": (lambda file: file.mkdir(), "a folder is where a file is expected"),
    "a link": (lambda file: file.symlink_to(file.parent / "gone.duckdb"), "a symbolic link leads nowhere"),
}


@pytest.mark.parametrize("state", USELESS)
def test_a_database_file_that_cannot_be_used(project: Project, state: str) -> None:
    make, message = USELESS[state]
    make(project.database)
    for command in OPENING:
        ran = project.bookings(*command)
        assert (ran.exit_code, str(project.database) in ran.stderr) == (1, True), ran.stderr
        assert message in ran.stderr


@pytest.mark.parametrize("state", ["empty", "text", "damaged", "a folder"])
def test_a_read_copy_that_cannot_be_used(project: Project, state: str) -> None:
    make, message = USELESS[state]
    duckdb.connect(str(project.database)).close()
    copy = project.folder / "bookings_read.duckdb"
    make(copy)
    for command in READING[1:3]:
        ran = project.bookings(*command)
        assert (ran.exit_code, str(copy) in ran.stderr) == (1, True), ran.stderr
        assert message in ran.stderr


def test_a_database_file_that_a_reader_holds(project: Project) -> None:
    duckdb.connect(str(project.database)).close()
    code = "import duckdb; c = duckdb.connect('bookings.duckdb', read_only=True); print('open', flush=True); input()"
    reader = subprocess.Popen(
        [sys.executable, "-c", code], cwd=project.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert reader.stdout is not None
    reader.stdout.readline()
    try:
        for command in OPENING:
            ran = project.bookings(*command)
            assert ran.exit_code == 75
            assert (
                f"another process has the database file open: {project.database}, by process {reader.pid}" in ran.stderr
            )
    finally:
        reader.communicate()


# -- configuration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.toml", "secrets.toml"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: b"\xef\xbb\xbf" + content, "begins with a byte order mark"),
        (lambda content: content.decode().encode("utf-16"), "begins with a byte order mark"),
        (lambda content: content + b"# caf\xe9\n", "is not UTF-8"),
        (lambda content: content + b"[[[", "not TOML: "),
    ],
    ids=["mark", "utf-16", "latin-1", "not TOML"],
)
def test_a_configuration_file_that_cannot_be_read(
    project: Project, name: str, change: Callable[[bytes], bytes], message: str
) -> None:
    file = project.folder / ".dlt" / name
    file.write_bytes(change(file.read_bytes()))
    reload_if_possible()
    ran = project.bookings("sync")
    assert ran.exit_code == 2
    assert message in ran.stderr
    assert f".dlt/{name}" in ran.stderr


def reload_if_possible() -> None:
    """dlt reads the files again when a command asks for them."""
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    del Container()[PluggableRunContext]


def test_lines_may_end_as_on_windows(project: Project) -> None:
    for file in (project.folder / ".dlt").glob("*.toml"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    reload_configuration()
    assert project.bookings("sync", "--plan").exit_code == 0


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_secrets_that_are_no_file(project: Project, kind: str) -> None:
    file = project.folder / ".dlt/secrets.toml"
    file.unlink()
    file.mkdir() if kind == "folder" else file.symlink_to("gone")
    ran = project.bookings("sync")
    assert ran.exit_code == 2
    assert f"{'a folder' if kind == 'folder' else 'a symbolic link that leads nowhere'}" in ran.stderr


# -- other users -------------------------------------------------------------------------------------------------------

PLAIN_USER = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""Permissions do not bind root. Without its capabilities they do."""


@pytest.fixture
def as_plain_user(project: Project) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command that permissions bind, in a process of its own."""
    if PLAIN_USER and shutil.which("setpriv") is None:
        pytest.skip("setpriv is needed to give up root's rights")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        arguments = [*PLAIN_USER, sys.executable, "-m", "bookings_sync.cli", *command]
        return subprocess.run(arguments, cwd=project.folder, capture_output=True, text=True, timeout=120)

    return run


def test_a_lock_of_another_user(
    project: Project, as_plain_user: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    lock = project.folder / "bookings.duckdb.lock"
    lock.touch(mode=0)
    if os.geteuid() == 0:
        os.chown(lock, 65_534, 65_534)
    ran = as_plain_user("sync")
    assert ran.returncode == 1
    assert f"permission denied: {lock}. It belongs to " in ran.stderr


def test_unreadable_secrets_stop_only_what_needs_them(
    project: Project, as_plain_user: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    project.bookings("sync", "--quiet")
    (project.folder / ".dlt/secrets.toml").chmod(0)
    ran = as_plain_user("status")
    assert ran.returncode == 0, ran.stderr
    assert ".dlt/secrets.toml cannot be read: permission denied" in ran.stderr
    ran = as_plain_user("sync")
    assert ran.returncode == 2
    assert "cannot be read: permission denied (in .dlt/secrets.toml)" in ran.stderr


def test_a_folder_that_cannot_be_written_can_be_read(
    project: Project, as_plain_user: Callable[..., subprocess.CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("sync", "transform"):
        assert project.bookings(command, "--quiet").exit_code == 0
    before = contents(project.folder)
    project.folder.chmod(0o555)
    try:
        plan = as_plain_user("sync", "--plan")
        assert (plan.returncode, plan.stderr) == (0, "")
        ran = as_plain_user("transform")
        assert ran.returncode == 1
        assert f"permission denied: {project.database}" in ran.stderr
        with monkeypatch.context() as patch:  # faster than a process each
            patch.setattr(os, "access", lambda path, mode, **_: mode != os.W_OK)
            for reading in READING:
                assert project.bookings(*reading).exit_code == 0
    finally:
        project.folder.chmod(0o755)
    assert contents(project.folder) == before
