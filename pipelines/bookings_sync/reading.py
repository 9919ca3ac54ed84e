"""Reading: carries out planned calls concurrently, and yields each answer as it comes.

Input:  work items, and the call that answers one.
Output: `Answer`s, in the order they arrive, at most `concurrency` finished ones waiting. Next room: `load`.

Errors of the API are answers too: whoever reads on decides what one means for its location.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic, NamedTuple, TypeVar

from bookings_sync.errors import ApiError

W = TypeVar("W")
R = TypeVar("R")


class Answer(NamedTuple, Generic[W, R]):
    """What came of one item: a result, or the API's error."""

    item: W
    result: R | None
    error: ApiError | None


class Reading(Generic[W, R]):
    """Answers items with `call`, `concurrency` at a time; iterate over it once.

    While iterating, `add` queues more (the halves of a window), `drop` forgets queued ones (those of a location that
    fails), and `stop` lets what is under way end and starts nothing more.
    """

    def __init__(self, items: Iterable[W], call: Callable[[W], R], concurrency: int) -> None:
        self._queued = deque(items)
        self._call = call
        self._concurrency = concurrency

    def add(self, items: Iterable[W]) -> None:
        self._queued.extendleft(reversed(list(items)))

    def drop(self, unwanted: Callable[[W], bool]) -> None:
        self._queued = deque(item for item in self._queued if not unwanted(item))

    def stop(self) -> None:
        self._queued.clear()

    def __iter__(self) -> Iterator[Answer[W, R]]:
        under_way: dict[Future[R], W] = {}
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="read")
        try:
            while self._queued or under_way:
                while self._queued and len(under_way) < self._concurrency:
                    item = self._queued.popleft()
                    under_way[pool.submit(self._call, item)] = item
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    yield self._answer(under_way.pop(future), future)
        finally:
            pool.shutdown(wait=not under_way, cancel_futures=True)

    @staticmethod
    def _answer(item: W, future: Future[R]) -> Answer[W, R]:
        try:
            return Answer(item, future.result(), None)
        except ApiError as error:
            return Answer(item, None, error)
