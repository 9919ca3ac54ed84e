"""The SQL models as Dagster assets, and their audits as asset checks.

Input:  the project of `sql/`, the raw dataset; the selection of a run.
Output: the selected models, built beside the live ones, audited and published in one step. A failed audit publishes
        nothing: its check tells how many rows failed and shows the keys of some.
"""

# Without `from __future__ import annotations`: Dagster looks at the annotation of `context` as it stands.
import re
from collections.abc import Iterator
from typing import Any

import dagster as dg

from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.audits import row_audits, set_audits
from bookings_sync.models.errors import AuditFailure, AuditsFailedError
from bookings_sync.models.project import Model, Project, find_models
from bookings_sync.models.transform import TransformResult, transform
from bookings_sync.orchestration.dagster.raw import POOL, RETRIES, Clock, key


def model_assets(settings: Settings, *, clock: Clock, freshness: dg.FreshnessPolicy) -> dg.AssetsDefinition:
    """One asset for each model. Those selected are built together; what they read and is not selected is read live."""
    project = Project.load(find_models())

    @dg.multi_asset(
        name="transform",
        specs=[_spec(model, settings, freshness) for model in project.models.values()],
        check_specs=[_check(model, audit) for model in project.models.values() for audit in _audits(model)],
        can_subset=True,
        retry_policy=RETRIES,
        pool=POOL,
    )
    def _transform(context: dg.AssetExecutionContext) -> Iterator[Any]:
        selected = [each.path[-1] for each in context.selected_asset_keys]
        try:
            with open_client(settings, writes=True, publishes=True) as client:
                result = transform(client, datasets(settings), now=clock(), select=selected)
        except AuditsFailedError as error:
            yield from _verdicts([project.models[name] for name in selected], error.failures)
            raise dg.Failure(str(error), allow_retries=False) from None
        except BookingsError as error:
            raise dg.Failure(str(error)) from None
        yield from _built(result)
        yield from _verdicts([project.models[name] for name in selected], ())

    return _transform


def _spec(model: Model, settings: Settings, freshness: dg.FreshnessPolicy) -> dg.AssetSpec:
    dataset = datasets(settings).of(model.layer)
    columns = [dg.TableColumn(name, description=text) for name, text in model.header.columns.items()]
    return dg.AssetSpec(
        key=key(model.layer, model.name),
        deps=[key(layer, name) for layer, name in sorted(model.reads) if layer != "warehouse"],
        description=f"{model.header.grain} {model.header.question}",
        group_name=model.layer,
        kinds={"sql", settings.destination},
        skippable=True,  # where an audit fails nothing is published
        freshness_policy=freshness if model.layer == "marts" else None,
        metadata={
            "dagster/column_schema": dg.TableSchema(columns),
            "dagster/table_name": f"{dataset}.{model.name}",
            "query": dg.MetadataValue.md(f"```sql\n{model.path.read_text(encoding='utf-8')}\n```"),
        },
    )


def _audits(model: Model) -> list[str]:
    return [*row_audits(model), *set_audits(model)]


def _check(model: Model, audit: str) -> dg.AssetCheckSpec:
    """Blocking in effect: nothing is published where it fails."""
    return dg.AssetCheckSpec(_check_name(audit), asset=key(model.layer, model.name), description=audit)


def _check_name(audit: str) -> str:
    return re.sub(r"\W+", "_", audit)


def _built(result: TransformResult) -> Iterator[dg.MaterializeResult[Any]]:
    for model in result.models:
        metadata = {"dagster/row_count": model.rows, "audits": model.audits, "seconds": round(model.seconds, 3)}
        yield dg.MaterializeResult(asset_key=key(model.layer, model.name), metadata=metadata)


def _verdicts(models: list[Model], failures: tuple[AuditFailure, ...]) -> Iterator[dg.AssetCheckResult]:
    """What each audit found. All of them run, whatever fails before."""
    failed = {(failure.model, failure.audit): failure for failure in failures}
    for model in models:
        for audit in _audits(model):
            failure = failed.get((model.name, audit))
            yield dg.AssetCheckResult(
                asset_key=key(model.layer, model.name),
                check_name=_check_name(audit),
                passed=failure is None,
                metadata=_sample(failure) if failure else {},
            )


def _sample(failure: AuditFailure) -> dict[str, Any]:
    """Keys of some of the rows that fail: ids and dates, no personal data."""
    columns = [dg.TableColumn(name) for name in failure.key]
    rows = [
        dg.TableRecord({name: str(value) for name, value in zip(failure.key, row, strict=True)})
        for row in failure.sample
    ]
    return {
        "failing_rows": failure.failing_rows,
        "sample": dg.MetadataValue.table(rows, schema=dg.TableSchema(columns)),
    }
