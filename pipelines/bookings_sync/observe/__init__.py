"""Observability: what a run tells those who are not looking at it. Each part is off until [observe] switches it on.

```
settings  the knobs
metrics   the run's figures, as a file for Prometheus' node exporter
lineage   OpenLineage events: which tables a run and each model wrote, and from what
drift     fields and records that the API did not send before
notify    a message to a webhook or a command: failed, partial, stale, schema
watch     what to do when a run or a transform begins, ends or fails
```

None of it can make a run fail: what goes wrong here is one warning.
"""
