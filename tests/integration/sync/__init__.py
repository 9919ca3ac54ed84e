"""A served world, a warehouse, and the comparison of the two: real sockets, real DuckDB, real dlt."""
