"""Watching: what to do when a run or a transform begins, ends or fails.

Input:  [observe], and what the command knows.
Output: metrics, events and notices, as far as they are wanted. What goes wrong here is a warning, and no more.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError, LockedError, described
from bookings_sync.models.transform import TransformResult
from bookings_sync.observe.drift import new_fields
from bookings_sync.observe.lineage import Lineage
from bookings_sync.observe.metrics import write_metrics
from bookings_sync.observe.notify import Notice, send
from bookings_sync.observe.settings import Observing
from bookings_sync.status import read_status

if TYPE_CHECKING:
    from bookings_sync.sync.pipeline import SyncResult  # a transform needs nothing of what reads the API

log = logging.getLogger(__name__)

_LINES = 10
"""A notice is read on a telephone."""

Open = Callable[[], AbstractContextManager[SqlClientBase[Any]]]


class Watch:
    """Watches one command. `clock` gives the time in UTC; `open_client` opens the raw dataset, once a run has ended."""

    def __init__(
        self, observing: Observing, settings: Settings, *, clock: Callable[[], DateTime], open_client: Open
    ) -> None:
        self._observing = observing
        self._settings = settings
        self._clock = clock
        self._open_client = open_client
        self._lineage: Lineage | None = None
        if observing.openlineage:
            with _as_warning("OpenLineage"):
                self._lineage = Lineage(observing.openlineage_namespace, settings)

    @contextmanager
    def sync(self, run_id: str) -> Iterator[Callable[[SyncResult], None]]:
        """Around a run; call what it gives with the run's result. An error of the run goes on as it was."""
        if self._lineage:
            with _as_warning("OpenLineage"):
                self._lineage.sync_began(run_id, self._clock())
        try:
            yield self._synced
        except LockedError:
            raise  # another run is doing the work
        except Exception as error:
            self._tell_of_run(run_id, None)
            text = str(error) if isinstance(error, BookingsError) else described(error)
            self._notify(Notice("failed", "the sync failed", run_id, (text,)))
            raise

    @contextmanager
    def transform(self) -> Iterator[Callable[[TransformResult], None]]:
        """Around a transform; call what it gives with the result."""
        try:
            yield self._transformed
        except LockedError:
            raise
        except Exception as error:
            text = str(error) if isinstance(error, BookingsError) else described(error)
            self._notify(
                Notice("failed", "the transform failed: the tables of before stand", "", tuple(text.split("\n")))
            )
            raise

    def _synced(self, result: SyncResult) -> None:
        run_id = str(result.row["run_id"])
        self._tell_of_run(run_id, result)
        if result.outcome != "ok":
            errors = tuple(dict.fromkeys(json.loads(result.row["errors"])))
            text = "no location was synced" if result.outcome == "failed" else "some locations were not synced"
            self._notify(Notice(result.outcome, text, run_id, errors))
        if self._observing.notifies and {"stale", "schema"} & set(self._observing.notify_on):
            with _as_warning("what to notify of"), self._open_client() as client:
                self._look(client, result)

    def _transformed(self, result: TransformResult) -> None:
        if self._lineage:
            with _as_warning("OpenLineage"):
                self._lineage.transformed(result, self._clock())

    def _tell_of_run(self, run_id: str, result: SyncResult | None) -> None:
        row = result.row if result else None
        if self._lineage:
            with _as_warning("OpenLineage"):
                self._lineage.sync_ended(run_id, row, self._clock())
        if self._observing.metrics_file:
            with _as_warning("the metrics"):
                write_metrics(Path(self._observing.metrics_file), row, now=self._clock())

    def _look(self, client: SqlClientBase[Any], result: SyncResult) -> None:
        """Looks in the warehouse for what the run itself does not tell."""
        run_id, now = str(result.row["run_id"]), self._clock()
        hours = self._observing.stale_after_hours
        stale = [
            f"{each.name}: {each.fresh_at or 'never'}"
            for each in read_status(client, self._settings, now=now, runs=1).locations
            if each.name in self._settings.locations
            and (each.fresh_at is None or now - each.fresh_at > timedelta(hours=hours))
        ]
        if stale:
            self._notify(Notice("stale", f"not read for {hours} hours", run_id, tuple(stale)))
        drifted = [f"new field {each}" for each in new_fields(client, since=result.row["started_at"])]
        if rejected := result.row["rows_rejected"]:
            drifted.append(f"{rejected} records that do not fit: see bookings status")
        if drifted:
            self._notify(Notice("schema", "the API sends what it did not send before", run_id, tuple(drifted)))

    def _notify(self, notice: Notice) -> None:
        more = len(notice.details) - _LINES
        if more > 0:
            details = (*notice.details[:_LINES], f"and {more} more")
            notice = Notice(notice.event, notice.text, notice.run_id, details)
        for problem in send(notice, self._observing):
            log.warning("not notified: %s", problem)


@contextmanager
def _as_warning(what: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        log.warning("%s: %s is not installed; pip install 'bookings-sync[observe]'", what, error.name)
    except Exception as error:  # noqa: BLE001 - whatever it was, the run is done and must not fail for it
        log.warning("%s could not be told: %s", what, described(error))
