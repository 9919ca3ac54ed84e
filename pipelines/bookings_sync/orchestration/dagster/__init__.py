"""Dagster: one asset for each raw table and each SQL model, with the lineage of the SQL.

```
raw          the raw tables, partitioned by month and location; materialising a partition syncs it
models       the models, built, audited and published together; each audit is an asset check
health       checks of the whole warehouse: every location is fresh, no record is rejected
definitions  everything, with jobs and schedules: the module for `dagster -m`
```
"""
