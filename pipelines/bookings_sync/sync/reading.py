"""Reading: sends calls concurrently, and yields each answer as it arrives.

Input:  work items, and a function that answers one.
Output: `Answer`s, in the order of arrival. Errors of the API are answers too: callers decide what they mean.

Memory stays bounded even if replies are large. A decoded reply takes ten times the memory of its body, so bodies stay
bytes until the caller is ready, and one reply at a time is decoded (`DecodingTurn`). The number of calls in flight
depends on the size of the replies so far.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Generic, NamedTuple, TypeVar

from bookings_sync.api.bodies import BODIES
from bookings_sync.errors import ApiError

W = TypeVar("W")
R = TypeVar("R")
T = TypeVar("T")

_MOST_BYTES_IN_FLIGHT = 24_000_000
"""Bytes of bodies in flight at a time, if all are as large as the largest so far."""


class Answer(NamedTuple, Generic[W, R]):
    """The answer to one item: a result, or the API's error."""

    item: W
    result: R | None
    error: ApiError | None


class _Turns:
    """Lets one reply at a time be decoded, and remembers the size of the largest body."""

    def __init__(self) -> None:
        self.largest = 0
        self._taken = False
        self._open = False
        self._changed = threading.Condition()

    def enter(self, size: int) -> None:
        """Waits until a body of this size may be decoded."""
        with self._changed:
            self.largest = max(self.largest, size)
            self._changed.wait_for(lambda: self._open or not self._taken)
            self._taken = True

    def leave(self) -> None:
        with self._changed:
            self._taken = False
            self._changed.notify()

    def open(self) -> None:
        """Ends all waiting, because the reading is over."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def see(self, size: int) -> None:
        """Notes the size of a body, whether or not it is decoded."""
        with self._changed:
            self.largest = max(self.largest, size)


class DecodingTurn:
    """One item's turn to decode its replies. An item may decode several."""

    def __init__(self, turns: _Turns) -> None:
        self._turns = turns
        self._inside = False

    def wait_for(self, decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
        """The same decoder, which first waits for its turn."""

        def decode_inside(body: bytes) -> T:
            if not self._inside:
                self._turns.enter(len(body))
                self._inside = True
            try:
                return decode(body)
            except BaseException:
                self.leave()  # the call may be repeated later
                raise

        return decode_inside

    def leave(self) -> None:
        """Ends the turn: the caller took the decoded reply, or it could not be decoded."""
        if self._inside:
            self._inside = False
            self._turns.leave()


class Reading(Generic[W, R]):
    """Answers items with `call`, at most `concurrency` at a time. Iterate over it once. Each answer must be used before
    the next step of the iteration.

    During the iteration, `add` queues more items (the halves of a window), `drop` removes queued items (those of a
    location that fails), and `stop` removes them all and lets the calls in flight end.
    """

    def __init__(self, items: Iterable[W], call: Callable[[W, DecodingTurn], R], concurrency: int) -> None:
        self._queued = deque(items)
        self._call = call
        self._concurrency = concurrency
        self._turns = _Turns()
        self._unanswered = False

    def add(self, items: Iterable[W]) -> None:
        self._queued.extendleft(reversed(list(items)))

    def drop(self, unwanted: Callable[[W], bool]) -> None:
        self._queued = deque(item for item in self._queued if not unwanted(item))

    def stop(self) -> int:
        """Starts no further calls. Returns the number of items that were still queued."""
        left = len(self._queued)
        self._queued.clear()
        return left

    def __iter__(self) -> Iterator[Answer[W, R]]:
        # Plain threads and two queues: waiting for the first of 20 futures locks every one of them, for each answer.
        asked: SimpleQueue[tuple[W, DecodingTurn] | None] = SimpleQueue()
        answered: SimpleQueue[tuple[DecodingTurn, Answer[W, R] | BaseException]] = SimpleQueue()
        threads = in_flight = 0
        try:
            while self._queued or in_flight:
                while self._queued and in_flight < self._most_in_flight():
                    asked.put((self._queued.popleft(), DecodingTurn(self._turns)))
                    in_flight += 1
                    if threads < in_flight:
                        threads += 1
                        # A daemon thread, so that an interrupted process does not wait for its reply.
                        Thread(target=self._work, args=(asked, answered), name=f"read_{threads}", daemon=True).start()
                turn, answer = answered.get()
                in_flight -= 1
                if isinstance(answer, BaseException):
                    raise answer
                yield answer
                turn.leave()
                del answer
        finally:
            self._turns.open()
            for _ in range(threads):
                asked.put(None)

    def _most_in_flight(self) -> int:
        """The number of calls allowed in flight: few until a reply shows its size, or a call brought none."""
        largest = self._turns.largest or (1 if self._unanswered else _MOST_BYTES_IN_FLIGHT // 4)
        return max(2, min(self._concurrency, _MOST_BYTES_IN_FLIGHT // largest))

    def _work(
        self,
        asked: SimpleQueue[tuple[W, DecodingTurn] | None],
        answered: SimpleQueue[tuple[DecodingTurn, Answer[W, R] | BaseException]],
    ) -> None:
        while (each := asked.get()) is not None:
            item, turn = each
            answered.put((turn, self._answer(item, turn)))

    def _answer(self, item: W, turn: DecodingTurn) -> Answer[W, R] | BaseException:
        """The answer, or an exception that is not the API's, which the iteration raises."""
        BODIES.largest = 0
        try:
            result = self._call(item, turn)
            self._turns.see(getattr(result, "bytes", 0))  # of a reply that was kept, so no body was read
            return Answer(item, result, None)
        except ApiError as error:
            if error.status is None:
                self._unanswered = True
            turn.leave()
            return Answer(item, None, error)
        except BaseException as error:  # noqa: BLE001 - the iteration raises it
            turn.leave()
            return error
        finally:
            self._turns.see(BODIES.largest)  # also of bodies that were not decoded: unchanged ones, error pages
