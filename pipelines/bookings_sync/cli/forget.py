"""Carries out `bookings forget`.

Input:  the raw dataset, the privacy rules, and one contact's id, email address or telephone number; or none of them.
Output: what would be erased, and after the user's word a warehouse without it, with a receipt. Neither names a person.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection

import typer

from bookings_sync.cli.formatting import count, table
from bookings_sync.cli.output import Output
from bookings_sync.cli.status import load_settings_with_any_locations
from bookings_sync.clock import utc_now
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import open_client
from bookings_sync.models.erase import erase_everywhere
from bookings_sync.records.erased import Identifier
from bookings_sync.records.privacy import Privacy
from bookings_sync.warehouse.erasure import Erasure, Found
from bookings_sync.warehouse.properties import Properties

_NOT_DONE = 3
"""Exit code if something would be erased and was not."""

NOT_REACHED = (
    "the calendar itself: delete the contact there, too",
    "files that you wrote: exports of `bookings query --out`, reports with --member-names, logs of -v -v",
    "backups and snapshots of the warehouse; on PostgreSQL its write-ahead log, archives and replicas",
    "free blocks of the disk, and folders of your own dlt pipelines",
    "texts of other records that mention the person",
)


def run_forget(
    output: Output, *, contact: str | None, email: str | None, phone: str | None, locations: Collection[str], yes: bool
) -> int:
    """Shows what would be erased, asks, and erases. Returns the exit code."""
    asked_for: tuple[tuple[Identifier, str | None], ...] = (("contact", contact), ("email", email), ("phone", phone))
    named = [(kind, value) for kind, value in asked_for if value is not None]
    if len(named) > 1 or any(not value.strip() for _, value in named):
        raise typer.BadParameter("name one contact: by --contact, --email or --phone")
    settings = load_settings_with_any_locations()
    now = utc_now()
    with open_client(settings, writes=True) as client:
        erasure = Erasure(client, Privacy.of(settings), now)
        if not named:
            found = erasure.by_rules(apply=False)
            asked: set[tuple[str, Identifier, str]] = set()
        else:
            ids = _location_ids(erasure, locations)
            found = erasure.contacts(*named[0], ids)
            if named[0][0] == "contact" and len({each for each, _ in found.contacts}) > 1 and not locations:
                raise BookingsError(
                    "several locations have a contact with this id, and they may be different people. "
                    "Name the location: --location NAME"
                )
            asked = {(location_id, *named[0]) for location_id, _ in found.contacts}
            found = erasure.of_contacts(found, asked, apply=False)
        unfinished = erasure.erasures.is_unfinished()
        earlier = [] if not named or found.contacts else _earlier(erasure, client, ids, named[0])
        if named and not found.contacts and not earlier:
            raise BookingsError(
                "no contact with this "
                + {"contact": "id", "email": "email address", "phone": "telephone number"}[named[0][0]]
                + ". Check the spelling. If the rules drop or dropped this field, name the contact by its id: --contact"
            )
        nothing = not found.rows and not found.contacts and not unfinished
        _show(output, found, earlier=earlier, unfinished=unfinished)
        if nothing:
            output.print("Nothing is left to erase.")
        if nothing or not (yes or _confirmed(output)):
            code = 0 if nothing else _NOT_DONE
            _json(output, found, "nothing to erase" if nothing else "not erased", earlier, [], code)
            return code
        if not named:
            erasure.by_rules(apply=True)
        elif found.contacts:
            erasure.of_contacts(found, asked, apply=True)
        left = erase_everywhere(client, settings, erasure, now)
    output.print(
        f"Erased at {now:%Y-%m-%d %H:%M:%S} UTC.", *(f"Still to do: {each}." for each in left), "Not reached:",
        *(f"- {each}" for each in NOT_REACHED),
    )  # fmt: skip
    code = 1 if left else 0
    _json(output, found, "erased", earlier, left, code, now.to_iso8601_string())
    return code


def _location_ids(erasure: Erasure, names: Collection[str]) -> set[str]:
    held = erasure.location_names()
    for name in names:
        if name not in held.values():
            raise BookingsError(f"the warehouse has no location {name}. It has: {', '.join(sorted(held.values()))}.")
    return {location_id for location_id, name in held.items() if not names or name in names}


def _earlier(erasure: Erasure, client: object, ids: Collection[str], named: tuple[Identifier, str]) -> list[object]:
    """Receipts of earlier erasures of the same contact."""
    erased = erasure.erasures.erased(Properties(client).read())  # type: ignore[arg-type]
    if not erased:
        return []
    return list(erasure.erasures.receipts({erased.mark(location_id, *named) for location_id in ids}))


def _show(output: Output, found: Found, *, earlier: Collection[object], unfinished: bool) -> None:
    if earlier:
        output.print("The contact was erased before:", *(json.dumps(each) for each in earlier))
    if unfinished:
        output.print("An earlier erasure was interrupted. It is finished now.")
    if found.contacts:
        output.print(count(len(found.contacts), "contact"))
    if found.rows:
        output.print(table(("table", "versions to rewrite or delete"), sorted(found.rows.items())))


def _confirmed(output: Output) -> bool:
    if output.as_json or not sys.stdin.isatty():
        output.print("Nothing was changed. Add --yes to erase.")
        return False
    return typer.confirm("Erase this? It cannot be undone.", err=True)


def _json(
    output: Output,
    found: Found,
    outcome: str,
    earlier: Collection[object],
    left: Collection[str],
    code: int,
    at: str | None = None,
) -> None:
    output.print_json(
        outcome=outcome,
        erased_at=at,
        contacts=len(found.contacts),
        rows=found.rows,
        earlier=list(earlier),
        left=list(left),
        not_reached=list(NOT_REACHED),
        exit_code=code,
    )
