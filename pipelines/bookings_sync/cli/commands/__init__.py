"""The commands, their options and their help, in the order of `bookings --help`: setup, update, read, upkeep, simulate.

Each module has a `commands` group, which `cli/main.py` adds to `bookings`. The module of `cli/` that is named after a
command does the work. A command imports that module when it runs, because `bookings --help` must be fast.
"""
