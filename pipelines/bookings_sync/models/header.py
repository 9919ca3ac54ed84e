"""Headers: what a model's first comment declares.

Input:  the text of one file of `sql/`.
Output: `Header`, typed: the grain and question for people, the key and audits for `transform`, the columns for comments
        in the warehouse and for the data dictionary. Its form is described in sql/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bookings_sync.models.errors import ModelError

_COMMENT = re.compile(r"\A\s*/\*\n(?P<header>.*?)\*/\s*(?P<query>.*)\Z", re.DOTALL)
_ITEM = re.compile(r"(?P<name>[^:]+):\s*(?P<rest>.+)")
_SECTIONS = frozenset({"Grain", "Question", "Key", "Incremental by", "Notes", "Model", "Audits", "Columns", "Not read"})
INCREMENTAL_BY = ("location_id", "appointment_id")
"""What a model may be incremental by: of appointments it is known which have changed."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One audit as the header words it: `kind` before the colon, `rule` after it; `name` is a check's own."""

    kind: str
    rule: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """A model's declaration. `not_read` names the raw columns a staging model leaves out, and why. Where it is
    `incremental` by some columns, each row is made of what has the same values of these, and of whole dimensions."""

    grain: str
    question: str
    key: tuple[str, ...]
    incremental: tuple[str, ...]
    notes: str
    model: str
    audits: tuple[AuditLine, ...]
    columns: Mapping[str, str]
    not_read: Mapping[str, str]


def parse(text: str, name: str) -> tuple[Header, str]:
    """The header of a file and the query below it. Raises ModelError, naming the file, where the form is not kept."""
    match = _COMMENT.match(text)
    if match is None:
        raise ModelError(f"{name}: begins with no /* header */")
    sections = _sections(match["header"], name)
    header = Header(
        grain=" ".join(sections.get("Grain", ())),
        question=" ".join(sections.get("Question", ())),
        key=names(" ".join(sections.get("Key", ()))),
        incremental=names(" ".join(sections.get("Incremental by", ()))),
        notes=" ".join(sections.get("Notes", ())),
        model=" ".join(sections.get("Model", ())),
        audits=tuple(_audit(item, name) for item in sections.get("Audits", ())),
        columns=_described(sections.get("Columns", ()), name),
        not_read=_described(sections.get("Not read", ()), name),
    )
    return header, match["query"]


def names(text: str) -> tuple[str, ...]:
    """`a, b` as (`a`, `b`)."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _sections(header: str, name: str) -> dict[str, list[str]]:
    """Sections begin at the margin, their items are indented by two, what goes on with an item by more."""
    sections: dict[str, list[str]] = {}
    items: list[str] = []
    for line in header.splitlines():
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            title, colon, rest = line.partition(":")
            if not colon or title not in _SECTIONS or title in sections:
                raise ModelError(f"{name}: the header has an unknown or repeated section: {line}")
            items = sections[title] = [rest.strip()] if rest.strip() else []
        elif indent > 2 and items:
            items[-1] += " " + line.strip()
        else:
            items.append(line.strip())
    return sections


def _described(items: list[str] | tuple[()], name: str) -> dict[str, str]:
    described: dict[str, str] = {}
    for item in items:
        match = _ITEM.fullmatch(item)
        if match is None or match["name"] in described:
            raise ModelError(f"{name}: not `column: description`, or described twice: {item}")
        described[match["name"]] = match["rest"]
    return described


def _audit(item: str, name: str) -> AuditLine:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ModelError(f"{name}: not `kind: rule`: {item}")
    kind, _, own_name = match["name"].partition(" ")
    if kind == "check" and own_name:
        return AuditLine("check", match["rest"], own_name)
    return AuditLine(match["name"], match["rest"])
