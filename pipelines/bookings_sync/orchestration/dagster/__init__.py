"""Dagster: one asset for each raw table and each SQL model, with the lineage that the SQL itself has.

```
raw          the raw tables, by month and location: a partition is a sync
models       the models, built, audited and published together; each audit is an asset check
health       checks that look at the warehouse as a whole: every location fresh, nothing rejected
definitions  the whole, with its jobs and schedules: what `dagster -m` loads
```
"""
