"""Says why a configuration file cannot be used: its permissions, its encoding, or a line that is not TOML.

Input:  the files that dlt reads, and dlt's error.
Output: a ConfigurationError that names the file, the cause and the fix.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlt.common.configuration.exceptions import ConfigProviderException
from dlt.common.configuration.providers.toml import SettingsTomlProvider

from bookings_sync.config.keys import CONFIG_FILE, SECRETS_FILE
from bookings_sync.errors import ConfigurationError

WHOLE_FILE = "the whole file"
"""The key of errors about a file, where settings have their name."""

UNREADABLE = "cannot be read: permission denied"

_UTF8 = "Save it as UTF-8, without a byte order mark."
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def file_error(error: ConfigProviderException) -> ConfigurationError:
    """The error for a file that dlt could not read."""
    for file in getattr(error, "full_paths", ()):
        if found := problem_of(Path(file)):
            return found
    file = SECRETS_FILE if "secrets.toml" in str(error).splitlines()[0] else CONFIG_FILE
    return _invalid(Path(file), f"not TOML: {str(error).splitlines()[-1]}", "Correct that line.")


def check_files() -> None:
    """Raises ConfigurationError for a name that is there and no file: dlt would take it for missing."""
    for file in (Path(SECRETS_FILE), Path(CONFIG_FILE)):
        if file.parent.exists() and not file.parent.is_dir():
            raise _invalid(file, f"{file.parent} is a file, and a folder was expected", "Move that file away.")
        if file.is_dir():
            raise _invalid(file, "a folder, and a file was expected", "Move the folder away, and write the file.")
        if file.is_symlink() and not file.exists():
            raise _invalid(file, "a symbolic link that leads nowhere", "Remove the link, or restore its target.")


@contextmanager
def without_unreadable_files() -> Iterator[list[str]]:
    """Lets dlt take files for missing that this user may not read. Yields the list of these files."""
    ignored: list[str] = []
    read = SettingsTomlProvider._read_toml_file

    def read_if_allowed(self: SettingsTomlProvider, path: str) -> Any:
        try:
            return read(self, path)
        except PermissionError:
            ignored.append(path)
            return None

    SettingsTomlProvider._read_toml_file = read_if_allowed  # type: ignore[method-assign, assignment]
    try:
        yield ignored
    finally:
        SettingsTomlProvider._read_toml_file = read  # type: ignore[method-assign]


def problem_of(file: Path) -> ConfigurationError | None:
    """Why a file cannot be read as text, or None. A missing file is no problem."""
    try:
        content = file.read_bytes()
    except PermissionError:
        return _invalid(file, UNREADABLE, f"Run as the user who owns {file.name}, or let this user read it.")
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
        return None if missing else _invalid(file, f"cannot be read: {error.strerror}", "Check the disk.")
    if content.startswith(_MARKS):
        return _invalid(file, "begins with a byte order mark, which TOML does not allow", _UTF8)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return _invalid(file, f"line {line} is not UTF-8", _UTF8)
    return None


def _invalid(file: Path, problem: str, fix: str) -> ConfigurationError:
    return ConfigurationError(problem, key=WHOLE_FILE, where=str(file), fix=fix)
