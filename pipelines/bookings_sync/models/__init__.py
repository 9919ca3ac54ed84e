"""The SQL models: read from `sql/`, built, audited and published in the warehouse.

Input:  the files of `sql/` (sql/README.md describes their form); the raw dataset.
Output: the staging and marts datasets.

```
header       a model's first comment: grain, key, audits, columns
project      all models, in build order
selection    the models that one run builds
dialect      a model's SQL, translated for one warehouse
lineage      the columns that each column is computed from
audits       each audit as a query that finds the failing rows
destination  the models' tables in one warehouse
run_tables   the table that each reference reads during one run
swap         builds a table under a temporary name, then swaps it in
transform    one run: an update, or a build of everything; audits, publishes
memory       a run in little memory
update_run   one update with its audits
update       brings each table up to date: unchanged, by groups, or whole
built        what each published table was built from
versions     what each query reads, as digests
raw_versions         a fingerprint of each raw table
appointments_changed the appointments that changed
columns      the columns that a query reads
clock        whether the passing of time changes a model
groups       the groups of rows that must be built again
deltas       the rows that differ, and how they are written
publish      the copy of a DuckDB file that analysts read
access       opens the warehouse, or the copy, for a command
```
"""
