"""Observability: reports runs to people and systems outside the command. Off until [observe] switches a part on.

```
settings  the keys of [observe]
metrics   the last run's figures, as a file for Prometheus' node exporter
lineage   OpenLineage events: the tables that a run and each model wrote, and their inputs
drift     fields that the API did not send before
notify    notices to a webhook or a command: failed, partial, held, stale, schema
watch     what happens when a sync or a transform begins, ends or fails
```

Nothing here can fail a run: every problem becomes one warning.
"""
