"""Access: how long a guest waits for the third next free slot.

Input:  `Slots` of all locations.
Output: rows of `rpt_next_slots`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from .figures import Row
from .sights import Sight
from .slots import Slots, reads

_DAYS = 84
_WANTED = 3


def rpt_next_slots(all_slots: list[Slots]) -> list[Row]:
    found = []
    for slots in all_slots:
        rules = slots.rules
        for service_id in rules.service_ids:
            of_service = set(reads(rules, service_id))
            sights = [sight for sight in rules.place.sights if sight.at in of_service]
            last_of_day = {rules.date_of(sight.at): sight for sight in sights}
            for day, sight in last_of_day.items():
                if day < rules.today - timedelta(days=_DAYS):
                    continue
                members = rules.on(service_id, day).members
                offers = _offers(slots, service_id, sight)
                found.append(
                    {
                        "location_id": rules.place.id,
                        "service_id": service_id,
                        "local_date": day,
                        "read_at": sight.at,
                        "is_latest": sight is sights[-1],
                        "member_id": members[0] if len(members) == 1 else None,
                        "slots_found": len(offers),
                        "next_starts_at": offers[0] if offers else None,
                        "third_starts_at": offers[2] if len(offers) == _WANTED else None,
                        "days_to_next": _days(slots, day, offers[:1]),
                        "days_to_third": _days(slots, day, offers[2:]),
                    }
                )
    return found


def _offers(slots: Slots, service_id: str, sight: Sight) -> list[datetime]:
    """The first free slots that do not overlap."""
    offers: list[datetime] = []
    end = sight.at
    for start in sorted(at for key, at in sight.slots if key == service_id):
        if start >= end and len(offers) < _WANTED:
            offers.append(start)
            duration = slots.rules.on(service_id, slots.rules.date_of(start)).duration
            end = start + timedelta(minutes=duration or 0)
    return offers


def _days(slots: Slots, day: date, offers: list[datetime]) -> int | None:
    return (slots.rules.date_of(offers[0]) - day).days if offers else None
