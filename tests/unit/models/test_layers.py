"""Which models a model may read, by its folder in `sql/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings_sync.models.errors import ModelError
from bookings_sync.models.project import Project

MODELS = {
    "staging/stg_teams": "SELECT id FROM raw.teams",
    "marts/dim_team": "SELECT id FROM staging.stg_teams",
    "reports/rpt_teams": "SELECT id FROM marts.dim_team",
    "reports/rpt_summary": "SELECT id FROM marts.rpt_teams",
}


def load(folder: Path, queries: dict[str, str], header: str = "") -> Project:
    for path, query in queries.items():
        file = folder / f"{path}.sql"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"/*\nGrain: one row.\nQuestion: What?\nKey: id\n{header}*/\n{query}\n")
    return Project.load(folder)


def test_reports_are_published_in_the_marts_dataset(tmp_path: Path) -> None:
    models = load(tmp_path, MODELS).models
    assert {name: (model.folder, model.layer) for name, model in models.items()} == {
        "stg_teams": ("staging", "staging"),
        "dim_team": ("marts", "marts"),
        "rpt_teams": ("reports", "marts"),
        "rpt_summary": ("reports", "marts"),
    }


@pytest.mark.parametrize(
    ("path", "query", "refused"),
    [
        ("staging/stg_teams", "SELECT id FROM marts.dim_team", "marts.dim_team"),
        ("marts/dim_team", "SELECT id FROM raw.teams", "raw.teams"),
        ("marts/dim_team", "SELECT id FROM marts.rpt_teams", "marts.rpt_teams"),
        ("reports/rpt_teams", "SELECT id FROM raw.teams", "raw.teams"),
        ("reports/rpt_teams", "SELECT id FROM staging.stg_teams", "staging.stg_teams"),
    ],
)
def test_a_model_may_not_read_past_the_layer_below(tmp_path: Path, path: str, query: str, refused: str) -> None:
    folder = path.partition("/")[0]
    with pytest.raises(ModelError, match=f"a model in {folder}/ may not read {refused}"):
        load(tmp_path, MODELS | {path: query})


def test_a_report_reads_the_staging_models_its_header_lists(tmp_path: Path) -> None:
    load(tmp_path, MODELS)
    report = {"reports/rpt_teams": "SELECT id FROM staging.stg_teams"}
    listed = "Reads staging:\n  stg_teams: no mart holds it.\n"

    assert load(tmp_path, report, listed).models["rpt_teams"].reads == {("staging", "stg_teams")}

    with pytest.raises(ModelError, match="lists stg_teams under Reads staging but never reads it"):
        load(tmp_path, {"reports/rpt_teams": "SELECT id FROM marts.dim_team"}, listed)


def test_every_model_is_in_the_folder_of_its_prefix(project: Project) -> None:
    folders = {"stg": "staging", "dim": "marts", "fct": "marts", "rpt": "reports"}
    for name, model in project.models.items():
        assert model.folder == folders[name.partition("_")[0]], name
