"""Reading: carries out planned calls concurrently, and yields each answer as it comes.

Input:  work items, and the call that answers one.
Output: `Answer`s, in the order they arrive. Next room: `load`.

Errors of the API are answers too: whoever reads on decides what one means for its location.

Replies are bytes until the reader is about to take them: of 20 that have come, two are decoded at a time (`Gate`), for
a decoded reply takes ten times the memory of its body.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic, NamedTuple, TypeVar

from bookings_sync.errors import ApiError

W = TypeVar("W")
R = TypeVar("R")
T = TypeVar("T")

_DECODED = 2


class Answer(NamedTuple, Generic[W, R]):
    """What came of one item: a result, or the API's error."""

    item: W
    result: R | None
    error: ApiError | None


class Gate:
    """Lets one item's replies be decoded when there is room for them. `let` may be used more than once for an item."""

    def __init__(self, room: threading.Semaphore) -> None:
        self._room = room
        self._inside = False

    def let(self, decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
        """The same decoder, waiting for room first."""

        def decode_inside(body: bytes) -> T:
            if not self._inside:
                self._room.acquire()
                self._inside = True
            try:
                return decode(body)
            except BaseException:
                self.leave()  # it may be asked for again, later
                raise

        return decode_inside

    def leave(self) -> None:
        """What was decoded has been taken, or was not to be read."""
        if self._inside:
            self._inside = False
            self._room.release()


class Reading(Generic[W, R]):
    """Answers items with `call`, `concurrency` at a time; iterate over it once. What has been yielded is given up with
    the next step of the iteration.

    While iterating, `add` queues more (the halves of a window), `drop` forgets queued ones (those of a location that
    fails), and `stop` lets what is under way end and starts nothing more.
    """

    def __init__(self, items: Iterable[W], call: Callable[[W, Gate], R], concurrency: int) -> None:
        self._queued = deque(items)
        self._call = call
        self._concurrency = concurrency
        self._room = threading.Semaphore(_DECODED)

    def add(self, items: Iterable[W]) -> None:
        self._queued.extendleft(reversed(list(items)))

    def drop(self, unwanted: Callable[[W], bool]) -> None:
        self._queued = deque(item for item in self._queued if not unwanted(item))

    def stop(self) -> None:
        self._queued.clear()

    def __iter__(self) -> Iterator[Answer[W, R]]:
        under_way: dict[Future[R], tuple[W, Gate]] = {}
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="read")
        try:
            while self._queued or under_way:
                while self._queued and len(under_way) < self._concurrency:
                    item, gate = self._queued.popleft(), Gate(self._room)
                    under_way[pool.submit(self._answer, item, gate)] = item, gate
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    item, gate = under_way.pop(future)
                    yield _answer(item, future)
                    gate.leave()
                    del future
        finally:
            self._room.release(self._concurrency)  # whoever waits for room may end
            pool.shutdown(wait=not under_way, cancel_futures=True)

    def _answer(self, item: W, gate: Gate) -> R:
        try:
            return self._call(item, gate)
        except BaseException:
            gate.leave()
            raise


def _answer(item: W, future: Future[R]) -> Answer[W, R]:
    try:
        return Answer(item, future.result(), None)
    except ApiError as error:
        return Answer(item, None, error)
