"""The other endpoints: free slots, contacts of their own, the slug check, and the rate limit that replies state."""

from __future__ import annotations

from bookings_sync.config.keys import CONFIG_FILE
from bookings_sync.dialects import ContactCalls
from bookings_sync.dialects.findings import Verdict
from bookings_sync.errors import ApiError
from bookings_sync.planning.windows import Window
from bookings_sync.records.columns import value_at
from bookings_sync.records.instants import instant_ms
from bookings_sync.records.listed import objects
from bookings_sync.sync.check.state import State


def try_slots(state: State) -> None:
    services = state.ids("service")
    if not services:
        state.find("slots", "note", "not tried: there is no service")
        return
    days = min(state.settings.slots_days_per_call, state.settings.slots_horizon_days)
    window = Window.between(state.now, state.now.add(days=days))
    parameter = "Correct service_id_parameter, lower" if state.client.dialect.has_service_id_parameter else "Lower"
    fix = f"{parameter} slots_days_per_call, or set slots = false, in {CONFIG_FILE}."
    reply = state.attempt("slots", lambda: state.client.list_slots(services[0], window), fix=fix)
    if reply is not None:
        free = sum(len(starts) for starts in (reply.records or {}).values())
        state.find("slots", "ok", f"{free:,} free in {days} days, of one service")


def try_contacts(state: State, contacts: ContactCalls) -> None:
    """Tries whether the list of contacts can leave out those that did not change since a time (UNK)."""
    fix = "Without contacts, set include_contacts = false."
    reply = state.attempt("contacts", lambda: contacts.list_contacts(None), fix=fix)
    page = reply.records if reply else None
    if page is None:
        return
    listed = objects(page.records)
    more = " on the first page" if page.total is None and page.cursor else ""
    state.find("contacts", "ok", f"{len(listed) if page.total is None else page.total:,} listed{more}")
    changed = sorted(filter(None, (instant_ms(each.get("dateUpdated")) for each in listed)))
    if not changed or changed[0] == changed[-1]:
        why = "no two contacts of the first page changed at different times"
        state.find("changed contacts", "note", f"not tried: {why}")
        return
    since = changed[-1] // 1000 * 1000
    since = since if since > changed[0] else changed[-1]
    is_used = state.settings.contacts_changed_filter
    bad: Verdict = "failed" if is_used else "note"
    fix = f"{'Write' if is_used else 'Keep'} contacts_changed_filter = false in {CONFIG_FILE}."
    try:
        answer = contacts.list_contacts(None, since).records
    except ApiError as error:
        state.find("changed contacts", bad, f"the search cannot be asked for changed contacts: {error}", fix)
        return
    times = [instant_ms(each.get("dateUpdated")) for each in objects(answer.records if answer else [])]
    if times and all(each is not None and each >= since for each in times):
        fix = f"Write contacts_changed_filter = true in {CONFIG_FILE}: a sync then sees changed contacts sooner."
        what = "the search leaves out contacts that did not change since a time"
        state.find("changed contacts", "ok", what, None if is_used else fix)
    else:
        state.find("changed contacts", bad, "the search ignores the time since which contacts changed", fix)


def try_slug(state: State) -> None:
    """Tries the slug check. A sync does not need it, programs that write through the client do."""
    slugs = [value_at(team, "calendarConfig.slug") for team in state.teams]
    if slug := next((str(each) for each in slugs if each), None):
        fix = "No sync needs this endpoint. There is nothing to do."
        if state.attempt("slug", lambda: state.client.check_slug(slug), fix=fix, verdict="note") is not None:
            state.find("slug", "ok", "answered")


def find_rate_limit(state: State) -> None:
    """Compares the limits that replies state, if they do, with the settings."""
    pace, settings = state.client.pace, state.settings
    if pace is None:
        return
    if pace.limit:
        period = pace.period_seconds or settings.rate_period_seconds
        stated = f"{pace.limit:,} requests in {period:g} s"
        if pace.limit / period < settings.rate_limit / settings.rate_period_seconds:
            what = f"the API allows {stated}, fewer than rate_limit: a sync keeps to the API's limit"
            state.find("rate limit", "note", what, f"Write rate_limit = {pace.limit} in {CONFIG_FILE}, or keep it.")
        else:
            state.find("rate limit", "ok", f"the API allows {stated}; rate_limit is {settings.rate_limit:,}")
    if pace.per_day and pace.per_day < settings.request_budget:
        what = f"the API allows {pace.per_day:,} requests a day; request_budget is {settings.request_budget:,} a run"
        state.find("daily limit", "note", what, f"Write request_budget = {pace.per_day} or less in {CONFIG_FILE}.")
