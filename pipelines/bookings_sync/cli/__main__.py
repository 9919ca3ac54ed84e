"""Runs the command as `python -m bookings_sync.cli`."""

from bookings_sync.cli.main import main

if __name__ == "__main__":
    main()
