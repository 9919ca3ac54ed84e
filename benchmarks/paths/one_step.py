"""Measures one step of `bookings transform` without the start-up: the transform itself, or the read copy.

Runs in the current folder. Prints the CPU seconds as JSON.
Usage: python one_step.py transform|publish|publish_again
"""

import json
import resource
import sys

from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.publish import publish, read_copy
from bookings_sync.models.transform import transform
from bookings_sync.warehouse.dataset import file_of


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(step: str) -> None:
    settings = load_settings(need_locations=False)
    with open_client(settings, writes=True) as client:
        began = cpu_s()
        if step == "transform":
            transform(client, datasets(settings), now=utc_now())
            print(json.dumps({"cpu_s": cpu_s() - began}))
            return
        database = file_of(client)
    assert database is not None
    publish(database, settings.keep_copies)
    if step == "publish":
        read_copy(database).unlink()
    began = cpu_s()
    publish(database, settings.keep_copies)
    print(json.dumps({"cpu_s": cpu_s() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
