"""Happenings: the changes that can befall a calendar, as small values that Hypothesis can draw, shrink and print.

Input:  a `Happening`, and the sandbox's world.
Output: the world changed, as a person with the calendar open would change it. What cannot be done (there is no such
        row, no service is left) is passed over, so that any list of happenings is a history.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings_sync.sandbox import Appointment, World
from bookings_sync.sandbox.model import LocationData

_STATUSES = ("confirmed", "cancelled", "showed", "noshow", "invalid", "new")
_LENGTHS = (1, 16, 32, 512)
"""Window lengths in days. Appointments may start exactly on their edges."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One change. `pick` chooses the row, contact or service; `days` and `minutes` the time."""

    kind: str
    pick: int = 0
    days: int = 0
    minutes: int = 0


def happen(world: World, location_id: str, happening: Happening) -> None:
    """Applies the change now."""
    with world.lock:
        KINDS[happening.kind](_Place(world, location_id), happening)


class _Place:
    """One location of the world, and the records to pick from."""

    def __init__(self, world: World, location_id: str) -> None:
        self.world = world
        self.id = location_id
        self.data: LocationData = world.data[location_id]

    def row(self, pick: int) -> Appointment | None:
        rows = self.data.by_start.all()
        return rows[pick % len(rows)] if rows else None

    def service_id(self, pick: int) -> str | None:
        return _one_of(list(self.data.services), pick)

    def instant(self, happening: Happening) -> datetime:
        """`days` from now; every fourth lands on the very edge of a window, give or take its minutes."""
        at = self.world.now + timedelta(days=happening.days, minutes=happening.minutes)
        if happening.pick % 4:
            return at.replace(second=0, microsecond=0)
        length = _LENGTHS[happening.pick // 4 % len(_LENGTHS)] * 86_400
        edge = int(at.timestamp()) // length * length
        return datetime.fromtimestamp(edge, UTC) + timedelta(minutes=happening.minutes % 3 - 1)


def _one_of(choices: list[str], pick: int) -> str | None:
    return choices[pick % len(choices)] if choices else None


def _book(place: _Place, happening: Happening) -> None:
    service_id = place.service_id(happening.pick)
    if service_id is None:
        return
    known = _one_of(list(place.data.contacts), happening.pick) if happening.minutes % 2 else None
    new = {"firstName": "Zoë", "email": f"zoe.{happening.pick}@example.com", "customField": [_field(happening.minutes)]}
    status = "new" if happening.pick % 3 == 0 else "confirmed"
    place.world.book(place.id, service_id, place.instant(happening), contact=known or new, status=status)


def _block(place: _Place, happening: Happening) -> None:
    if service_id := place.service_id(happening.pick):
        start = place.instant(happening)
        place.world.block(place.id, service_id, start, start + timedelta(hours=1 + happening.pick % 30))


def _reschedule(place: _Place, happening: Happening) -> None:
    if row := place.row(happening.pick):
        place.world.reschedule(place.id, row.id, place.instant(happening))


def _nudge(place: _Place, happening: Happening) -> None:
    """Moves a row by some minutes, mostly within its window."""
    if row := place.row(happening.pick):
        start = datetime.fromtimestamp(row.start_ms // 1000, UTC) + timedelta(minutes=happening.minutes)
        place.world.reschedule(place.id, row.id, start)


def _mark(place: _Place, happening: Happening) -> None:
    if row := place.row(happening.pick):
        place.world.mark(place.id, row.id, _STATUSES[happening.minutes % len(_STATUSES)])  # type: ignore[arg-type]


def _delete(place: _Place, happening: Happening) -> None:
    if row := place.row(happening.pick):
        place.world.delete(place.id, row.id)


def _restore(place: _Place, happening: Happening) -> None:
    if place.data.deleted:
        place.world.restore(place.id, place.data.deleted[happening.pick % len(place.data.deleted)].id)


def _flicker(place: _Place, happening: Happening) -> None:
    """Deletes and restores a row between two syncs."""
    if row := place.row(happening.pick):
        place.world.delete(place.id, row.id)
        place.world.restore(place.id, row.id)


def _change_service(place: _Place, happening: Happening) -> None:
    """Moves a row to another service, existing or deleted, and to this service's team."""
    services = {**place.data.services, **place.data.deleted_services}
    row, service_id = place.row(happening.pick), _one_of(list(services), happening.minutes)
    if row and service_id:
        place.world.reassign(
            place.id, row.id, service_id=service_id, team_id=services[service_id].team_id, user_id=row.user_id
        )


def _lose_service(place: _Place, happening: Happening) -> None:
    """Takes the service from a row, or all that names a list."""
    if row := place.row(happening.pick):
        kept = (None, None) if happening.minutes % 3 == 0 else (row.team_id, row.user_id)
        place.world.reassign(place.id, row.id, service_id=None, team_id=kept[0], user_id=kept[1])


def _change_team_or_user(place: _Place, happening: Happening) -> None:
    """Moves a row to another team's or another user's lists, or to no user's."""
    if row := place.row(happening.pick):
        team_id, user_id = row.team_id, row.user_id
        if happening.minutes % 2:
            team_id = _one_of(list(place.data.teams), happening.days)
        else:
            user_id = _one_of(list(place.data.members), happening.days) if happening.days % 4 else None
        place.world.reassign(place.id, row.id, service_id=row.service_id, team_id=team_id, user_id=user_id)


def _appear_elsewhere(place: _Place, happening: Happening) -> None:
    """Another location gets an appointment with the id of one of this location's, which stays or is deleted."""
    row = place.row(happening.pick)
    others = [each for each in place.world.data if each != place.id and place.world.data[each].services]
    other_id = _one_of(others, happening.minutes)
    if row is None or other_id is None or row.id in place.world.data[other_id].appointments:
        return
    other = _Place(place.world, other_id)
    service_id = other.service_id(happening.pick)
    assert service_id is not None
    new = {"firstName": "Ada", "email": f"ada.{happening.pick}@example.com"}
    place.world.book(other_id, service_id, other.instant(happening), contact=new, appointment_id=row.id)
    if happening.days % 2:
        place.world.delete(place.id, row.id)


def _flag(place: _Place, happening: Happening) -> None:
    """Adds or removes the field that marks a row as deleted. Lists still contain the row."""
    if row := place.row(happening.pick):
        place.world.flag_as_deleted(place.id, row.id, deleted=not is_flagged(row))


def is_flagged(row: Appointment) -> bool:
    """Whether a field marks the row as deleted."""
    return row.shape is not None and row.shape.more.get("deleted") is True


def _change_contact(place: _Place, happening: Happening) -> None:
    if contact_id := _one_of(list(place.data.contacts), happening.pick):
        changes: dict[str, Any] = [
            {"firstName": f"Ana {happening.minutes}"},
            {"customField": [_field(happening.minutes)]},
            {"customField": None},
            {"tags": ["vip", str(happening.minutes)]},
            {"loyalty": {"points": happening.minutes}},
        ][happening.days % 5]
        place.world.update_contact(place.id, contact_id, changes)


def _field(number: int) -> dict[str, Any]:
    """A custom field with a text or a list as its value (DOC)."""
    return {"id": f"field-{number % 3}", "value": ["knee", str(number)] if number % 2 else str(number)}


def _delete_contact(place: _Place, happening: Happening) -> None:
    if contact_id := _one_of(list(place.data.contacts), happening.pick):
        place.world.delete_contact(place.id, contact_id)


def _add_service(place: _Place, happening: Happening) -> None:
    if team_id := _one_of(list(place.data.teams), happening.pick):
        place.world.add_service(place.id, team_id, f"Service {happening.minutes}")


def _rename_service(place: _Place, happening: Happening) -> None:
    if service_id := place.service_id(happening.pick):
        place.world.rename_service(place.id, service_id, f"Service {happening.minutes}")


def _delete_service(place: _Place, happening: Happening) -> None:
    if service_id := place.service_id(happening.pick):
        place.world.delete_service(place.id, service_id)


def _add_team(place: _Place, happening: Happening) -> None:
    users = list(place.data.members)[: 1 + happening.pick % 3]
    place.world.add_team(place.id, f"Team {happening.minutes}", f"slug-{place.world.rng.getrandbits(48)}", users)


def _update_team(place: _Place, happening: Happening) -> None:
    if team_id := _one_of(list(place.data.teams), happening.pick):
        team = place.data.teams[team_id]
        users = list(place.data.members)[happening.minutes % 3 :]
        place.world.update_team(place.id, team_id, f"Team {happening.days}", team.slug, users)


def _delete_team(place: _Place, happening: Happening) -> None:
    if team_id := _one_of(list(place.data.teams), happening.pick):
        place.world.delete_team(place.id, team_id)


KINDS: dict[str, Callable[[_Place, Happening], None]] = {
    "book": _book,
    "block": _block,
    "reschedule": _reschedule,
    "nudge": _nudge,
    "mark": _mark,
    "delete": _delete,
    "restore": _restore,
    "flicker": _flicker,
    "change_service": _change_service,
    "lose_service": _lose_service,
    "change_team_or_user": _change_team_or_user,
    "appear_elsewhere": _appear_elsewhere,
    "flag": _flag,
    "change_contact": _change_contact,
    "delete_contact": _delete_contact,
    "add_service": _add_service,
    "rename_service": _rename_service,
    "delete_service": _delete_service,
    "add_team": _add_team,
    "update_team": _update_team,
    "delete_team": _delete_team,
}
"""By name, the most common first, because shrinking prefers them."""
