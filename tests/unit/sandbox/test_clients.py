"""What public clients send, beyond the reference (CODE), over a real socket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .test_write_endpoints import booking


def test_a_status_is_sent_as_a_form(api: Any) -> None:
    row_id = api.appointments(calendarId=api.service_id)[0]["id"]
    assert api.client.put(f"/appointments/{row_id}/status", data={"status": "noshow"}).status_code == 200
    row = api.json("GET", f"/appointments/{row_id}")
    assert "noshow" in (row.get("appoinmentStatus"), row.get("appointmentStatus"))
    refused = api.client.put(f"/appointments/{row_id}/status", data={"status": "late"})
    assert (refused.status_code, set(refused.json())) == (422, {"status"})


def test_a_booking_is_sent_as_a_form(api: Any) -> None:
    form = booking(api, api.slots(api.service_id)[0]) | {"customField[field-1]": "knee", "tags[]": ["vip", "new"]}
    contact = api.json("POST", "/appointments/", data=form)["contact"]
    assert (contact["customField"], contact["tags"]) == ([{"id": "field-1", "value": "knee"}], ["vip", "new"])


def test_custom_fields_are_sent_as_an_object(api: Any) -> None:
    values = {"field-1": "knee", "field-2": ["left", "right"]}
    body = booking(api, api.slots(api.service_id)[0], customField=values)
    contact = api.json("POST", "/appointments/", json=body)["contact"]
    assert contact["customField"] == [{"id": name, "value": value} for name, value in values.items()]


def test_a_booking_has_a_title(api: Any) -> None:
    booked = api.json("POST", "/appointments/", json=booking(api, api.slots(api.service_id)[0], title="First visit"))
    assert api.json("GET", f"/appointments/{booked['id']}")["title"] == "First visit"


def test_include_all_is_spelt_with_a_capital(api: Any) -> None:
    rows = api.appointments(calendarId=api.service_id, includeAll="True")
    assert rows == api.appointments(calendarId=api.service_id, includeAll="true")
    assert any("contact" in row for row in rows)


def test_slots_are_asked_for_one_day_by_one_instant(api: Any) -> None:
    slots = api.slots(api.service_id)
    at = int(datetime.fromisoformat(slots[0]).timestamp() * 1000)
    assert api.slots(api.service_id, startDate=at, endDate=at) == [slot for slot in slots if slot[:10] == slots[0][:10]]


def test_a_user_blocks_off_time_in_all_services(api: Any) -> None:
    user_id = api.world.data[api.location.id].services[api.service_id].user_ids()[0]
    slot = next(iter(api.slots(api.service_id, userId=user_id)))
    later = datetime.fromisoformat(slot) + timedelta(minutes=30)
    block = {"userId": user_id, "selectedSlot": slot, "endAt": later.isoformat()}
    blocked = api.json("POST", "/appointments/", json=block)
    row = api.json("GET", f"/appointments/{blocked['id']}")
    assert (row["userId"], row["calendarServiceId"], row["calendarProviderId"]) == (user_id, None, None)
    assert row["id"] in {each["id"] for each in api.appointments(userId=user_id)}
    assert slot not in api.slots(api.service_id, userId=user_id)
    moved = {"selectedSlot": later.isoformat(), "selectedTimezone": "UTC"}
    assert api.json("PUT", f"/appointments/{row['id']}", json=moved)["id"] == row["id"]
    nobody = api.client.post("/appointments/", json=block | {"userId": None})
    assert (nobody.status_code, set(nobody.json())) == (422, {"calendarId or userId"})


def test_the_appointments_of_a_contact(api: Any) -> None:
    rows = api.appointments(calendarId=api.service_id)
    contact_id = next(row["contactId"] for row in rows if row.get("contactId"))
    mine = api.json("GET", f"/contacts/{contact_id}/appointments/")["appointments"]
    assert mine
    assert {row["contactId"] for row in mine if "contactId" in row} == {contact_id}
    assert api.client.get("/contacts/nope/appointments/").status_code == 404
