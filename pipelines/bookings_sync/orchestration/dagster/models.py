"""Models: the SQL models as Dagster assets, and their audits as asset checks.

Input:  the models of `sql/`, the raw dataset; the selection of a run.
Output: the selected models, built, audited and published together. If an audit fails, nothing is published, and the
        check shows the number of failing rows and the keys of some.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` at runtime.
import re
from collections.abc import Iterator
from typing import Any

import dagster as dg

from bookings_sync.catalogue import load_metrics
from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.audits import only_warns, row_audits, set_audits
from bookings_sync.models.errors import AuditFailure, AuditsFailedError
from bookings_sync.models.project import Model, Project, find_models
from bookings_sync.models.transform import TransformResult, transform
from bookings_sync.orchestration import POOL
from bookings_sync.orchestration.dagster.raw import RETRIES, Clock, key


def model_assets(settings: Settings, *, clock: Clock, freshness: dg.FreshnessPolicy) -> dg.AssetsDefinition:
    """One asset for each model. A run builds the selected models together and reads all others from the live tables."""
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
            yield from _check_results([project.models[name] for name in selected], error.failures)
            raise dg.Failure(str(error), allow_retries=False) from None
        except BookingsError as error:
            raise dg.Failure(str(error)) from None
        yield from _materializations(result)
        yield from _check_results([project.models[name] for name in selected], result.warnings)

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
        skippable=True,  # if an audit fails, nothing is published
        freshness_policy=freshness if model.layer == "marts" else None,
        metadata={
            "dagster/column_schema": dg.TableSchema(columns),
            "dagster/table_name": f"{dataset}.{model.name}",
            "query": dg.MetadataValue.md(f"```sql\n{model.path.read_text(encoding='utf-8')}\n```"),
            **_metrics(model),
        },
    )


def _metrics(model: Model) -> dict[str, dg.MarkdownMetadataValue]:
    """The metrics of the catalogue that are computed from the model, if there are any."""
    lines = [
        f"- **{each.label}** (`{each.name}`): {each.definition}. {each.question}"
        for each in load_metrics().values()
        if each.model == model.name
    ]
    return {"metrics": dg.MetadataValue.md("\n".join(lines))} if lines else {}


def _audits(model: Model) -> list[str]:
    return [*row_audits(model), *set_audits(model)]


def _check(model: Model, audit: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(_check_name(audit), asset=key(model.layer, model.name), description=audit)


def _check_name(audit: str) -> str:
    return re.sub(r"\W+", "_", audit)


def _materializations(result: TransformResult) -> Iterator[dg.MaterializeResult[Any]]:
    for model in result.models:
        metadata = {"dagster/row_count": model.rows, "audits": model.audits, "seconds": round(model.seconds, 3)}
        yield dg.MaterializeResult(asset_key=key(model.layer, model.name), metadata=metadata)


def _check_results(models: list[Model], failures: tuple[AuditFailure, ...]) -> Iterator[dg.AssetCheckResult]:
    """The result of every audit: all audits run, even after one has failed."""
    failed = {(failure.model, failure.audit): failure for failure in failures}
    for model in models:
        for audit in _audits(model):
            failure = failed.get((model.name, audit))
            yield dg.AssetCheckResult(
                asset_key=key(model.layer, model.name),
                check_name=_check_name(audit),
                passed=failure is None,
                severity=dg.AssetCheckSeverity.WARN if only_warns(model, audit) else dg.AssetCheckSeverity.ERROR,
                metadata=_sample(failure) if failure else {},
            )


def _sample(failure: AuditFailure) -> dict[str, Any]:
    """The keys of some failing rows: ids and dates, no personal data."""
    columns = [dg.TableColumn(name) for name in failure.key]
    rows = [
        dg.TableRecord({name: str(value) for name, value in zip(failure.key, row, strict=True)})
        for row in failure.sample
    ]
    return {
        "failing_rows": failure.failing_rows,
        "sample": dg.MetadataValue.table(rows, schema=dg.TableSchema(columns)),
    }
