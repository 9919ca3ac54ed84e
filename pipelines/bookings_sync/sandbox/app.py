"""Assembles the ASGI application.

Input:  an `endpoint.Sandbox`.
Output: v1 under `/v1`, v2 at the root, every path with and without a trailing slash; the control routes under
        `/sandbox`.
"""

from __future__ import annotations

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from bookings_sync.sandbox import appointment_routes as appointments
from bookings_sync.sandbox import calendar_routes as calendars
from bookings_sync.sandbox.api_version import V1, ApiVersion
from bookings_sync.sandbox.control_routes import control_routes
from bookings_sync.sandbox.endpoint import Endpoint, Handler, Sandbox
from bookings_sync.sandbox.v2.routes import v2_routes
from bookings_sync.sandbox.v2.transport import V2

ENDPOINTS: dict[str, tuple[str, dict[str, Handler]]] = {
    "/calendars/teams": ("/calendars/teams", {"GET": calendars.list_teams, "POST": calendars.create_team}),
    "/calendars/teams/{team_id}": (
        "/calendars/teams/:teamId",
        {"PUT": calendars.update_team, "DELETE": calendars.delete_team},
    ),
    "/calendars/check-slug-availability/{slug}": (
        "/calendars/check-slug-availability/:slug",
        {"GET": calendars.check_slug},
    ),
    "/calendars/services": ("/calendars/services", {"GET": calendars.list_services, "POST": calendars.create_service}),
    "/calendars/services/{service_id}": (
        "/calendars/services/:serviceId",
        {"PUT": calendars.update_service, "DELETE": calendars.delete_service},
    ),
    "/appointments/slots": ("/appointments/slots", {"GET": appointments.list_slots}),
    "/appointments": ("/appointments/", {"GET": appointments.list_appointments, "POST": appointments.book}),
    "/appointments/{appointment_id}": (
        "/appointments/:id",
        {
            "GET": appointments.get_appointment,
            "PUT": appointments.reschedule,
            "DELETE": appointments.delete_appointment,
        },
    ),
    "/contacts/{contact_id}/appointments": ("/contacts/:id/appointments/", {"GET": appointments.contact_appointments}),
    "/appointments/{appointment_id}/status": ("/appointments/:id/status", {"PUT": appointments.set_status}),
}
"""By path: its template in faults and in the request log, and its handlers by method."""


def application(sandbox: Sandbox) -> Router:
    """A plain router. Middleware would hide the connection, which some faults break."""
    routes = [
        Route(f"/v1{path}{slash}", Endpoint(sandbox, template, handlers))
        for path, (template, handlers) in ENDPOINTS.items()
        for slash in ("", "/")
    ]
    routes += [*control_routes(sandbox), *v2_routes(sandbox)]

    async def no_route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            api: ApiVersion = V1() if scope["path"].startswith(("/v1/", "/sandbox/")) else V2()
            refusal = api.no_route(sandbox.world, scope["method"], scope["path"])
            await api.response(sandbox.world, refusal)(scope, receive, send)

    return Router(routes, redirect_slashes=False, default=no_route)
