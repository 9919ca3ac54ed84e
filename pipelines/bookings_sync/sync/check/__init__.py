"""Check: tries each location's key, and each endpoint that a sync reads.

Input:  settings, and the live API, which is only read.
Output: `LocationCheck`s: findings, each with a fix if something is wrong. A check also answers for one host what the
        documentation leaves open (UNK): which scopes list everything, what windows contain, whether lists are capped,
        and how an unknown id is refused.

`checking` runs the steps of one location: `access`, `lists`, `windows`, `by_id`, `extras`. They share `state.State`.
"""

from bookings_sync.dialects.findings import Finding, Verdict
from bookings_sync.sync.check.checking import LocationCheck, check

__all__ = ["Finding", "LocationCheck", "Verdict", "check"]
