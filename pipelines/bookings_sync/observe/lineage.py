"""Lineage: sends OpenLineage events: the tables that a run wrote, and the inputs of each model.

Input:  a run's row and the raw tables; a transform's result and the models' references.
Output: a START and a COMPLETE or FAIL event for the sync, and a START and a COMPLETE event for each model.
        OpenLineage's own configuration says where they go: OPENLINEAGE_URL or openlineage.yml.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.models.access import datasets
from bookings_sync.models.project import Model, Project, find_models
from bookings_sync.models.transform import TransformResult
from bookings_sync.records.tables import TABLES

PRODUCER = "https://openlineage.io/integration/bookings-sync"


class Lineage:
    """Emits events for one command. Raises ImportError if openlineage-python is not installed."""

    def __init__(self, namespace: str, settings: Settings) -> None:
        from openlineage.client import OpenLineageClient

        self._client = OpenLineageClient()
        self._namespace = namespace
        self._settings = settings
        self._datasets = datasets(settings)

    def sync_began(self, run_id: str, now: DateTime) -> None:
        self._emit("START", run_id, "sync", now)

    def sync_ended(self, run_id: str, row: Mapping[str, Any] | None, now: DateTime) -> None:
        """`row` is the run's row in `runs`; None if the run wrote no row."""
        if row is None or row["outcome"] == "failed":
            self._emit("FAIL", run_id, "sync", now)
            return
        counts = {name: sum(changes.values()) for name, changes in json.loads(row["tables"]).items()}
        outputs = [self._raw(name, counts.get(name, 0)) for name in TABLES]
        self._emit("COMPLETE", run_id, "sync", now, outputs=outputs)

    def transformed(self, result: TransformResult, now: DateTime) -> None:
        models = Project.load(find_models()).models
        for each in result.models:
            model, run_id = models[each.name], uuid.uuid4().hex
            inputs = [self._dataset(layer, name) for layer, name in sorted(model.reads) if layer != "warehouse"]
            self._emit("START", run_id, f"transform.{each.name}", now, inputs=inputs)
            outputs = [self._model(model, each.rows)]
            self._emit("COMPLETE", run_id, f"transform.{each.name}", now, inputs=inputs, outputs=outputs)

    def _emit(
        self,
        kind: str,
        run_id: str,
        job: str,
        now: DateTime,
        inputs: Iterable[Any] = (),
        outputs: Iterable[Any] = (),
    ) -> None:
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

        self._client.emit(
            RunEvent(
                eventType=RunState[kind],
                eventTime=now.to_iso8601_string(),
                run=Run(runId=str(uuid.UUID(run_id))),
                job=Job(namespace=self._namespace, name=job),
                producer=PRODUCER,
                inputs=list(inputs),
                outputs=list(outputs),
            )
        )

    def _dataset(self, layer: str, name: str) -> Any:
        from openlineage.client.event_v2 import InputDataset

        return InputDataset(namespace=self._settings.destination, name=f"{self._datasets.of(layer)}.{name}")

    def _raw(self, name: str, rows: int) -> Any:
        columns = [(column.name, column.type, column.description) for column in TABLES[name].columns]
        return self._output("raw", name, columns, rows)

    def _model(self, model: Model, rows: int) -> Any:
        columns = [(column, "", text) for column, text in model.header.columns.items()]
        return self._output(model.layer, model.name, columns, rows)

    def _output(self, layer: str, name: str, columns: Sequence[tuple[str, str, str]], rows: int) -> Any:
        from openlineage.client.event_v2 import OutputDataset
        from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

        field = schema_dataset.SchemaDatasetFacetFields
        fields = [field(name=column, type=kind or None, description=text) for column, kind, text in columns]
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
        return OutputDataset(
            namespace=self._settings.destination,
            name=f"{self._datasets.of(layer)}.{name}",
            facets={"schema": schema_dataset.SchemaDatasetFacet(fields=fields)},
            outputFacets={"outputStatistics": statistics},
        )
