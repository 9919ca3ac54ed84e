"""Header: parses the first comment of a model's file.

Input:  the text of one file of `sql/`; sql/README.md describes the form.
Output: `Header`: grain and question for readers, key and audits for `transform`, columns for the warehouse's comments
        and the data dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bookings_sync.models.errors import ModelError

_COMMENT = re.compile(r"\A\s*/\*\n(?P<header>.*?)\*/\s*(?P<query>.*)\Z", re.DOTALL)
_ITEM = re.compile(r"(?P<name>[^:]+):\s*(?P<rest>.+)")
_SECTIONS = frozenset(
    {
        "Grain",
        "Question",
        "Key",
        "Incremental by",
        "Clock",
        "Notes",
        "Model",
        "Reads staging",
        "Audits",
        "Columns",
        "Not read",
    }
)
BY_APPOINTMENT = ("location_id", "appointment_id")
"""`Incremental by` of a model in which each row depends on one appointment."""
DAY = "day"


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One audit line of the header: `kind: rule`. Only a `check` has a `name`."""

    kind: str
    rule: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """When the passing of `$now` changes a model: as `$now` passes `expression` in a row of `layer.table`. Without a
    table, `expression` is DAY: as a local day of a location, or a day in UTC, begins."""

    expression: str
    layer: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """A model's declaration.

    `incremental`: the columns it is incremental by. Each row depends only on input rows with the same values of these
    columns, and on tables without these columns. `clock`: when the passing of time changes it. `model`: the audited
    model, in the header of an audit's file. `not_read`: the raw columns that a staging model leaves out, with the
    reason.
    """

    grain: str
    question: str
    key: tuple[str, ...]
    incremental: tuple[str, ...]
    clock: tuple[Clock, ...]
    notes: str
    model: str
    audits: tuple[AuditLine, ...]
    reads_staging: Mapping[str, str]
    columns: Mapping[str, str]
    not_read: Mapping[str, str]


def parse(text: str, name: str) -> tuple[Header, str]:
    """The header of the file `name`, and the query below the header. Raises ModelError if the form is wrong."""
    match = _COMMENT.match(text)
    if match is None:
        raise ModelError(f"{name}: expected a /* header */ comment at the top of the file")
    sections = _sections(match["header"], name)
    header = Header(
        grain=" ".join(sections.get("Grain", ())),
        question=" ".join(sections.get("Question", ())),
        key=names(" ".join(sections.get("Key", ()))),
        incremental=names(" ".join(sections.get("Incremental by", ()))),
        clock=tuple(_clock(item, name) for item in sections.get("Clock", ())),
        notes=" ".join(sections.get("Notes", ())),
        model=" ".join(sections.get("Model", ())),
        audits=tuple(_audit(item, name) for item in sections.get("Audits", ())),
        reads_staging=_descriptions(sections.get("Reads staging", ()), name),
        columns=_descriptions(sections.get("Columns", ()), name),
        not_read=_descriptions(sections.get("Not read", ()), name),
    )
    return header, match["query"]


def names(text: str) -> tuple[str, ...]:
    """`a, b` as (`a`, `b`)."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _sections(header: str, name: str) -> dict[str, list[str]]:
    """The items of each section. A title has no indent, an item two spaces, the rest of a long item more."""
    sections: dict[str, list[str]] = {}
    items: list[str] = []
    for line in header.splitlines():
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            title, colon, rest = line.partition(":")
            if not colon or title not in _SECTIONS or title in sections:
                raise ModelError(f"{name}: unknown or repeated section in the header: {line}")
            items = sections[title] = [rest.strip()] if rest.strip() else []
        elif indent > 2 and items:
            items[-1] += " " + line.strip()
        else:
            items.append(line.strip())
    return sections


def _descriptions(items: list[str] | tuple[()], name: str) -> dict[str, str]:
    """Descriptions by column."""
    descriptions: dict[str, str] = {}
    for item in items:
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ModelError(f"{name}: expected `column: description`, got: {item}")
        if match["name"] in descriptions:
            raise ModelError(f"{name}: the column {match['name']} is described twice")
        descriptions[match["name"]] = match["rest"]
    return descriptions


def _clock(item: str, name: str) -> Clock:
    if item == DAY:
        return Clock(item)
    match = _ITEM.fullmatch(item)
    layer, _, table = match["name"].partition(".") if match else ("", "", "")
    if match is None or not table:
        raise ModelError(f"{name}: expected `layer.table: expression` or {DAY} under Clock, got: {item}")
    return Clock(match["rest"], layer, table)


def _audit(item: str, name: str) -> AuditLine:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ModelError(f"{name}: expected `kind: rule`, got: {item}")
    kind, _, check_name = match["name"].partition(" ")
    if kind == "check" and check_name:
        return AuditLine("check", match["rest"], check_name)
    return AuditLine(match["name"], match["rest"])
