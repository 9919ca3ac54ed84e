"""Reading: carries out planned calls concurrently, and yields each answer as it comes.

Input:  work items, and the call that answers one.
Output: `Answer`s, in the order they arrive. Next room: `load`.

Errors of the API are answers too: whoever reads on decides what one means for its location.

Memory is bounded, however large the replies are. A decoded one takes ten times the memory of its body: so they stay
bytes until the reader is about to take them, and one at a time is decoded and taken (`Gate`). It is quicker so, too:
Python's threads can only take turns, and each turn finds the processor's cache full of another's. And only so many
calls are under way as bring a few megabytes of bodies, or two.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Generic, NamedTuple, TypeVar

from bookings_sync.errors import ApiError

W = TypeVar("W")
R = TypeVar("R")
T = TypeVar("T")

_MOST_UNDER_WAY = 24_000_000
"""Bytes of bodies that may come at a time, if all are as large as the largest so far."""


class Answer(NamedTuple, Generic[W, R]):
    """What came of one item: a result, or the API's error."""

    item: W
    result: R | None
    error: ApiError | None


class _Room:
    """The room for one decoded reply, and what has been seen of their size."""

    def __init__(self) -> None:
        self.largest = 0
        self._taken = False
        self._open = False
        self._changed = threading.Condition()

    def enter(self, size: int) -> None:
        """Waits until a body, of this size, may be decoded."""
        with self._changed:
            self.largest = max(self.largest, size)
            self._changed.wait_for(lambda: self._open or not self._taken)
            self._taken = True

    def leave(self) -> None:
        with self._changed:
            self._taken = False
            self._changed.notify()

    def open(self) -> None:
        """Nobody need wait any more."""
        with self._changed:
            self._open = True
            self._changed.notify_all()


class Gate:
    """Lets one item's replies be decoded when there is room for it. `let` may be used more than once for an item."""

    def __init__(self, room: _Room) -> None:
        self._room = room
        self._inside = False

    def let(self, decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
        """The same decoder, waiting for room first."""

        def decode_inside(body: bytes) -> T:
            if not self._inside:
                self._room.enter(len(body))
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
            self._room.leave()


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
        self._room = _Room()
        self._answered = False

    def add(self, items: Iterable[W]) -> None:
        self._queued.extendleft(reversed(list(items)))

    def drop(self, unwanted: Callable[[W], bool]) -> None:
        self._queued = deque(item for item in self._queued if not unwanted(item))

    def stop(self) -> int:
        """Returns how many queued ones are left for another time."""
        left = len(self._queued)
        self._queued.clear()
        return left

    def __iter__(self) -> Iterator[Answer[W, R]]:
        # No futures of a pool: to wait for the first of 20 takes a lock of each, and that again for every answer.
        asked: SimpleQueue[tuple[W, Gate] | None] = SimpleQueue()
        answered: SimpleQueue[tuple[Gate, Answer[W, R] | BaseException]] = SimpleQueue()
        threads = under_way = 0
        try:
            while self._queued or under_way:
                while self._queued and under_way < self._most_under_way():
                    asked.put((self._queued.popleft(), Gate(self._room)))
                    under_way += 1
                    if threads < under_way:
                        threads += 1
                        # A daemon: who is interrupted need not wait for a reply that nobody wants any more.
                        Thread(target=self._work, args=(asked, answered), name=f"read_{threads}", daemon=True).start()
                gate, answer = answered.get()
                under_way -= 1
                self._answered = True
                if isinstance(answer, BaseException):
                    raise answer
                yield answer
                gate.leave()
                del answer
        finally:
            self._room.open()  # whoever waits may end
            for _ in range(threads):
                asked.put(None)

    def _most_under_way(self) -> int:
        """A few, until the first has shown how large they are."""
        largest = self._room.largest or (1 if self._answered else _MOST_UNDER_WAY // 4)
        return max(2, min(self._concurrency, _MOST_UNDER_WAY // largest))

    def _work(
        self,
        asked: SimpleQueue[tuple[W, Gate] | None],
        answered: SimpleQueue[tuple[Gate, Answer[W, R] | BaseException]],
    ) -> None:
        while (each := asked.get()) is not None:
            item, gate = each
            answered.put((gate, self._answer(item, gate)))

    def _answer(self, item: W, gate: Gate) -> Answer[W, R] | BaseException:
        """What came of it. What is no error of the API's is raised where the answers are read."""
        try:
            return Answer(item, self._call(item, gate), None)
        except ApiError as error:
            gate.leave()
            return Answer(item, None, error)
        except BaseException as error:  # noqa: BLE001 - whatever it is
            gate.leave()
            return error
