"""Compares data structures for the contact cache and the seen keys by the cost of a whole first load.

Input:  the number of appointments, the number of runs, the variants.
Output: a table: CPU seconds and peak memory of `bookings sync` into an empty warehouse, and their ratios to the first
        variant.

A variant replaces `ContactCache` or `SeenKeys` before the command starts. Two variants need libraries that
bookings-sync does not install:

    pip install --target /tmp/libraries/numpy numpy
    pip install --target /tmp/libraries/rbloom rbloom
    python benchmarks/contact_cache.py --libraries /tmp/libraries
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from measure import Cost, in_turn, measure
from ours import Ours
from world import served

_60_BITS = (1 << 60) - 1


def _hash(location_id: str, key: Any) -> int:
    """Never 0: the hand-made table uses 0 for a free slot."""
    return hash((location_id, key)) & _60_BITS or 1


# -- contact caches ----------------------------------------------------------------------------------------------------


class Dict:
    """A dict from a contact to a tuple of row hash and text hash. The other caches replace `get` and `put`."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}

    def get(self, keys: list[int]) -> list[tuple[int, int]]:
        """Row and text of each key; 0 if unknown."""
        return [self._known.get(key, (0, 0)) for key in keys]

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        self._known.update(zip(keys, zip(rows, texts, strict=True), strict=True))

    def holds(self, location_id: str, keys: Iterable[Any], texts: Iterable[int]) -> list[bool]:
        known = self.get([_hash(location_id, key) for key in keys])
        return [text & _60_BITS == known_text for (_, known_text), text in zip(known, texts, strict=True)]

    def classify(self, contacts: Any) -> tuple[list[int], list[int], list[int]]:
        unknown, changed, equal = list[int](), list[int](), list[int]()
        known = self.get([_hash(contacts.location_id, key) for key in contacts.keys])
        for position, ((row, _), digest) in enumerate(zip(known, contacts.digests, strict=True)):
            (unknown if not row else equal if row == hash(digest) & _60_BITS else changed).append(position)
        return unknown, changed, equal

    def remember(self, contacts: Any) -> None:
        self.put(
            [_hash(contacts.location_id, key) for key in contacts.keys],
            [hash(digest) & _60_BITS for digest in contacts.digests],
            [(text or 0) & _60_BITS for text in contacts.texts],
        )


class HashTable(Dict):
    """A hand-made hash table: open addressing over three arrays, which are doubled at 60 %."""

    def __init__(self) -> None:
        self._arrays = self._empty(1 << 12)
        self._taken = 0

    def get(self, keys: list[int]) -> list[tuple[int, int]]:
        table, rows, texts = self._arrays
        return [(rows[slot], texts[slot]) for slot in (self._slot(table, key) for key in keys)]

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        while 5 * (self._taken + len(keys)) > 3 * len(self._arrays[0]):
            arrays = self._empty(2 * len(self._arrays[0]))
            for entry in zip(*self._arrays, strict=True):
                if entry[0]:
                    self._write(arrays, entry)
            self._arrays = arrays
        for entry in zip(keys, rows, texts, strict=True):
            self._taken += self._write(self._arrays, entry)

    def _write(self, arrays: tuple[array[int], ...], entry: tuple[int, ...]) -> bool:
        slot = self._slot(arrays[0], entry[0])
        is_new = not arrays[0][slot]
        for values, value in zip(arrays, entry, strict=True):
            values[slot] = value
        return is_new

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


class Numpy(Dict):
    """Sorted numpy arrays, and a dict of the contacts put since the last sort."""

    def __init__(self) -> None:
        super().__init__()
        self._np = import_module("numpy")
        self._sorted = tuple(self._np.empty(0, "u8") for _ in range(3))

    def get(self, keys: list[int]) -> list[tuple[int, int]]:
        recent, (table, rows, texts) = self._known, self._sorted
        if not len(table):
            return super().get(keys)
        wanted = self._np.array(keys, "u8")
        slots = self._np.minimum(table.searchsorted(wanted), len(table) - 1)
        found = table[slots] == wanted
        known = zip((rows[slots] * found).tolist(), (texts[slots] * found).tolist(), strict=True)
        return [recent.get(key, entry) for key, entry in zip(keys, known, strict=True)]

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        super().put(keys, rows, texts)
        if len(self._known) > 4_096 + len(self._sorted[0]) // 8:
            new = self._np.array([(key, *entry) for key, entry in self._known.items()], "u8").T
            kept = ~self._np.isin(self._sorted[0], new[0])
            joined = [self._np.concatenate([old[kept], more]) for old, more in zip(self._sorted, new, strict=True)]
            order = joined[0].argsort()
            self._sorted = tuple(column[order] for column in joined)
            self._known = {}


class Arrow(Dict):
    """Arrow arrays, searched with `index_in`."""

    def __init__(self) -> None:
        self._pa, self._pc = import_module("pyarrow"), import_module("pyarrow.compute")
        self._columns = tuple(self._pa.array([], "int64") for _ in range(3))

    def get(self, keys: list[int]) -> list[tuple[int, int]]:
        table, rows, texts = self._columns
        slots = self._pc.index_in(self._pa.array(keys, "int64"), value_set=table)
        return list(zip(*(each.take(slots).fill_null(0).to_pylist() for each in (rows, texts)), strict=True))

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        new = [self._pa.array(values, "int64") for values in (keys, rows, texts)]
        kept = self._pc.invert(self._pc.is_in(self._columns[0], value_set=new[0]))
        old = [column.filter(kept) for column in self._columns]
        self._columns = tuple(self._pa.concat_arrays(list(both)) for both in zip(old, new, strict=True))


