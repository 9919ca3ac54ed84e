"""The contact cache and the seen keys: what simpler or faster structures would cost a whole first load.

Input:  how many appointments, how many runs, and which variants.
Output: a table on standard output: CPU seconds and peak memory of `bookings sync` into no warehouse, and their ratios
        to the shipped structures. Variants take turns, so that they share what else the machine does.

A variant replaces a class before the command starts, in the same process. numpy and rbloom are no dependencies of ours:
    pip install --target /tmp/libraries/numpy numpy; pip install --target /tmp/libraries/rbloom rbloom
    python benchmarks/contact_cache.py --libraries /tmp/libraries
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from measure import Cost, in_turn, measure
from ours import Ours
from world import served

_60_BITS = (1 << 60) - 1


def _hash(location_id: str, key: Any) -> int:
    """Never 0, which stands for a free slot."""
    return hash((location_id, key)) & _60_BITS or 1


# -- contact caches ----------------------------------------------------------------------------------------------------


class _Contacts:
    """A contact cache on two functions: `get` and `put` of a contact's row and text, by its key; 0 is unknown."""

    def get(self, keys: list[int]) -> list[tuple[int, int]]:
        raise NotImplementedError

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        raise NotImplementedError

    def holds(self, location_id: str, keys: Iterable[Any], texts: Iterable[int]) -> list[bool]:
        known = self.get([_hash(location_id, key) for key in keys])
        return [text & _60_BITS == of_text for (_, of_text), text in zip(known, texts, strict=True)]

    def classify(self, contacts: Any) -> tuple[list[int], list[int], list[int]]:
        found: tuple[list[int], list[int], list[int]] = [], [], []
        known = self.get([_hash(contacts.location_id, key) for key in contacts.keys])
        for position, ((row, _), digest) in enumerate(zip(known, contacts.digests, strict=True)):
            found[0 if not row else 1 if row != hash(digest) & _60_BITS else 2].append(position)
        return found

    def remember(self, contacts: Any) -> None:
        self.put(
            [_hash(contacts.location_id, key) for key in contacts.keys],
            [hash(digest) & _60_BITS for digest in contacts.digests],
            [(text or 0) & _60_BITS for text in contacts.texts],
        )


class ArrayContacts(_Contacts):
    """A hand-made hash table: open addressing over three arrays, doubled when 60 % full."""

    def __init__(self) -> None:
        self._slots = self._empty(1 << 12)
        self._taken = 0

    def get(self, keys: list[int]) -> list[tuple[int, int]]:
        table, rows, texts = self._slots
        return [(rows[slot], texts[slot]) for slot in (self._slot(table, key) for key in keys)]

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        while 5 * (self._taken + len(keys)) > 3 * len(self._slots[0]):
            self._double()
        for each in zip(keys, rows, texts, strict=True):
            slot = self._slot(self._slots[0], each[0])
            self._taken += not self._slots[0][slot]
            for values, value in zip(self._slots, each, strict=True):
                values[slot] = value

    def _double(self) -> None:
        slots = self._empty(2 * len(self._slots[0]))
        for each in zip(*self._slots, strict=True):
            if each[0]:
                slot = self._slot(slots[0], each[0])
                for values, value in zip(slots, each, strict=True):
                    values[slot] = value
        self._slots = slots

    @staticmethod
    def _empty(size: int) -> tuple[array[int], array[int], array[int]]:
        return array("q", bytes(8 * size)), array("q", bytes(8 * size)), array("q", bytes(8 * size))

    @staticmethod
    def _slot(table: array[int], key: int) -> int:
        mask = len(table) - 1
        slot = key & mask
        while (found := table[slot]) and found != key:
            slot = slot + 1 & mask
        return slot


