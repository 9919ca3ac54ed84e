"""Changes the text of a TOML file and keeps everything else in it, byte for byte: comments, order, spaces, line ends.

Input:  the text, a section, and the strings to write there.
Output: the new text. Pure. The result is parsed again, and refused unless it differs in exactly these strings.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
"""A line with its end. Other characters that Python takes for line ends are part of a TOML line."""

_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_PLACE = re.compile(r"\(at (?:line (\d+)|end of document)")


class NotTomlError(ValueError):
    """The text is not TOML. The message has no part of the text, which may be a secret. `line` counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not TOML")
        self.line = line


class CannotEditError(ValueError):
    """The section is written in a form that this module does not edit, such as an inline table."""


def parsed(text: str) -> dict[str, Any]:
    """The document. Raises NotTomlError."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
    raise NotTomlError(line)  # outside the handler: the parser's error is not chained


def quoted(text: str) -> str:
    """A string. Raises ValueError for half of a surrogate pair, which no file in UTF-8 can hold."""
    text.encode()
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def key(text: str) -> str:
    """A key, in quotes if it needs them. Raises ValueError like `quoted`."""
    return text if _BARE.fullmatch(text) else quoted(text)


def with_values(text: str, section: Sequence[str], values: Mapping[str, str | None]) -> str:
    """The text with these strings in `section`, which is added at the end if it is missing. None removes a key.

    Raises NotTomlError, or CannotEditError if the text would not say exactly that.
    """
    wanted = copy.deepcopy(parsed(text))
    lines = _LINE.findall(text)
    end = "\r\n" if "\r\n" in text else "\n"
    found = _section(lines, tuple(section))
    if found is None:
        written = _with_section(lines, section, values, end)
    else:
        written = lines[: found[0]] + _edited(lines[found[0] : found[1]], values, end) + lines[found[1] :]
    result = "".join(written)
    try:
        table = _table(wanted, section)
        for name, value in values.items():
            table.pop(name, None)
            if value is not None:
                table[name] = value
        if parsed(result) != wanted:
            raise CannotEditError
    except (NotTomlError, AttributeError, TypeError):
        raise CannotEditError from None
    return result


def _table(document: dict[str, Any], section: Sequence[str]) -> dict[str, Any]:
    table = document
    for name in section:
        table = table.setdefault(name, {})
    return table


def _section(lines: Sequence[str], section: tuple[str, ...]) -> tuple[int, int] | None:
    """The lines of a section: its header, and the line after its last one. None if no header names it."""
    headers = [(number, path) for number, line in enumerate(lines) if (path := _header(line)) is not None]
    for position, (number, path) in enumerate(headers):
        if path == section:
            return number, headers[position + 1][0] if position + 1 < len(headers) else len(lines)
    return None


def _header(line: str) -> tuple[str, ...] | None:
    """The section that a line begins, or None. A list of tables begins one that has no name here: ()."""
    if not line.lstrip(" \t").startswith("["):
        return None
    try:
        table: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(table, dict) and table:
        ((name, table),) = table.items()
        path.append(name)
    return tuple(path) if isinstance(table, dict) else ()


def _with_section(
    lines: Sequence[str], section: Sequence[str], values: Mapping[str, str | None], end: str
) -> list[str]:
    before = list(lines)
    if before and not before[-1].endswith("\n"):
        before[-1] += end
    if before and before[-1].strip():
        before.append(end)
    header = "[" + ".".join(map(key, section)) + "]"
    return [*before, header + end, *_assignments(values, end)]


def _edited(lines: Sequence[str], values: Mapping[str, str | None], end: str) -> list[str]:
    """The lines of one section with other values. New keys come right after the header."""
    header, *rest = lines
    missing = dict(values)
    kept: list[str] = []
    for line in rest:
        name = _assigned(line)
        if name is None or name not in values:
            kept.append(line)
            continue
        missing.pop(name, None)
        if (value := values[name]) is not None:
            kept.append(_reassigned(line, value))
    if not header.endswith("\n"):
        header += end
    return [header, *_assignments(missing, end), *kept]


def _assignments(values: Mapping[str, str | None], end: str) -> list[str]:
    return [f"{key(name)} = {quoted(value)}{end}" for name, value in values.items() if value is not None]


def _assigned(line: str) -> str | None:
    """The key that a line sets, or None."""
    try:
        found = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    return next(iter(found), None) if "=" in line else None


def _reassigned(line: str, value: str) -> str:
    """The line with another value, and with its comment and its end."""
    content = line.rstrip("\r\n")
    comment = len(content)
    for position in (at for at, character in enumerate(content) if character == "#"):
        try:
            tomllib.loads(content[:position])
        except tomllib.TOMLDecodeError:
            continue  # this # is part of the value
        comment = position
        break
    assignment = content[:comment]
    spaces = assignment[len(assignment.rstrip(" \t")) :]
    name = assignment.partition("=")[0]
    return f"{name}= {quoted(value)}{spaces}{content[comment:]}{line[len(content) :]}"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\{character}" if character in '"\\' else f"\\u{ord(character):04x}"
