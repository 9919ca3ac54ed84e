"""Watch: reports when a sync or a transform begins, ends or fails.

Input:  [observe]; the result or the error of a command.
Output: metrics, OpenLineage events and notices, as configured. A problem here is a warning, never an error.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.error_text import described
from bookings_sync.errors import BookingsError, LockedError
from bookings_sync.observe.metrics import write_metrics
from bookings_sync.observe.notify import Notice, send
from bookings_sync.observe.settings import ObserveSettings

# Each command imports this module, so what only some of them need is imported when it is used: `sync.pipeline` reads
# the API, and `lineage`, `drift` and `status` read models.
if TYPE_CHECKING:
    from dlt.destinations.sql_client import SqlClientBase

    from bookings_sync.models.transform import TransformResult
    from bookings_sync.observe.lineage import Lineage
    from bookings_sync.sync.pipeline import SyncResult
    from bookings_sync.warehouse.unseen_changes import UnseenChanges

    OpenClient = Callable[[], AbstractContextManager[SqlClientBase[Any]]]

log = logging.getLogger(__name__)

_MOST_DETAILS = 10
"""Detail lines of a notice. People read notices on a phone."""


class Watch:
    """Watches one command. `clock` returns the time in UTC; `open_client` opens the raw dataset after the run."""

    def __init__(
        self, observe: ObserveSettings, settings: Settings, *, clock: Callable[[], DateTime], open_client: OpenClient
    ) -> None:
        self._observe = observe
        self._settings = settings
        self._clock = clock
        self._open_client = open_client
        self._last_outcome = ""
        self._unseen: dict[str, UnseenChanges] = {}
        self._lineage: Lineage | None = None
        if observe.openlineage:
            with _as_warning("sending OpenLineage events"):
                from bookings_sync.observe.lineage import Lineage

                self._lineage = Lineage(observe.openlineage_namespace, settings)

    @contextmanager
    def sync(self, run_id: str) -> Iterator[Callable[[SyncResult], None]]:
        """Wraps a sync. Yields a function to call with the result. Reports an error of the sync and raises it again."""
        if self._lineage:
            with _as_warning("sending OpenLineage events"):
                self._lineage.sync_began(run_id, self._clock())
        try:
            yield self._synced
        except LockedError:
            raise  # another run is doing the work
        except Exception as error:
            self._report_run(run_id, None)
            self._notify(Notice("failed", "the sync failed", run_id, (_message(error),)))
            raise

    @contextmanager
    def transform(self) -> Iterator[Callable[[TransformResult], None]]:
        """Wraps a transform, like `sync`."""
        try:
            yield self._transformed
        except LockedError:
            raise
        except Exception as error:
            details = tuple(_message(error).split("\n"))
            self._notify(Notice("failed", "the transform failed and published nothing", "", details))
            raise

    def _synced(self, result: SyncResult) -> None:
        run_id = str(result.row["run_id"])
        self._report_run(run_id, result)
        if result.outcome in ("failed", "partial"):
            errors = tuple(dict.fromkeys(json.loads(result.row["errors"])))
            text = "no location was synced" if result.outcome == "failed" else "some locations were not synced"
            self._notify(Notice(result.outcome, text, run_id, errors))
        if held := result.held:
            self._notify(Notice("held", "deletions are held back: see `bookings status`", run_id, tuple(held)))
        if self._observe.notifies and {"stale", "schema"} & set(self._observe.notify_on):
            with _as_warning("the check for stale locations and new fields"), self._open_client() as client:
                self._notify_of_stale(client, run_id)
                self._notify_of_drift(client, result)

    def followed(self, result: SyncResult) -> None:
        """Reports one of the many runs of `follow`: its metrics, and the rest if its outcome is not the last one's."""
        if result.outcome != self._last_outcome:
            self._last_outcome = result.outcome
            self._synced(result)
        else:
            self._write_metrics(result.row, has_changes=bool(result.changes.total))

    def _transformed(self, result: TransformResult) -> None:
        if self._lineage:
            with _as_warning("sending OpenLineage events"):
                self._lineage.transformed(result, self._clock())

    def _report_run(self, run_id: str, result: SyncResult | None) -> None:
        row = result.row if result else None
        if self._lineage:
            with _as_warning("sending OpenLineage events"):
                self._lineage.sync_ended(run_id, row, self._clock())
        self._write_metrics(row)

    def _write_metrics(self, row: Mapping[str, Any] | None, *, has_changes: bool = True) -> None:
        if self._observe.metrics_file:
            with _as_warning("writing the metrics"):
                if row and has_changes:
                    self._measure_freshness()
                write_metrics(Path(self._observe.metrics_file), row, self._unseen, now=self._clock())

    def _measure_freshness(self) -> None:
        from bookings_sync.warehouse.unseen_changes import unseen_changes

        with suppress(LockedError), self._open_client() as client:  # another run has begun: the last figures stay
            self._unseen = unseen_changes(client, now=self._clock())

    def _notify_of_stale(self, client: SqlClientBase[Any], run_id: str) -> None:
        from bookings_sync.status import read_status, stale

        now, hours = self._clock(), self._observe.stale_after_hours
        status = read_status(client, self._settings, now=now, runs=1)
        late = stale(status, self._settings.locations, now=now, after=timedelta(hours=hours))
        if late:
            details = tuple(f"{each.name}: {each.fresh_at or 'never'}" for each in late)
            self._notify(Notice("stale", f"not read for {hours} hours", run_id, details))

    def _notify_of_drift(self, client: SqlClientBase[Any], result: SyncResult) -> None:
        from bookings_sync.observe.drift import new_fields

        details = [f"new field {each}" for each in new_fields(client, since=result.row["started_at"])]
        if rejected := result.row["rows_rejected"]:
            details.append(f"{rejected} rejected records: see `bookings status`")
        if details:
            text = "the API sends fields or records that it did not send before"
            self._notify(Notice("schema", text, str(result.row["run_id"]), tuple(details)))

    def _notify(self, notice: Notice) -> None:
        more = len(notice.details) - _MOST_DETAILS
        if more > 0:
            details = (*notice.details[:_MOST_DETAILS], f"and {more} more")
            notice = Notice(notice.event, notice.text, notice.run_id, details)
        for problem in send(notice, self._observe):
            log.warning("notice not sent: %s", problem)


def _message(error: Exception) -> str:
    """The error's message. Only our own errors are free of personal data; of others, `described` gives the kind."""
    return str(error) if isinstance(error, BookingsError) else described(error)


@contextmanager
def _as_warning(part: str) -> Iterator[None]:
    """Logs an error of one part as a warning."""
    try:
        yield
    except ImportError as error:
        log.warning("%s: %s is not installed; pip install 'bookings-sync[observe]'", part, error.name)
    except Exception as error:  # noqa: BLE001 - the run is done and must not fail because of its reports
        log.warning("%s failed: %s", part, described(error))