class OneDictContacts(_Contacts):
    """One dict, of the text where it is known, else of the row."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def holds(self, location_id: str, keys: Iterable[Any], texts: Iterable[int]) -> list[bool]:
        known = map(self._known.get, (_hash(location_id, key) for key in keys))
        return [text & _60_BITS == each for each, text in zip(known, texts, strict=True)]

    def classify(self, contacts: Any) -> tuple[list[int], list[int], list[int]]:
        found: tuple[list[int], list[int], list[int]] = [], [], []
        known = (self._known.get(_hash(contacts.location_id, key)) for key in contacts.keys)
        for position, (one, digest, text) in enumerate(zip(known, contacts.digests, contacts.texts, strict=True)):
            equal = one == hash(digest) & _60_BITS or (text is not None and one == text & _60_BITS)
            found[0 if one is None else 2 if equal else 1].append(position)
        return found

    def remember(self, contacts: Any) -> None:
        for key, digest, text in zip(contacts.keys, contacts.digests, contacts.texts, strict=True):
            self._known[_hash(contacts.location_id, key)] = (hash(digest) if text is None else text) & _60_BITS


class RowsOnlyContacts(OneDictContacts):
    """Rows only: each contact is decoded each time."""

    def holds(self, _location_id: str, _keys: Iterable[Any], texts: Iterable[int]) -> list[bool]:
        return [False for _ in texts]

    def remember(self, contacts: Any) -> None:
        for key, digest in zip(contacts.keys, contacts.digests, strict=True):
            self._known[_hash(contacts.location_id, key)] = hash(digest) & _60_BITS


class NoContacts(RowsOnlyContacts):
    """Nothing: each contact is decoded each time, and the warehouse asked for it."""

    def classify(self, contacts: Any) -> tuple[list[int], list[int], list[int]]:
        return [], list(range(len(contacts.keys))), []

    def remember(self, contacts: Any) -> None:
        pass


class NumpyContacts(_Contacts):
    """Sorted numpy arrays, and a dict of what was remembered since they were sorted."""

    def __init__(self) -> None:
        self._np = importlib.import_module("numpy")
        empty = self._np.empty(0, "u8")
        self._sorted = empty, empty, empty
        self._recent: dict[int, tuple[int, int]] = {}

    def get(self, keys: list[int]) -> list[tuple[int, int]]:
        recent, (table, rows, texts) = self._recent, self._sorted
        if not len(table):
            return [recent.get(key, (0, 0)) for key in keys]
        asked = self._np.array(keys, "u8")
        slots = self._np.minimum(table.searchsorted(asked), len(table) - 1)
        found = table[slots] == asked
        known = zip((rows[slots] * found).tolist(), (texts[slots] * found).tolist(), strict=True)
        return [recent.get(key, each) for key, each in zip(keys, known, strict=True)]

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        self._recent.update(zip(keys, zip(rows, texts, strict=True), strict=True))
        if len(self._recent) > 4_096 + len(self._sorted[0]) // 8:
            new = self._np.array([(key, *each) for key, each in self._recent.items()], "u8").T
            kept = ~self._np.isin(self._sorted[0], new[0])
            joined = [self._np.concatenate([old[kept], more]) for old, more in zip(self._sorted, new, strict=True)]
            order = joined[0].argsort()
            self._sorted = tuple(each[order] for each in joined)
            self._recent = {}


class ArrowContacts(_Contacts):
    """Arrow arrays, looked up with `index_in`."""

    def __init__(self) -> None:
        self._pa, self._pc = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.compute")
        self._known = tuple(self._pa.array([], "int64") for _ in range(3))

    def get(self, keys: list[int]) -> list[tuple[int, int]]:
        table, rows, texts = self._known
        slots = self._pc.index_in(self._pa.array(keys, "int64"), value_set=table)
        known = [each.take(slots).fill_null(0).to_pylist() for each in (rows, texts)]
        return list(zip(*known, strict=True))

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        new = [self._pa.array(each, "int64") for each in (keys, rows, texts)]
        kept = self._pc.invert(self._pc.is_in(self._known[0], value_set=new[0]))
        old = [each.filter(kept) for each in self._known]
        self._known = tuple(self._pa.concat_arrays(list(both)) for both in zip(old, new, strict=True))


# -- seen keys ---------------------------------------------------------------------------------------------------------


class BloomKeys:
    """A hand-made Bloom filter: two bits of one byte, four bytes a key, enlarged as it fills."""

    def __init__(self) -> None:
        self._bytes = bytearray(1 << 22)
        self._added = 0
        pairs = [1 << one | 1 << other for one in range(8) for other in range(one)]
        self._pairs = pairs + pairs[:4]

    def may_contain(self, location_id: str, keys: Iterable[Any]) -> list[bool]:
        return [self._bytes[slot] & pair == pair for slot, pair in self._places(location_id, keys)]

    def add(self, location_id: str, keys: list[Any]) -> None:
        self._added += len(keys)
        while len(self._bytes) < 4 * self._added:
            self._bytes *= 4
        for slot, pair in self._places(location_id, keys):
            self._bytes[slot] |= pair

    def _places(self, location_id: str, keys: Iterable[Any]) -> list[tuple[int, int]]:
        mask, pairs, seed = len(self._bytes) - 1, self._pairs, hash(location_id)
        return [(mixed & mask, pairs[mixed >> 40 & 31]) for mixed in map(seed.__xor__, map(hash, keys))]


class BitmapKeys:
    """A bit for each of 2^26 hashes, 8 MB: of a million keys, one in 67 new ones seems seen."""

    def __init__(self) -> None:
        self._bits = bytearray(1 << 23)

    def may_contain(self, location_id: str, keys: Iterable[Any]) -> list[bool]:
        bits = self._bits
        return [bool(bits[each >> 3] & 1 << (each & 7)) for each in self._numbers(location_id, keys)]

    def add(self, location_id: str, keys: Iterable[Any]) -> None:
        bits = self._bits
        for each in self._numbers(location_id, keys):
            bits[each >> 3] |= 1 << (each & 7)

    def _numbers(self, location_id: str, keys: Iterable[Any]) -> list[int]:
        mask = 8 * len(self._bits) - 1
        return [hash((location_id, key)) & mask for key in keys]


class RbloomKeys:
    """The rbloom library's filter, made for ten million keys: 7.8 MB."""

    def __init__(self) -> None:
        self._seen = importlib.import_module("rbloom").Bloom(10_000_000, 0.05)

    def may_contain(self, location_id: str, keys: Iterable[Any]) -> list[bool]:
        return [(location_id, key) in self._seen for key in keys]

    def add(self, location_id: str, keys: Iterable[Any]) -> None:
        self._seen.update([(location_id, key) for key in keys])


