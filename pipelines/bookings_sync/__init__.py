"""Keeps a warehouse equal to a booking calendar API."""
