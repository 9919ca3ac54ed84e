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
built        which SQL and which run built each published table
incremental  rebuilds only the appointments that changed
transform    one run: build, audit, publish
publish      the copy of a DuckDB file that analysts read
access       opens the warehouse, or the copy, for a command
```
"""
