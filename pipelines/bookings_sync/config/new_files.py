"""Reads and writes .dlt/config.toml and .dlt/secrets.toml for `bookings init`.

Input:  what to write. `toml_text` changes the text.
Output: files that are whole at any moment: a new file takes the place of the old one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bookings_sync.config import toml_text
from bookings_sync.config.files import WHOLE_FILE, check_files, problem_of
from bookings_sync.config.keys import CONFIG_FILE, LOCATIONS_SECTION, SECRETS_FILE
from bookings_sync.errors import ConfigurationError
from bookings_sync.machine import naming_machine_errors

_NEW_SECRETS = "# API keys. Never commit this file. `bookings init` adds a location.\n"

_OWNER_ONLY = 0o600

_NEW_BINARY = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
"""Without O_BINARY, Windows would change line ends."""


def example_config() -> str:
    """Every setting at its default, with comments: the checkout's .dlt/config.toml, which the wheel holds as a copy."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent.parent
    in_checkout = checkout / CONFIG_FILE
    if in_checkout.is_file() and (checkout / "pyproject.toml").is_file():
        return in_checkout.read_text(encoding="utf-8")
    return (package / "config/example.toml").read_text(encoding="utf-8")


class NewFile:
    """A TOML file that is to be changed: its present text, "" if it is missing, and its document.

    Raises ConfigurationError if it is no file, not UTF-8 or not TOML.
    """

    def __init__(self, name: str, if_missing: str = "") -> None:
        check_files()
        self.name = name
        self.path = Path(name)
        if problem := problem_of(self.path):
            raise problem
        with naming_machine_errors(name):
            self.exists = self.path.exists()
            # Bytes, because reading as text would turn \r\n into \n.
            self.text = self.path.read_bytes().decode() if self.exists else if_missing
        self.before = self.text
        self.document = self._parsed()

    def set_values(self, section: Sequence[str], values: Mapping[str, str | None]) -> None:
        """Changes strings of a section; None removes one. Raises ConfigurationError if the file's form prevents it."""
        try:
            self.text = toml_text.with_values(self.text, section, values)
        except toml_text.CannotEditError:
            where = ".".join(map(toml_text.key, section))
            fix = f"Write {', '.join(values)} there by hand, or give it a section of its own: [{where}]."
            raise ConfigurationError(
                "not written as a section of its own", key=where, where=self.name, fix=fix
            ) from None
        self.document = self._parsed()

    @property
    def is_changed(self) -> bool:
        return not self.exists or self.text != self.before

    def write(self) -> None:
        """Writes the file if it changed. Only its owner may read it (0600), from the first byte on.

        Raises ConfigurationError if another program changed the file in the meantime.
        """
        if not self.is_changed:
            return
        with naming_machine_errors(self.name):
            now = self.path.read_bytes().decode(errors="replace") if self.path.exists() else None
            if now != (self.before if self.exists else None):
                fix = "Run the command again."
                raise ConfigurationError("changed in the meantime", key=WHOLE_FILE, where=self.name, fix=fix)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _replace(self.path.resolve(), self.text.encode())  # a symbolic link stays one

    def _parsed(self) -> dict[str, Any]:
        try:
            return toml_text.parsed(self.text)
        except toml_text.NotTomlError as error:
            line = error.line
        raise ConfigurationError(
            f"line {line} is not TOML", key=WHOLE_FILE, where=self.name, fix="Correct that line. Nothing was changed."
        )


def config_file() -> NewFile:
    """The settings; if there is no such file, the example with every setting at its default."""
    return NewFile(CONFIG_FILE, example_config())


def secrets_file() -> NewFile:
    """The secrets; if there is no such file, one line of comment."""
    return NewFile(SECRETS_FILE, _NEW_SECRETS)


def locations_in(file: NewFile) -> dict[str, dict[str, Any]]:
    """The locations of a file by name. Raises ConfigurationError if a section is no table."""
    table: Any = file.document
    for name in LOCATIONS_SECTION.split("."):
        table = table.get(name, {}) if isinstance(table, dict) else None
    if not isinstance(table, dict) or not all(isinstance(each, dict) for each in table.values()):
        fix = f'Write a section [{LOCATIONS_SECTION}.<name>] with api_key = "…" for each location.'
        raise ConfigurationError("not a section per location", key=LOCATIONS_SECTION, where=file.name, fix=fix)
    return table


def _replace(path: Path, content: bytes) -> None:
    """Puts a file in place of `path` in one step, so that a reader, a crash or a full disk never sees half of it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, _NEW_BINARY, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if hasattr(os, "O_DIRECTORY"):  # Windows has none, and needs none
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
