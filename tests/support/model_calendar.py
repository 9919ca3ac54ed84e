"""A calendar that changes step by step in the raw tables, to compare incremental builds with full builds."""

from __future__ import annotations

from typing import Any

from .model_warehouse import NOW, Warehouse

STARTS = [
    "2025-03-05T09:00:00Z",
    "2025-03-09T23:30:00Z",
    "2025-10-26T00:30:00Z",
    None,
    "2025-03-10T18:40:00Z",
    "2025-03-11T08:00:00Z",
    "2024-12-30T10:00:00Z",
]
STABLE = 30
"""Appointments that never change. With fewer, a few changes are over a fifth of all versions: a full build."""


class Calendar:
    """Raw tables as syncs leave them: each version is seen ten minutes after the version before."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.now = NOW
        for dataset in ("staging_data", "marts_data", "staging_data_full", "marts_data_full"):
            warehouse.client.execute_sql(f"DROP SCHEMA IF EXISTS {dataset} CASCADE")
        warehouse.create_raw()
        self.see("locations", {"name": "One"}, timezone="Europe/Berlin")
        self.see("services", {"id": "S1"}, slot_duration=30, team_id="T1")
        self.read()
        for number in range(STABLE):
            self.book(f"stable{number}", STARTS[number % 4], number)

    def see(self, table: str, key: dict[str, Any], **values: Any) -> None:
        """Adds a version and ends the one before."""
        self.now = self.now.add(minutes=10)
        at, where = self.now.isoformat(), " AND ".join(f"{name} = '{value}'" for name, value in key.items())
        self.warehouse.client.execute_sql(
            f"UPDATE raw_data.{table} SET _dlt_valid_to = '{at}' WHERE _dlt_valid_to IS NULL AND {where}"
        )
        self.warehouse.insert(table, {**key, **values, "_dlt_valid_from": at})

    def book(self, key: str, start: str | None, number: int, **more: Any) -> None:
        """Adds a version of an appointment. `number` chooses service, contact, member, status and booking time."""
        self.see(
            "appointments",
            {"id": key},
            start_time=start,
            service_id=["S1", "S2", ""][number % 3],
            contact_id=[f"C{number % 4}", None][number % 5 == 4],
            user_id=["U1", "U2", None][number % 3],
            appoinment_status=["new", "showed", "noshow", "cancelled"][number % 4],
            created_at=[None, "2025-02-01T00:00:00Z"][number % 2],
            selected_timezone="Asia/Tokyo",
            timezone="Asia/Tokyo",
            **more,
        )

    def take(self, step: tuple[Any, ...]) -> None:
        """Makes one change, or runs a transform."""
        match step:
            case ("transform",):
                self.transform()
            case ("select", pattern):
                self.transform(select=[pattern])
            case ("wait", minutes):
                self.now = self.now.add(minutes=minutes)
            case ("early", minutes):
                self.warehouse.transform(now=self.now.subtract(minutes=minutes))
            case ("drop", model):
                self.warehouse.client.execute_sql(f"DROP TABLE IF EXISTS {self._live(model)}")
            case ("lose", model):
                self.lose(model)
            case _:
                self._sync(step)

    def _sync(self, step: tuple[Any, ...]) -> None:
        """A sync that found one change."""
        match step:
            case ("book", key, start, number):
                self.book(key, start, number)
            case ("delete", key):
                self.book(key, STARTS[1], 3, deleted_at=self.now.isoformat())
            case ("vanish", key):
                self.warehouse.client.execute_sql(f"DELETE FROM raw_data.appointments WHERE id = '{key}'")
            case ("service", key, minutes):
                self.see("services", {"id": key}, slot_duration=minutes, team_id="T1")
            case ("zone", zone):
                self.see("locations", {"name": "One"}, timezone=zone)
            case ("slot", start):
                self.see("slots", {"service_id": "S1", "start_time": start})
            case ("hours", opens):
                key = {"service_id": "S1", "weekday": "Tuesday", "position": 0}
                self.see("service_hours", key, open_hour=opens, open_minute=0, close_hour=opens + 8, close_minute=0)
            case ("member", member, is_selected):
                self.see("service_members", {"service_id": "S1", "user_id": member}, selected=is_selected)
            case ("team", name):
                self.see("teams", {"id": "T1"}, name=name)
                self.see("team_members", {"team_id": "T1", "user_id": "U1"}, name=name)
            case ("contact", key, source):
                self.see("contacts", {"id": key}, source=source, date_added="2025-01-31T12:00:00Z")
            case ("read",):
                self.read()

    def read(self) -> None:
        """A sync that found nothing new."""
        self.now = self.now.add(minutes=10)
        at = self.now.isoformat()
        self.warehouse.client.execute_sql(f"DELETE FROM {self.warehouse.datasets.raw}.reads")
        for endpoint in ("appointments", "slots"):
            self.warehouse.insert(
                "reads",
                {
                    "read_id": endpoint,
                    "endpoint": endpoint,
                    "scope": "service",
                    "scope_id": "S1",
                    "window_start": "2025-03-01T00:00:00Z",
                    "window_end": "2025-03-11T00:00:00Z",
                    "read_at": at,
                },
            )
        locations = '[{"location_id": "L1", "outcome": "ok"}]'
        self.warehouse.insert("runs", {"run_id": at, "started_at": at, "ended_at": at, "locations": locations})

    def lose(self, model: str) -> None:
        """Somebody deletes a published row by hand."""
        live = self._live(model)
        if live in self.warehouse.tables():
            self.warehouse.client.execute_sql(f"DELETE FROM {live} WHERE rowid = (SELECT MIN(rowid) FROM {live})")

    def _live(self, model: str) -> str:
        return f"{self.warehouse.datasets.of(self.warehouse.project.models[model].layer)}.{model}"

    def transform(self, **options: Any) -> int | None:
        """Returns the number of rebuilt appointments; None after a full build."""
        return self.warehouse.transform(now=self.now, **options).rebuilt

    def check(self) -> None:
        """Asserts that every live model equals a full build at the same time."""
        assert self.transform(dev="full") is None
        for model in self.warehouse.project.models.values():
            columns, dataset = ", ".join(model.header.columns), self.warehouse.datasets.of(model.layer)
            live, full = (
                sorted(
                    map(_rounded, self.warehouse.client.execute_sql(f"SELECT {columns} FROM {name}.{model.name}") or ())
                )
                for name in (dataset, f"{dataset}_full")
            )
            assert live == full, model.name

    def statuses(self) -> dict[str, str]:
        rows = self.warehouse.client.execute_sql("SELECT appointment_id, status FROM marts_data.fct_appointments")
        return dict(rows or ())


def _rounded(row: tuple[Any, ...]) -> str:
    """A row as text. Floats have nine digits, because a mean depends on the order of its values."""
    return str([f"{value:.9g}" if isinstance(value, float) else value for value in row])
