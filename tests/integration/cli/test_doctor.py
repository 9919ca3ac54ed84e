"""`bookings doctor` finds damage of the history, shows the repairs, and makes them."""

from __future__ import annotations

import random

import duckdb
import pytest

from support.truth import differences

from .conftest import Project


def damage(project: Project, *statements: str) -> None:
    with duckdb.connect(str(project.database)) as connection:
        connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def synced(project: Project) -> Project:
    assert project.bookings("sync").exit_code == 0
    location = project.world.locations[0]
    for row in list(project.world.data[location.id].by_start.all())[-6:-3]:
        project.world.delete(location.id, row.id)
    assert project.bookings("sync").exit_code == 0
    return project


def unequal(project: Project) -> list[str]:
    truths = [project.world.truth(each.id) for each in project.world.locations]
    return [each for each in differences(str(project.database), truths) if not each.startswith("slots")]


def test_a_sound_history(synced: Project) -> None:
    result = synced.bookings("doctor")
    assert (result.exit_code, result.stdout) == (0, "The history is sound.\n")
    assert synced.bookings("doctor", "--json").json["flaws"] == []


DAMAGE = {
    "two current versions": """INSERT INTO appointments BY NAME SELECT * REPLACE ('older' AS title, 'x' || row_digest
        AS row_digest, _dlt_valid_from - INTERVAL 1 DAY AS _dlt_valid_from) FROM appointments LIMIT 3""",
    "copies of one version": "INSERT INTO contacts FROM contacts LIMIT 4",
    "versions that overlap": """INSERT INTO services BY NAME SELECT * REPLACE ('x' || row_digest AS row_digest,
        _dlt_valid_from - INTERVAL 1 DAY AS _dlt_valid_from, now()::TIMESTAMPTZ + INTERVAL 9 YEAR AS _dlt_valid_to)
        FROM services LIMIT 1""",
    "versions that end before they begin": """UPDATE appointments SET _dlt_valid_to = _dlt_valid_from - INTERVAL 1 DAY
        WHERE _dlt_valid_to IS NOT NULL""",
    "records without a current version": """UPDATE appointments SET _dlt_valid_to = now() WHERE _dlt_valid_to IS NULL
        AND deleted_at IS NULL AND id = (SELECT min(id) FROM appointments WHERE deleted_at IS NULL
        AND _dlt_valid_to IS NULL)""",
    "tombstones with other values": "UPDATE appointments SET title = 'lost' WHERE deleted_at IS NOT NULL",
    "values that were edited": "UPDATE contacts SET country = 'XX' WHERE id > 'f'",
    "entries without a complete load": "UPDATE reads SET _dlt_load_id = '1' WHERE endpoint = 'slots'",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_shown_first_and_then_repaired(synced: Project, what: str) -> None:
    damage(synced, DAMAGE[what])
    shown = synced.bookings("doctor", "--json")
    assert shown.exit_code == 3
    assert what in {flaw["what"] for flaw in shown.json["flaws"] if flaw["repair"]}
    assert synced.bookings("doctor", "--json").json["flaws"] == shown.json["flaws"]
    repaired = synced.bookings("doctor", "--apply", "--json")
    assert (repaired.exit_code, repaired.json["applied"]) == (0, True)
    assert synced.bookings("sync").exit_code == 0
    assert unequal(synced) == []
    after = synced.bookings("doctor", "--json")
    assert [flaw for flaw in after.json["flaws"] if flaw["repair"]] == []


@pytest.mark.parametrize("seed", range(3))
def test_any_damage_is_healed(synced: Project, seed: int) -> None:
    chosen = random.Random(seed).sample(list(DAMAGE.values()), 4)
    damage(synced, *chosen)
    assert synced.bookings("doctor", "--apply").exit_code == 0
    assert synced.bookings("sync").exit_code == 0
    assert unequal(synced) == []
    after = synced.bookings("doctor", "--json")
    assert [flaw for flaw in after.json["flaws"] if flaw["repair"]] == []


def test_rows_of_another_location_are_removed(synced: Project) -> None:
    """Keys were once mixed up: a version of an own appointment was replaced for a while, and contacts came along."""
    own = synced.world.locations[0].id
    damage(
        synced,
        """INSERT INTO locations BY NAME SELECT * REPLACE ('other' AS location_id, 'o' AS row_digest) FROM locations
        LIMIT 1""",
        f"""CREATE TABLE main.one AS FROM appointments WHERE location_id = '{own}' AND _dlt_valid_to IS NULL
        AND deleted_at IS NULL LIMIT 1""",
        """UPDATE appointments SET _dlt_valid_to = o._dlt_valid_from + INTERVAL 1 SECOND FROM main.one AS o
        WHERE appointments.row_digest = o.row_digest""",
        """INSERT INTO appointments BY NAME SELECT * REPLACE (_dlt_valid_from + INTERVAL 1 SECOND AS _dlt_valid_from,
        'x' AS row_digest, 'theirs' AS title, 'other' AS api_location_id) FROM main.one""",
        """INSERT INTO contacts BY NAME SELECT * REPLACE ('theirs' AS id, 'c' AS row_digest, 'other' AS api_location_id)
        FROM contacts LIMIT 1""",
        """INSERT INTO contact_custom_fields BY NAME SELECT * REPLACE ('theirs' AS contact_id)
        FROM contact_custom_fields LIMIT 1""",
        "DROP TABLE main.one",
    )
    shown = synced.bookings("doctor", "--json")
    assert {
        (flaw["table"], flaw["rows"]) for flaw in shown.json["flaws"] if flaw["what"] == "rows of another location"
    } == {
        ("appointments", 1),
        ("contacts", 1),
    }
    assert synced.bookings("doctor", "--apply").exit_code == 0
    damage(synced, "DELETE FROM locations WHERE location_id = 'other'")
    assert synced.bookings("sync").exit_code == 0
    assert unequal(synced) == []
    assert synced.bookings("doctor", "--json").json["flaws"] == []
