"""Access: does the key open this location, and do its lists of teams and services answer?"""

from __future__ import annotations

from bookings_sync.config.keys import CONFIG_FILE, SECRETS_FILE
from bookings_sync.config.settings import location_id_from_key
from bookings_sync.errors import ApiError, AuthenticationFailed, ConnectionFailed, MissingScope, TimedOut
from bookings_sync.records.listed import objects
from bookings_sync.records.values import usable_id
from bookings_sync.sync.check.state import State


def try_key(state: State) -> bool:
    """Tries the key. Returns False if further requests would fail in the same way."""
    base_url = state.client.dialect.url_setting
    try:
        probes = state.client.probes
        if probes is not None:
            found = list(probes.access())
            state.findings += found
            if not any(each.subject == "key" and each.verdict == "ok" for each in found):
                return False
        return _list_teams(state, says_key=probes is None)
    except AuthenticationFailed as error:
        where = f"{state.section} api_key in {SECRETS_FILE}, or its environment variable"
        state.find("key", "failed", str(error), f"Paste the location's API key again: {where}.")
    except (ConnectionFailed, TimedOut) as error:
        fix = f"Check {base_url} in {CONFIG_FILE}, and that this machine reaches it."
        state.find("host", "failed", str(error), fix)
    except ApiError as error:
        fix = f"Check {base_url} in {CONFIG_FILE}: is it the API's, with its version if that has one?"
        state.find("teams", "failed", str(error), fix)
    return False


def _list_teams(state: State, *, says_key: bool) -> bool:
    try:
        state.teams = objects(state.client.list_teams().records)
    except MissingScope as error:  # other lists may still answer
        state.find("teams", "failed", str(error), "Enable the scope for this token.")
        return True
    if says_key:
        state.find("key", "ok", "accepted")
    state.find("teams", "ok", f"{len(state.teams):,} listed")
    return True


def list_services(state: State) -> None:
    fix = "Ask the host's support to enable the list of services."
    reply = state.attempt("services", state.client.list_services, fix=fix)
    if reply is not None:
        state.services = objects(reply.records)
        state.find("services", "ok", f"{len(state.services):,} listed")


def describe_location(state: State) -> None:
    """Reports which location the API says that this is, if it has a record of locations."""
    reply = state.attempt("location", state.client.get_location, fix=f"Check location_id under {state.section}.")
    record = state.record = reply.records if reply else None
    if record is None:
        return
    parts = [record.name or "without a name", record.timezone or "without a time zone"]
    parts += [f"company {record.company_id}"] if record.company_id else []
    asked = state.location.location_id
    if record.id and asked and record.id != asked:
        what = f"the API answers with location {record.id} instead of {asked}"
        state.find("location", "failed", what, f"Correct location_id under {state.section} in {SECRETS_FILE}.")
    else:
        state.find("location", "ok", ", ".join(parts))


def find_location_id(state: State) -> None:
    """Compares the location's id in the configuration, in the key and in the appointments."""
    named = (usable_id(each.get("locationId")) for each in state.appointments.values())
    from_data = next(filter(None, named), "")
    configured, from_key = state.location.location_id, location_id_from_key(state.location.api_key)
    found = configured or from_key or from_data
    fix = "Check whose key it is, then correct the key or the location_id."
    if not found:
        what = "not found in the configuration, in the key or in these appointments"
        state.find("location id", "failed", what, f"Write location_id under {state.section} in {SECRETS_FILE}.")
    elif configured and from_key and configured != from_key:
        what = f"the configuration says {configured}, the key says {from_key}"
        state.find("location id", "failed", what, fix)
    elif from_data and from_data != found:
        names = {
            each.location_id or location_id_from_key(each.api_key): each.name
            for each in state.settings.locations.values()
            if each.name != state.location.name
        }
        whose = f", which is `{names[from_data]}`" if from_data in names else ""
        what = f"the {'configuration' if configured else 'key'} says {found}, its appointments say {from_data}{whose}"
        state.find("location id", "failed", what, fix)
    else:
        source = "configuration" if configured else "key" if from_key else "data"
        state.find("location id", "ok", f"{found}, from the {source}")


def find_time_zone(state: State) -> None:
    configured, reported = state.location.timezone, state.record.timezone if state.record else None
    where = f"{state.section} in {CONFIG_FILE}"
    if configured and reported and configured != reported:
        what = f"{configured}, as configured; the API reports {reported}"
        state.find("time zone", "note", what, f"If the API is right, remove timezone under {where}.")
    elif configured or reported:
        state.find(
            "time zone", "ok", f"{configured or reported}, as {'configured' if configured else 'the API reports'}"
        )
    else:
        what = "not configured: reports guess it from opening hours and bookings. bookings status shows the guess"
        state.find("time zone", "note", what, f'Write timezone, such as "Europe/Berlin", under {where}.')