class RowsOnly(Dict):
    """No texts: every embedded contact is decoded."""

    def holds(self, _location_id: str, _keys: Iterable[Any], texts: Iterable[int]) -> list[bool]:
        return [False for _ in texts]


class NoContacts(RowsOnly):
    """No cache: every embedded contact is decoded and looked up."""

    def put(self, keys: list[int], rows: list[int], texts: list[int]) -> None:
        pass

    def classify(self, contacts: Any) -> tuple[list[int], list[int], list[int]]:
        return [], list(range(len(contacts.keys))), []


# -- seen keys ---------------------------------------------------------------------------------------------------------


class Set:
    """A set of hashes."""

    def __init__(self) -> None:
        self._seen = set[int]()

    def add(self, location_id: str, keys: Iterable[Any]) -> list[bool]:
        hashes = [_hash(location_id, key) for key in keys]
        seen = [each in self._seen for each in hashes]
        self._seen.update(hashes)
        return seen


class Rbloom:
    """The filter of the library rbloom, sized to ten million keys: 7.8 MB."""

    def __init__(self) -> None:
        self._seen = import_module("rbloom").Bloom(10_000_000, 0.05)

    def add(self, location_id: str, keys: Iterable[Any]) -> list[bool]:
        pairs = [(location_id, key) for key in keys]
        seen = [pair in self._seen for pair in pairs]
        self._seen.update(pairs)
        return seen


class NoKeys:
    """No filter: every appointment is looked up."""

    def add(self, _location_id: str, keys: list[Any]) -> list[bool]:
        return [True] * len(keys)


# -- the comparison ----------------------------------------------------------------------------------------------------

CONTACTS, KEYS = ("contact_cache", "ContactCache"), ("seen_keys", "SeenKeys")

VARIANTS: dict[str, dict[tuple[str, str], type]] = {
    "shipped": {},
    "hand-made": {CONTACTS: HashTable},
    "plain": {CONTACTS: Dict, KEYS: Set},
    "contacts-dict": {CONTACTS: Dict},
    "contacts-numpy": {CONTACTS: Numpy},
    "contacts-pyarrow": {CONTACTS: Arrow},
    "contacts-rows-only": {CONTACTS: RowsOnly},
    "contacts-none": {CONTACTS: NoContacts},
    "keys-rbloom": {KEYS: Rbloom},
    "keys-set": {KEYS: Set},
    "keys-none": {KEYS: NoKeys},
}
"""By variant, the classes to replace (module and name) and their replacements."""

LIBRARIES = {"contacts-numpy": "numpy", "keys-rbloom": "rbloom"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="appointments to load (default: 200,000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each variant, after a warm-up (default: 3)")
    parser.add_argument("--libraries", type=Path, help="folder with one folder for each library")
    parser.add_argument(
        "--only",
        action="append",
        choices=VARIANTS,
        metavar="VARIANT",
        help=f"a variant to measure, repeatable; the first one is the reference. One of {', '.join(VARIANTS)}",
    )
    parser.add_argument("--sync-with", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sync_with:
        _sync_with(arguments.sync_with)
        return
    variants = arguments.only or list(VARIANTS)
    if arguments.libraries is None:
        variants = [variant for variant in variants if variant not in LIBRARIES]
    _compare(arguments.rows, arguments.runs, variants, arguments.libraries)


def _sync_with(variant: str) -> None:
    """Runs `bookings sync` in this process, with a variant's classes."""
    import_module("bookings_sync.cli.memory").limit_memory_use()  # before a variant imports Arrow
    for (module, name), replacement in VARIANTS[variant].items():
        setattr(import_module(f"bookings_sync.changes.{module}"), name, replacement)
    sys.argv = ["bookings", "sync", "--quiet", "--json"]
    import_module("bookings_sync.cli.main").main()


def _compare(rows: int, runs: int, variants: list[str], libraries: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder, served(rows) as world:
        ours = Ours(world, Path(folder))

        def first_sync(variant: str) -> Callable[[], Cost]:
            path = [os.environ.get("PYTHONPATH")]
            if libraries is not None and variant in LIBRARIES:
                path.append(str(libraries / LIBRARIES[variant]))
            env = {"PYTHONPATH": os.pathsep.join(filter(None, path))}

            def once() -> Cost:
                ours.forget()
                return measure([sys.executable, Path(__file__), "--sync-with", variant], cwd=ours.folder, env=env)

            return once

        measured = in_turn({variant: first_sync(variant) for variant in variants}, runs)
    reference, _ = measured[0]
    print(f"{'variant':<22}{'CPU s':>8}{'ratio':>8}{'peak MB':>9}{'ratio':>8}")
    for variant, (figures, _) in zip(variants, measured, strict=True):
        cpu, peak = figures.cpu_s / reference.cpu_s, figures.peak_mb / reference.peak_mb
        print(f"{variant:<22}{figures.cpu_s:>8.2f}{cpu:>8.3f}{figures.peak_mb:>9.0f}{peak:>8.3f}")


if __name__ == "__main__":
    main()
