"""Completed reads: turns an answered read into an entry of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pendulum import DateTime

from bookings_sync.changes.journal import Journal
from bookings_sync.dialects.replies import Reply
from bookings_sync.planning.contacts import Progress
from bookings_sync.planning.ledger import Endpoint, Read
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import to_ms

WHOLE = "whole"
"""The digest of an entry about contacts: later loads are complete, as far as they are known."""


class Totals(NamedTuple):
    """What several replies amount to: their bytes, the rows in them, and the seconds that they took."""

    bytes: int = 0
    rows: int = 0
    seconds: float = 0.0


class CompletedReads:
    """Adds the completed reads of one run to the journal of a load. `rules` fingerprint how each endpoint of
    a location is read, `ways_before` how a list was read before a run."""

    def __init__(
        self,
        journal: Journal,
        run_id: str,
        rules: Callable[[str, Endpoint], str],
        ways_before: Callable[[PlannedRead, str], str | None],
        clock: Callable[[], DateTime],
    ) -> None:
        self._journal = journal
        self._run_id = run_id
        self._rules = rules
        self._ways_before = ways_before
        self._clock = clock

    def add(
        self,
        planned: PlannedRead,
        replies: Sequence[Reply[Any]],
        *,
        rows: int,
        comparable: bool = True,
        rules: str | None = None,
        record_digests: bytes | None = None,
    ) -> Read:
        """Adds a read that was answered in full.

        `replies` is empty if the API refused the list because its scope exists no more. Without `comparable`, the
        next reply is decoded even if it is equal. `rules` replace the run's own if the reply depended on more than
        these.
        """
        read = Read(
            location_id=planned.location_id,
            endpoint=planned.endpoint,
            scope=planned.scope,
            window=planned.window,
            read_at_ms=to_ms(replies[0].sent_at if replies else self._clock()),
            run_id=self._run_id,
            rules=rules or self._rules(planned.location_id, planned.endpoint),
            reply_digest=replies[0].digest if replies and comparable else None,
            reply_bytes=sum(reply.bytes for reply in replies),
            reply_rows=rows,
            seconds=sum(reply.seconds for reply in replies),
            record_digests=record_digests,
            rules_before=self._ways_before(planned, self._run_id),
        )
        self._journal.complete(read)
        return read

    def contacts(self, location_id: str, progress: Progress, totals: Totals, *, is_whole: bool) -> None:
        """Adds the entry about the contacts that the location's API lists on their own. `is_whole`: no torn load may
        have changed held contacts since."""
        scope = Scope("location", location_id)
        planned = PlannedRead(location_id, "contacts", scope, None, "list")
        read = Read(
            location_id,
            "contacts",
            scope,
            None,
            to_ms(self._clock()),
            self._run_id,
            progress.text,
            WHOLE if is_whole else None,
            totals.bytes,
            totals.rows,
            totals.seconds,
            rules_before=self._ways_before(planned, self._run_id),
        )
        self._journal.complete(read)

    def contents(self, location_id: str, contents: str) -> Read:
        """The ledger's entry about the rows that a location has now."""
        scope, at_ms = Scope("location", location_id), to_ms(self._clock())
        return Read(location_id, "contents", scope, None, at_ms, self._run_id, "", None, 0, 0, 0.0, contents=contents)
