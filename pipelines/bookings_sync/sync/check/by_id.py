"""By id: does the API find a listed appointment, and how does it refuse an id that never existed?"""

from __future__ import annotations

import uuid

from bookings_sync.config.keys import CONFIG_FILE
from bookings_sync.errors import ApiError, BadReply, RequestRefused
from bookings_sync.sync.check.state import State


def find_one(state: State) -> None:
    if not state.appointments:
        state.find("one by id", "note", "not tried: these days hold no appointment")
        return
    wanted = next(iter(state.appointments))
    fix = "A sync asks by id to tell moved from deleted appointments. Ask the host's support."
    reply = state.attempt("one by id", lambda: state.client.get_appointment(wanted), fix=fix)
    if reply is not None and not reply.records:
        state.find("one by id", "failed", "a listed appointment is not found by its id", fix)
    elif reply is not None:
        state.find("one by id", "ok", "found")


def find_unknown(state: State) -> None:
    """Asks for an id that never existed. A sync takes the same refusal for a deletion (UNK which one it is)."""
    known = state.settings.unknown_id_statuses
    try:
        records = state.client.get_appointment(uuid.uuid4().hex[:20]).records
    except RequestRefused as error:
        status = error.status or 0
        if status in known:
            state.find("unknown id", "ok", f"refused with {status} and a JSON object, which counts as deleted")
        else:
            fix = f"Add {status} to unknown_id_statuses in {CONFIG_FILE}."
            state.find("unknown id", "failed", f"refused with {status}: a sync would miss deletions", fix)
    except BadReply as error:
        fix = "Without a clear refusal, a sync cannot see deletions. Ask the host's support."
        state.find("unknown id", "failed", f"answered with {error.status} and no JSON object: {error}", fix)
    except ApiError as error:
        state.find("unknown id", "failed", str(error), "Without a clear refusal, a sync cannot see deletions.")
    else:
        if records:
            fix = "A sync cannot see deletions. Ask the host's support."
            state.find("unknown id", "failed", "answered with a record that cannot exist", fix)
        else:
            state.find("unknown id", "ok", "answered with an empty body, which counts as deleted")
