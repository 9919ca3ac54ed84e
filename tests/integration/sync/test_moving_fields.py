"""Fields that change by themselves, such as a token in a link."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bookings_sync.errors import ConfigurationError
from bookings_sync.sandbox import Switches

from .conftest import Site, small

MOVING = ("appointments.joinLink", "contacts.portalLink", "services.previewLink", "teams.previewLink")


def test_a_field_that_changes_by_itself(open_site: Callable[..., Site]) -> None:
    """The third run that finds nothing else names it, without its value. Ignored, it costs no version."""
    site = open_site(small(appointments=60), switches=Switches(moving_field="all"), slots=False)
    site.sync()
    results = [site.sync() for _ in range(3)]
    found = [[each for each in MOVING[:3] if each in str(result.warnings)] for result in results]
    assert found[0] == []
    assert found[2] == [*MOVING[:3]]
    assert "token=" not in str(results[2].warnings)
    site.sync(ignored_fields=MOVING)
    result = site.sync(ignored_fields=MOVING)
    assert (result.changes.total, "ignored_fields" in str(result.warnings)) == (0, False)
    assert not site.live("appointments", "extra LIKE '%joinLink%'")
    assert not site.live("contacts", "extra LIKE '%portalLink%'")


def test_a_mass_change_is_no_moving_field(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=60), slots=False)
    for title in ("", "one", "two", "three"):
        for row in site.world.data[site.location_id].by_start.all() if title else ():
            row.title, row.head = title, None
        warnings = str(site.sync().warnings)
        assert ("appointments.title" in warnings) == (title == "three")


@pytest.mark.parametrize("name", ["joinLink", "slots.x", "appointments.", "appointments.id", "contacts.a b"])
def test_names_that_cannot_be_ignored(open_site: Callable[..., Site], name: str) -> None:
    site = open_site(small(appointments=1))
    with pytest.raises(ConfigurationError, match="ignored_fields"):
        site.sync(ignored_fields=(name,))