class SetKeys:
    """A set of hashes."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def may_contain(self, location_id: str, keys: Iterable[Any]) -> list[bool]:
        return [_hash(location_id, key) in self._seen for key in keys]

    def add(self, location_id: str, keys: Iterable[Any]) -> None:
        self._seen.update(_hash(location_id, key) for key in keys)


class NoKeys:
    """Nothing: the warehouse is asked for each appointment."""

    def may_contain(self, _location_id: str, keys: list[Any]) -> list[bool]:
        return [True] * len(keys)

    def add(self, location_id: str, keys: Iterable[Any]) -> None:
        pass


CONTACTS, KEYS = ("contact_cache", "ContactCache"), ("seen_keys", "SeenKeys")

VARIANTS: dict[str, list[tuple[tuple[str, str], type]]] = {
    "shipped": [],
    "hand-made": [(CONTACTS, ArrayContacts), (KEYS, BloomKeys)],
    "contacts: arrays": [(CONTACTS, ArrayContacts)],
    "contacts: one dict": [(CONTACTS, OneDictContacts)],
    "contacts: numpy": [(CONTACTS, NumpyContacts)],
    "contacts: pyarrow": [(CONTACTS, ArrowContacts)],
    "contacts: rows only": [(CONTACTS, RowsOnlyContacts)],
    "contacts: none": [(CONTACTS, NoContacts)],
    "keys: Bloom": [(KEYS, BloomKeys)],
    "keys: bitmap": [(KEYS, BitmapKeys)],
    "keys: rbloom": [(KEYS, RbloomKeys)],
    "keys: set": [(KEYS, SetKeys)],
    "keys: none": [(KEYS, NoKeys)],
}


def _sync_with(variant: str) -> None:
    """`bookings sync`, with the classes of a variant."""
    importlib.import_module("bookings_sync.cli.heaps").keep_little()  # before anything imports Arrow
    for (module, name), replacement in VARIANTS[variant]:
        setattr(importlib.import_module(f"bookings_sync.changes.{module}"), name, replacement)
    sys.argv = ["bookings", "sync", "--quiet", "--json"]
    importlib.import_module("bookings_sync.cli.main").main()


def _compare(rows: int, runs: int, variants: list[str], libraries: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder, served(rows) as world:
        ours = Ours(world, Path(folder))

        def first_sync(variant: str) -> Callable[[], Cost]:
            def once() -> Cost:
                ours.forget()
                library = variant.rpartition(" ")[2]
                folders = [os.environ.get("PYTHONPATH")]
                if libraries is not None and (libraries / library).is_dir():
                    folders.append(str(libraries / library))
                env = {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
                return measure([sys.executable, Path(__file__), "--sync-with", variant], cwd=ours.folder, env=env)

            return once

        measured = in_turn({each: first_sync(each) for each in variants}, runs)
    first, _ = measured[0]
    print(f"{'variant':<22}{'CPU s':>8}{'ratio':>8}{'peak MB':>9}{'ratio':>8}")
    for variant, (figures, _) in zip(variants, measured, strict=True):
        cpu, peak = figures.cpu_s / first.cpu_s, figures.peak_mb / first.peak_mb
        print(f"{variant:<22}{figures.cpu_s:>8.2f}{cpu:>8.3f}{figures.peak_mb:>9.0f}{peak:>8.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="appointments of the world (default: 200,000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each variant, after a warm-up (default: 3)")
    parser.add_argument("--only", action="append", choices=VARIANTS, help="variants; the first is the reference")
    parser.add_argument("--libraries", type=Path, help="a folder with folders for numpy and for rbloom")
    parser.add_argument("--sync-with", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sync_with:
        _sync_with(arguments.sync_with)
    else:
        _compare(arguments.rows, arguments.runs, arguments.only or list(VARIANTS), arguments.libraries)


if __name__ == "__main__":
    main()
