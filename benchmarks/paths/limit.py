"""The limit: fetches the same replies with httpx and reads them with DuckDB's JSON reader into typed tables.

No plan, no diff, no history, no `extra`, no quarantine: a connector cannot be much faster. Each reply goes through a
file, because holding all replies takes more memory.
Usage: python limit.py REQUESTS DATABASE, where REQUESTS is a JSON list of {"url", "key"}.
Prints {"rows", "contacts", "custom_fields", "bytes", "fetch_cpu_s"}.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import httpx

# fmt: off
TEXTS = (
    "id", "calendarServiceId", "calendarProviderId", "calendarId", "userId", "assignedUserId", "userCalendarId",
    "contactId", "locationId", "status", "appoinmentStatus", "appointmentStatus", "title", "notes", "address",
    "selectedTimezone",
)
CONTACT_TEXTS = (
    "id", "locationId", "email", "emailLowerCase", "firstName", "lastName", "phone", "fingerprint", "timezone",
    "country", "source", "type", "postalCode",
)
# fmt: on


def fetch(requests: list[dict[str, str]], folder: Path) -> int:
    """Writes each reply to a file. Returns the total number of bytes."""
    size = 0
    with httpx.Client(timeout=120, trust_env=False) as client:
        for number, request in enumerate(requests):
            reply = client.get(request["url"], headers={"Authorization": f"Bearer {request['key']}"})
            reply.raise_for_status()
            size += len(reply.content)
            (folder / f"{number:06}.json").write_bytes(reply.content)
    return size


def load(folder: Path, database: str) -> dict[str, int]:
    """Loads appointments, contacts and custom fields as typed tables. Returns the rows of each."""
    contact = ", ".join(f'"{name}" VARCHAR' for name in CONTACT_TEXTS)
    fields = 'STRUCT(id VARCHAR, "value" JSON)[]'
    record = (
        ", ".join(f'"{name}" VARCHAR' for name in TEXTS)
        + ', "startTime" TIMESTAMPTZ, "endTime" TIMESTAMPTZ, "createdAt" TIMESTAMPTZ, "updatedAt" TIMESTAMPTZ'
        + ', "isRecurring" BOOLEAN, "isFree" BOOLEAN'
        + f', contact STRUCT({contact}, "dateAdded" TIMESTAMPTZ, tags JSON, "customField" {fields})'
    )
    with duckdb.connect(database) as connection:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        connection.execute(f"""
            CREATE TEMP TABLE records AS
            SELECT unnest(appointments, max_depth := 2) FROM read_json(
                '{folder}/*.json', format = 'unstructured', columns = {{appointments: 'STRUCT({record})[]'}},
                maximum_object_size = 200000000)""")
        connection.execute("CREATE TABLE appointments AS SELECT * EXCLUDE (contact) FROM records")
        connection.execute("""CREATE TABLE contacts AS SELECT contact.* FROM (
            SELECT any_value(contact) AS contact FROM records WHERE contact IS NOT NULL GROUP BY contact.id)""")
        connection.execute("""CREATE TABLE contact_custom_fields AS
            SELECT id AS contact_id, unnest("customField", recursive := true) FROM contacts""")
        connection.execute('ALTER TABLE contacts DROP "customField"')
        tables = {"rows": "appointments", "contacts": "contacts", "custom_fields": "contact_custom_fields"}
        return {
            name: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for name, table in tables.items()
        }


def main() -> None:
    requests, database = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        size = fetch(json.loads(Path(requests).read_bytes()), Path(folder))
        fetch_cpu_s = round(time.process_time() - began, 3)
        print(json.dumps(load(Path(folder), database) | {"bytes": size, "fetch_cpu_s": fetch_cpu_s}))


if __name__ == "__main__":
    main()
