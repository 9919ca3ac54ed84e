"""Lists: asks for the appointments of one window, and decodes no more of the reply than needed.

Input:  a planned read, and what the ledger knows of the last reply for the same window.
Output: `Listing`: the records that may be new, and their rows, which know the list that they came from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bookings_sync.api.client import Client
from bookings_sync.api.listing import Listing, decode_all, diff_decoder, split_decoder
from bookings_sync.changes.contact_cache import ContactCache, ContactCaches
from bookings_sync.changes.rereading import Rereading
from bookings_sync.dialects.replies import Reply
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.plan import PlannedRead, window_of
from bookings_sync.planning.windows import Window
from bookings_sync.records.decoding import appointment_rows
from bookings_sync.records.deletion_marks import DeletionMarks
from bookings_sync.records.fast_path import reader
from bookings_sync.records.json_text import Unreadable
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.rows import Batch
from bookings_sync.records.variants import HeldDigests
from bookings_sync.sync.kept_replies import KeptReplies
from bookings_sync.sync.reading import DecodingTurn


class AppointmentLists:
    """Sends the list calls of one load. `hot` is the range that every run reads, `rules` fingerprint how a
    location's lists are read."""

    def __init__(
        self,
        client: Callable[[str], Client],
        ledger: Ledger,
        caches: ContactCaches,
        privacy: Privacy,
        rules: Callable[[str], str],
        rereading: Rereading,
        hot: Window,
        held: HeldDigests,
        marks: DeletionMarks,
        kept: KeptReplies,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._caches = caches
        self._privacy = privacy
        self._rules = rules
        self._rereading = rereading
        self._hot = hot
        self._held = held
        self._marks = marks
        self._kept = kept

    def ask(self, read: PlannedRead, turn: DecodingTurn) -> Reply[Listing]:
        """The reply for a planned read."""
        known = None if read.is_probe else self.last_read(read)
        decode = turn.wait_for(self._decoder(read, known))
        digest = known.reply_digest if known else None
        client, sent = self._client(read.location_id), read.sends or window_of(read)
        kept = None if read.is_probe else self._kept.take(client.location.name, read.scope, sent)
        if kept is not None:
            try:
                records = None if kept.digest == digest else decode(kept.records or b"")
                return Reply(records, kept.digest, kept.bytes, kept.sent_at, kept.seconds, kept.requests)
            except Unreadable:
                pass  # requested again, with retries
        return client.list_appointments(read.scope, sent, digest, decode)

    def rows(self, read: PlannedRead, listing: Listing) -> Batch:
        """The typed rows of a reply. Contacts that the cache holds are left out."""
        cache = self._cache_for(read)
        zone = self._client(read.location_id).location.timezone
        batch = appointment_rows(read.location_id, listing.records, self._privacy, cache, self._held, self._marks, zone)
        batch.rows["appointments"].listed_by = read.scope
        return batch

    def last_read(self, read: PlannedRead) -> Read | None:
        """The last read of the same window, if the warehouse still holds exactly what its reply said."""
        return self._ledger.relied_on(read.location_id, read.scope, window_of(read), self._rules(read.location_id))

    def _cache_for(self, read: PlannedRead) -> ContactCache:
        return self._caches.of(outdated=self._rereading.is_outdated(read))

    def _decoder(self, read: PlannedRead, known: Read | None) -> Callable[[bytes], Listing]:
        names = self._client(read.location_id).dialect.appointments
        if not self._privacy.keeps_all_of_most:
            # The digest of a personal value could be tried out, so none is kept, and each record is decoded.
            return partial(decode_all, names=names)
        read_record = reader(read.location_id, self._cache_for(read), self._privacy.erased, names)
        # Digests of single records pay off where every run reads the window.
        if read.sends is None and not read.is_probe and window_of(read).overlaps(self._hot):
            return diff_decoder(known.record_digests if known else None, read_record, names)
        return split_decoder(read_record, names)
