"""The identity of each location: which calendar an API key should open, and the errors if it opens another one.

Input:  a location's configuration, and the ids and names that earlier runs stored.
Output: the location id, and where it was learnt: config, key or data. `identity_search` asks the API if none of them
        names the id. `proof` compares the id with the data in each run, before anything is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bookings_sync.changes.owners import Whose
from bookings_sync.config.keys import LOCATIONS_SECTION, SECRETS_FILE
from bookings_sync.config.settings import Location, location_id_from_key
from bookings_sync.errors import ConfigurationError


def stored_id(location: Location, known_names: Mapping[str, str]) -> tuple[str, str] | None:
    """The id that the configuration, the key or an earlier run knows; None if only the API knows.

    `known_names` are the names of the locations in the warehouse, by id. Raises ConfigurationError if configuration and
    key contradict each other.
    """
    from_key = location_id_from_key(location.api_key)
    if location.location_id and from_key and from_key != location.location_id:
        raise wrong_key(location, location.location_id, Whose("other", from_key), known_names)
    if location.location_id:
        return location.location_id, "config"
    if from_key:
        return from_key, "key"
    found = [known for known, name in known_names.items() if name == location.name]
    return (found[0], "data") if len(found) == 1 else None  # a location that moved left its name with its old id


def check_move(
    location: Location, location_id: str, known_names: Mapping[str, str], configured: Collection[str]
) -> None:
    """Raises ConfigurationError if the key names a new location under the name of another one, which is no longer
    configured.

    `configured` are the ids of all configured locations: a name may pass to another location if the old one still has
    its own.
    """
    if location.location_id or location_id in known_names:
        return
    before = [known for known, name in known_names.items() if name == location.name and known not in configured]
    if before:
        raise wrong_key(location, before[0], Whose("other", location_id), known_names)


def wrong_key(
    location: Location,
    location_id: str,
    whose: Whose,
    names: Mapping[str, str],
    *,
    what: str = "appointments",
    wrote_nothing: bool = True,
) -> ConfigurationError:
    """The error for a key that opens another calendar than that of `location_id`. `what` showed it, before or after
    the run wrote something of that calendar."""
    name, other_id = location.name, whose.other_id
    own_name = names.get(location_id, name)
    own = f"`{own_name}` (location id {location_id})"
    if whose.verdict == "unknown":
        problem = f"this key lists {what} of which none is known from {own}"
        fix = "Paste that location's key. If all of them were replaced, book an appointment: it shows the location."
        return _about_key(name, problem, fix)
    other = f"`{names[other_id]}` (location id {other_id})" if other_id in names else f"location id {other_id}"
    fix = f"Paste the key of {own_name}"
    if location.location_id:
        fix += ", or correct location_id."
    else:
        fix += f', or write location_id = "{other_id}" here if this name is meant for that location.'
    problem = f"this key opens the calendar of {other}, not of {own}, so nothing "
    problem += "was written" if wrote_nothing else "more was written; `bookings doctor` shows what was written before"
    return _about_key(name, problem, fix)


def unknown_id(location: Location, *, has_lists: bool, requests: int) -> ConfigurationError:
    """The error for a location with an old key, if no appointment names the location."""
    problem = (
        f"neither the key nor any appointment names the location's id ({requests} lists were searched)"
        if has_lists
        else "the key names no location id, and the calendar has no teams and services that could show it"
    )
    return ConfigurationError(
        problem,
        key=f"{LOCATIONS_SECTION}.{location.name}.location_id",
        where=SECRETS_FILE,
        fix='Write the location\'s id there: location_id = "…".',
    )


def same_calendar(name: str, other: str) -> ConfigurationError:
    """The error for two configured locations that turn out to be one calendar."""
    return ConfigurationError(
        f"opens the same calendar as {other}",
        key=f"{LOCATIONS_SECTION}.{name}",
        where=SECRETS_FILE,
        fix="Remove one of the two locations, or correct its key.",
    )


def _about_key(name: str, problem: str, fix: str) -> ConfigurationError:
    return ConfigurationError(problem, key=f"{LOCATIONS_SECTION}.{name}.api_key", where=SECRETS_FILE, fix=fix)
