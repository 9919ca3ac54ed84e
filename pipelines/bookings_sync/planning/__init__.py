"""Planning: decides which windows of a calendar to read, and in which order. Pure: no network, no database."""
