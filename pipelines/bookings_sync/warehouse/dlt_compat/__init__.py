"""Every place where the connector overrides dlt 1.31, or works around it.

Each row below is one function or class. Its docstring gives the smallest failing case. `test_dlt_compat.py` (in
`tests/unit/warehouse`, and in `tests/integration/postgres` for PostgreSQL) runs that case on plain dlt. The test fails
when dlt no longer behaves that way, and its message names the override to delete.

| override                          | what plain dlt does                                          | upstream |
|-----------------------------------|--------------------------------------------------------------|----------|
| `destinations.cache_capabilities` | resolves the configuration again for each capabilities call  | none     |
| `destinations.duckdb_path`        | refuses a DuckDB path in config.toml as a secret             | none     |
| `destinations.supports_history`   | turns an scd2 merge into an append, with a warning           | dlt#2481 |
| `destinations.staging_layout`     | shares one staging dataset between concurrent pipelines      | dlt#4297 |
| `start.start_without_requests`    | imports its HTTP client when it reads the first setting      | none     |
| `options.own_options`             | takes each of its options from any variable of its name      | none     |
| `options.NoOptions`               | takes a source's arguments from variables such as FULL       | none     |
| `duckdb.DuckDb.configuration`     | resolves the configuration again for each client             | none     |
| `duckdb.DuckDb.destination_type`  | names the default file after the destination's class         | none     |
| `duckdb.CHECKPOINT`               | sets a checkpoint threshold of 1 GB that users cannot change | none     |
| `duckdb.KeyedMerge`               | compares new rows with every current row by digest           | none     |
| `duckdb._Append`                  | appends a record that is held, as a second current version   | none     |
| `postgres.Postgres.configuration` | writes a space in `options` as +, which ADBC rejects         | none     |
| `postgres._CheckedMerge`          | inserts both of two staged rows with one key as current      | none     |
| `tables.history_hints`            | ends the versions of other records, if keys are compound     | dlt#4244 |
| `tables.describe_columns`         | drops the hints of the column with the row digest            | none     |
| `tables.planned_table`            | plans a digest column without a type                         | none     |
| `tables.append_new_versions`      | copies rows through a staging table that has nothing to end  | none     |
| `tables.can_load_empty_tables`    | fails to load a Parquet file without rows into PostgreSQL    | none     |
| `loads.merge_in_one_transaction`  | commits each statement of a merge by itself                  | none     |
| `loads.load_one_table_at_a_time`  | loads all tables of a DuckDB file at the same time           | none     |
| `loads.start_versions_at`         | keeps a given start of versions in the schema                | dlt#1776 |
| `loads.ResourceOrder`             | takes one item from each resource in turn                    | none     |
| `loads.collect_cycles`            | leaves reference cycles behind after each load               | none     |
| `loads.keep_records_out_of_logs`  | logs a database's error message with the record's values     | none     |

dlt#N is https://github.com/dlt-hub/dlt/issues/N; none: no issue found.
"""
