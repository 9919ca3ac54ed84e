"""Lets `python -m bookings_sync.cli` run the command line."""

from bookings_sync.cli.start import main

if __name__ == "__main__":
    main()
