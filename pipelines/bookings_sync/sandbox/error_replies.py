"""The API's error replies, word for word.

Input:  raised by `listing`, `validation` and the routes.
Output: `RefusedError`, which `endpoint` turns into a reply.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

JSON_TYPE = "application/json"
HTML = b"<html><head><title>Error</title></head><body><center><h1>%d</h1></center><hr>nginx</body></html>"
"""The page of a proxy in front of the API."""


class RefusedError(Exception):
    """An error reply. `fields` is the JSON object of a 422. Other replies have a `msg` or an empty body."""

    def __init__(
        self, status: int, msg: str | None = None, fields: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        super().__init__(status, msg)
        self.status, self.msg, self.fields = status, msg, fields

    def response(self) -> Response:
        if self.fields is not None:
            return Response(orjson.dumps(self.fields), self.status, media_type=JSON_TYPE)
        if self.msg is not None:
            return Response(orjson.dumps({"msg": self.msg}), self.status, media_type=JSON_TYPE)
        return Response(b"", self.status, media_type="text/plain")


def bad_request() -> RefusedError:
    """400 (DOC)."""
    return RefusedError(400, "Bad Request")


def not_found() -> RefusedError:
    """404 for an unknown route (OBS)."""
    return RefusedError(404, "Not found")


def invalid(field: str, message: str | None = None) -> RefusedError:
    """422 for one invalid field (DOC)."""
    return RefusedError(422, fields={field: {"message": message or f"The {field} is invalid.", "rule": "invalid"}})


def unknown_id(reply: str) -> RefusedError:
    """The reply for an id that does not exist (UNK). `reply` is a value of `Switches.unknown_id`."""
    if reply == "empty":
        return RefusedError(200)
    if reply == "object":
        return RefusedError(200, fields={})
    if reply == "422":
        return invalid("id")
    return bad_request() if reply == "400" else not_found()
