"""Planning: which windows of which calendars to read, and in which order. Pure: no network, no database."""
