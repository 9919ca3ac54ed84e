"""Reply caps: whether the API may have cut a list off.

No list of the API pages, and whether the API limits a reply without saying so is UNK. A reply with exactly as many
records as a usual limit, and with no larger one seen, is therefore read again in halves, which show the rest.
"""

from __future__ import annotations

from bookings_sync.planning.ledger import Ledger
from bookings_sync.planning.windows import Window

_USUAL = frozenset({20, 25, 50, 100, 200, 250, 300, 400, 500, 1_000, 2_000, 2_500, 5_000, 10_000})
"""Numbers of records at which APIs limit their lists."""


class ReplyCaps:
    """Watches the sizes of replies. `configured` is the setting `reply_cap`; 0 means that no cap is known."""

    def __init__(self, configured: int, ledger: Ledger) -> None:
        self._configured = configured
        self._ledger = ledger
        self._largest: dict[str, int] = {}

    def may_be_cut_off(self, location_id: str, window: Window, count: int) -> bool:
        """Whether a reply of `count` records may be incomplete."""
        if not count or not window.can_split:
            return False
        if self._configured:
            return count >= self._configured
        return count in _USUAL and count >= self._largest_reply(location_id)

    @property
    def is_guess(self) -> bool:
        """Whether the answer comes from the usual limits, because no cap is configured."""
        return not self._configured

    def add(self, location_id: str, count: int) -> None:
        """Records the size of a reply."""
        self._largest[location_id] = max(self._largest.get(location_id, 0), count)

    def _largest_reply(self, location_id: str) -> int:
        return max(self._largest.get(location_id, 0), self._ledger.largest_reply(location_id))
