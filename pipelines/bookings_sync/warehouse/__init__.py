"""The warehouse: its lock, its queries, and what DuckDB and PostgreSQL need."""
