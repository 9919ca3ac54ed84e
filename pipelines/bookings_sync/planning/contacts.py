"""Contacts of an API that lists them on their own: which of them a run asks for, and how. Pure.

Input:  what earlier runs have read (`Progress`, in the ledger), the contacts that appointments mention and the
        warehouse lacks, and the number of contacts that it holds.
Output: `Step`s: a page of the API's list, contacts to ask for by their ids, or held contacts to read again.

Only contacts that appointments mention are stored. A run does three things, in this order:

- It searches the pages for the contacts that are lacking, until all are found. If fewer are lacking than pages are
  left, it asks for them by their ids instead.
- It reads its share of the walk. A walk reads all held contacts again, evenly over 9/10 of `cold_reread_days`: page by
  page, or one by one if the pages are more than the held contacts. The cursor is in the ledger.
- If the API can leave out contacts that did not change (UNK, setting `contacts_changed_filter`), it reads the others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Any, Literal, NamedTuple

from bookings_sync.planning.ledger import LOST, Read

SLACK = 0.9
"""The part of `cold_reread_days` that a walk takes. The rest is for the time between runs."""

_OVERLAP_MS = 3_600_000
"""Milliseconds. The clocks of the API and of this computer may differ."""

_IDS_PER_STEP = 1_000
"""Held contacts that one step asks for at most."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a location's earlier reads of contacts have come to.

    `rules` fingerprint how the present walk reads. `ways` are the other ways in which a held contact may have been read
    last. The walk began at `began_ms` (epoch milliseconds; 0: not yet) and has done `steps`: pages or ids. `seen`
    counts the contacts on its pages, `size` is the size of its largest page. `total` and `pages` are the API's contacts
    and their pages as last seen; 0 if unknown. `searched` counts the pages of a search that is not over.
    `is_exhausted`: a search has come to the end of the list. `changed_ms` is since when changes have yet to be asked
    for.
    """

    rules: str
    ways: tuple[str, ...] = ()
    began_ms: int = 0
    by: Literal["pages", "ids"] = "pages"
    cursor: str | None = None
    steps: int = 0
    seen: int = 0
    size: int = 0
    total: int = 0
    pages: int = 0
    searched: int = 0
    search_cursor: str | None = None
    is_exhausted: bool = False
    changed_ms: int = 0

    @property
    def text(self) -> str:
        """The progress as the ledger has it in `rules`: the fingerprint, a space, and JSON."""
        known = {name: value for name, value in asdict(self).items() if value and name != "rules"}
        return f"{self.rules} {json.dumps(known, sort_keys=True, separators=(',', ':'))}"


def progress_of(read: Read | None) -> Progress | None:
    """The progress in an entry of the ledger; None if there is none, or if the warehouse may have lost contacts."""
    if read is None:
        return None
    rules, _, text = read.rules.partition(" ")
    if not text:
        return None
    known: dict[str, Any] = json.loads(text)
    return Progress(rules, **{**known, "ways": tuple(known.get("ways", ()))})


def ways_of(read: Read) -> tuple[str, ...]:
    """The ways in which the held contacts were last read, from an entry of the ledger."""
    progress = progress_of(read)
    return (read.rules.partition(" ")[0], *(progress.ways if progress else ()))


class Page(NamedTuple):
    """A step: the page at `cursor`, of a search, of the walk, or of the contacts that changed since an instant (epoch
    milliseconds)."""

    purpose: Literal["search", "walk", "changed"]
    cursor: str | None
    since_ms: int | None = None


class Lacking(NamedTuple):
    """A step: these contacts, each by its id."""

    ids: tuple[str, ...]


class Held(NamedTuple):
    """A step: the next held contacts after the id `after`, in the order of their ids, at most `most`."""

    after: str | None
    most: int


Step = Page | Lacking | Held


@dataclass(slots=True)
class ContactWork:
    """The work of one run for one location.

    `lacking` are the ids to find, `held` is the number of held contacts. `rules` fingerprint how this run reads.
    `period_ms` is the length of a walk. Without `walks`, only lacking contacts are read.
    """

    progress: Progress | None
    lacking: set[str]
    held: int
    rules: str
    now_ms: int
    cadence_ms: int
    walks: bool = True
    uses_filter: bool = False
    repeats: bool = False
    """Whether the API repeated a page that came before."""
    ignores_filter: bool = False
    _cursors: set[tuple[str, str]] = field(default_factory=set)
    _changed_cursor: str | None = None
    _is_changed_read: bool = False

    def __post_init__(self) -> None:
        if self.progress is None and (self.held or self.lacking):
            # No entry although contacts are held: the ledger lost it, or they must all be compared again.
            ways: tuple[str, ...] = (LOST,) if self.held else ()
            changed_ms = 0 if self.held else self.now_ms
            self.progress = Progress(self.rules, ways, self.now_ms, changed_ms=changed_ms)
        elif self.progress is not None and self.progress.rules != self.rules:
            last = self.progress
            ways = tuple(dict.fromkeys((*last.ways, last.rules)))
            begun = Progress(self.rules, ways, self.now_ms, changed_ms=last.changed_ms)
            self.progress = replace(begun, total=last.total, pages=last.pages)

    # -- what is next --------------------------------------------------------------------------------------------------

    def next(self) -> Step | None:
        """The next step; None if nothing is left for this run."""
        progress = self.progress
        if progress is None:
            return None
        if self.lacking:
            if self._searches(progress):
                return Page("search", progress.search_cursor)
            return Lacking(tuple(sorted(self.lacking)))
        if progress.searched or progress.is_exhausted:
            progress = self.progress = replace(progress, searched=0, search_cursor=None, is_exhausted=False)
        if not self.walks:
            return None
        if count := self._due(progress):
            if progress.by == "pages":
                return Page("walk", progress.cursor)
            return Held(progress.cursor, min(count, _IDS_PER_STEP))
        return self._changed(progress)

    def _searches(self, progress: Progress) -> bool:
        """Whether lacking contacts are looked for on the pages of the API's list, rather than by their ids."""
        if progress.is_exhausted or len(self.lacking) == 1:
            return False
        return not progress.pages or len(self.lacking) > progress.pages - progress.searched

    def _due(self, progress: Progress) -> int:
        """The steps of the walk that this run has yet to do."""
        if not self.held:
            return 0
        length = (progress.pages if progress.by == "pages" else self.held) or progress.steps + 1
        left = max(length - progress.steps, 1)
        is_unknown = progress.by == "pages" and not progress.pages  # how many pages there are, the walk finds out
        if is_unknown or self._is_at_once(progress):
            return left
        elapsed = (self.now_ms - progress.began_ms) / self._period_ms
        return min(left, max(int(length * elapsed) - progress.steps, 0))

    def _is_at_once(self, progress: Progress) -> bool:
        """Whether the walk is read to its end in this run."""
        return bool(progress.ways) or not progress.began_ms or self._is_over(progress)

    def _is_over(self, progress: Progress) -> bool:
        """Whether the time of the present walk has passed, or its clock was wrong."""
        return not 0 <= self.now_ms - progress.began_ms < self._period_ms

    @property
    def _period_ms(self) -> float:
        return self.cadence_ms * SLACK

    def _changed(self, progress: Progress) -> Step | None:
        if not self.uses_filter or self._is_changed_read or not self.held or progress.changed_ms == self.now_ms:
            return None
        since_ms = (progress.changed_ms or self.now_ms - self.cadence_ms) - _OVERLAP_MS
        return Page("changed", self._changed_cursor, min(since_ms, self.now_ms))

    # -- what the API answered -----------------------------------------------------------------------------------------

    def take_page(self, page: Page, ids: Collection[str], size: int, cursor: str | None, total: int | None) -> None:
        """Takes in a page. `ids` are those of its contacts, `size` counts its records."""
        assert self.progress is not None  # noqa: S101 - a step came from it
        self.found(ids)
        goes_round = cursor is not None and (
            not size or cursor == page.cursor or (page.purpose, cursor) in self._cursors
        )
        self.repeats |= goes_round
        if cursor is not None:
            self._cursors.add((page.purpose, cursor))
        if page.purpose == "changed":
            self._take_changed(cursor, total, goes_round=goes_round)
            return
        was_unknown = not self.progress.pages
        largest = max(size, self.progress.size)
        self.progress = replace(self.progress, size=largest)
        if total and size and cursor is not None:
            self.progress = replace(self.progress, total=total, pages=ceil(total / largest))
        if page.purpose == "search":
            self._take_searched(cursor, size, goes_round=goes_round)
        else:
            self._take_walked(size, cursor, total, goes_round=goes_round)
            if was_unknown and self.progress.pages and not self._is_at_once(self.progress) and self.progress.cursor:
                # This page came before its time. It comes again at its time, because all pages keep their distance.
                self.progress = replace(self.progress, cursor=None, steps=0, seen=0)
                self._cursors.clear()

    def _take_searched(self, cursor: str | None, size: int, *, goes_round: bool) -> None:
        assert self.progress is not None  # noqa: S101 - a step came from it
        searched, pages = self.progress.searched + 1, self.progress.pages
        is_last = cursor is None or (size < self.progress.size and 0 < pages <= searched)
        is_end = is_last or goes_round
        self.progress = replace(
            self.progress,
            searched=searched,
            search_cursor=None if is_end else cursor,
            is_exhausted=is_end,
            pages=searched if is_last else pages,
        )

    def _take_walked(self, size: int, cursor: str | None, total: int | None, *, goes_round: bool) -> None:
        assert self.progress is not None  # noqa: S101 - a step came from it
        progress = replace(
            self.progress,
            steps=self.progress.steps + 1,
            seen=self.progress.seen + size,
            cursor=cursor,
        )
        is_beyond = bool(total) and progress.seen > 2 * (total or 0) + progress.size
        is_cheaper_by_id = progress.steps == 1 and self.held < progress.pages - 1
        if cursor is not None and (goes_round or is_beyond or is_cheaper_by_id):
            self.progress = replace(progress, by="ids", cursor=None, steps=0)
        elif cursor is None or (total and progress.seen >= total and size < progress.size):
            self.progress = self._done(replace(progress, pages=progress.steps))
        else:
            self.progress = progress

    def _done(self, progress: Progress) -> Progress:
        """The next walk begins at once. It is spread over its time, however fast this one was."""
        return replace(progress, ways=(), began_ms=self.now_ms, by="pages", cursor=None, steps=0, seen=0, size=0)

    def _take_changed(self, cursor: str | None, total: int | None, *, goes_round: bool) -> None:
        assert self.progress is not None  # noqa: S101 - a step came from it
        is_first = self._changed_cursor is None
        if is_first and cursor is not None and total and total >= self.progress.total > 0:
            self.ignores_filter = self._is_changed_read = True
        elif cursor is None or goes_round:
            self._is_changed_read = True
            if not goes_round:
                self.progress = replace(self.progress, changed_ms=self.now_ms)
        self._changed_cursor = cursor

    def found(self, ids: Iterable[str]) -> None:
        """These contacts need not be asked for any more: the API told them, or does not know them."""
        self.lacking.difference_update(ids)

    def take_held(self, step: Held, ids: list[str]) -> None:
        """Takes in that the held contacts of a step were asked for."""
        assert self.progress is not None  # noqa: S101 - a step came from it
        last = ids[-1] if ids else step.after
        progress = replace(self.progress, steps=self.progress.steps + len(ids), cursor=last)
        self.progress = self._done(progress) if len(ids) < step.most else progress

    # -- the plan ------------------------------------------------------------------------------------------------------

    def expected(self) -> list[tuple[Literal["backfill", "outdated", "cold", "list"], int]]:
        """What the run will read, with the requests that it takes as far as this is known beforehand."""
        progress = self.progress
        if progress is None:
            return []
        found: list[tuple[Literal["backfill", "outdated", "cold", "list"], int]] = []
        if self.lacking:
            pages = max(progress.pages - progress.searched, 1) if self._searches(progress) else len(self.lacking)
            found.append(("backfill", min(pages, len(self.lacking))))
        if self.walks and (due := self._due(progress)):
            found.append(("outdated" if progress.ways or not progress.began_ms else "cold", due))
        if self.walks and self._changed(progress):
            found.append(("list", 1))
        return found
