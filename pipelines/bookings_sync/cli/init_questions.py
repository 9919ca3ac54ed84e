"""The questions of `bookings init`: a name, a key that is not shown, and the id of the location.

Input:  a terminal, or a key on a pipe.
Output: checked answers. Raises typer.BadParameter, with a message that never quotes the answer.
"""

from __future__ import annotations

import getpass
import sys
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from bookings_sync.cli import signals
from bookings_sync.config import toml_text
from bookings_sync.config.locations import location_id_from_key
from bookings_sync.dialects import DIALECTS
from bookings_sync.errors import ConfigurationError
from bookings_sync.records.values import usable_id

_LONGEST_KEY = 1 << 16
"""Bytes. A key has some hundreds; a whole file on the pipe is a mistake."""

_ENDED = "the input ended before an answer came"

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories of characters that are invisible or that steer a terminal."""


class Questions:
    """Asks on the terminal, and reads the key from stdin if `key_stdin`."""

    def __init__(self, key_stdin: bool) -> None:
        self._key_stdin = key_stdin
        self._can_ask = sys.stdin.isatty() and not key_stdin
        if key_stdin and sys.stdin.isatty():
            hint = "--key-stdin reads a pipe, and stdin is a terminal: leave it out, then the key is asked for"
            raise typer.BadParameter(hint, param_hint="--key-stdin")

    def must_be_possible(self, options: Sequence[str]) -> None:
        """Raises BadParameter if something is missing that cannot be asked for."""
        if options and not self._can_ask:
            raise typer.BadParameter(f"stdin is no terminal, so init cannot ask: pass {' and '.join(options)}")

    def name(self) -> str:
        return _ask("Name of the location, for example berlin")

    def key(self) -> str:
        """The key, without spaces around it."""
        if not self._key_stdin:
            return _ask_unseen("API key or token (not shown)")
        read = sys.stdin.buffer.read(_LONGEST_KEY + 1)
        key = read.decode("ascii", errors="replace").strip()
        if not key or len(read) > _LONGEST_KEY:
            problem = "is longer than any key" if key else "is empty"
            raise typer.BadParameter(f"expected one key on stdin, and stdin {problem}", param_hint="--key-stdin")
        return key

    def location_id(self, where: str) -> str:
        return _ask(f"Location id ({where})").strip()

    @staticmethod
    def check_id(location_id: str, api_key: str) -> None:
        """Raises BadParameter if this cannot be a location's id."""
        if location_id == api_key or _looks_like_a_key(location_id):
            raise typer.BadParameter("this is a key, and the location's id was expected", param_hint="--location-id")
        if usable_id(location_id) is None or any(character.isspace() for character in location_id):
            raise typer.BadParameter("not an id: expected one word of letters and digits", param_hint="--location-id")


def check_name(name: str) -> str:
    """The name without spaces around it. Raises BadParameter if it is empty, unreadable or a key."""
    name = name.strip()
    problem = None
    if not name:
        problem = "empty"
    elif _looks_like_a_key(name):
        problem = "this looks like a key, and a name was expected. Names appear in logs and reports"
    elif any(unicodedata.category(character) in _HIDDEN for character in name):
        problem = "holds a character that cannot be seen, such as a line break"
    elif unicodedata.normalize("NFC", name) != name:
        problem = "is not in Unicode's composed form (NFC), so the same name could be typed in two ways"
    if problem:
        raise typer.BadParameter(problem, param_hint="--name")
    toml_text.key(name)
    return name


@contextmanager
def url_option() -> Iterator[None]:
    """Names --base-url in an error about an address."""
    try:
        yield
    except ConfigurationError as error:
        raise typer.BadParameter(f"{error.problem}. {error.fix}", param_hint="--base-url") from None


def _looks_like_a_key(text: str) -> bool:
    is_token = any(dialect.owns_key(text) for dialect in DIALECTS.values())
    return is_token or location_id_from_key(text) is not None or text.startswith("eyJ")


def _ask(question: str) -> str:
    try:
        return str(typer.prompt(question, err=True))
    except typer.Abort as aborted:
        if signals.exit_code(aborted) is not None:
            raise KeyboardInterrupt from None
        raise typer.BadParameter(_ENDED) from None


def _ask_unseen(question: str) -> str:
    """Asks again until something comes.

    getpass turns echo off before it shows the question. typer asks first, so the terminal would echo a key that is
    pasted at once. Raises BadParameter where nothing can be hidden.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            while not (answer := getpass.getpass(f"{question}: ").strip()):
                pass
        except EOFError:
            raise typer.BadParameter(_ENDED) from None
        except getpass.GetPassWarning:
            hint = "this terminal cannot hide what is typed: pass the key on a pipe, with --key-stdin"
            raise typer.BadParameter(hint) from None
    return answer
