"""Syncs from a sandbox on a real socket into a real DuckDB file, compared with the sandbox's truth."""
