"""What the API says when it refuses, word for word (api.md).

Input:  raised by `reading`, `forms` and the routes.
Output: `RefusedError`, turned into a reply by `gate`.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

JSON_TYPE = "application/json"
HTML = b"<html><head><title>Error</title></head><body><center><h1>%d</h1></center><hr>nginx</body></html>"


class RefusedError(Exception):
    """A reply with a status that is not 200; `fields` is the object of a 422, else there is a `msg`, or no body."""

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
    """400, DOC."""
    return RefusedError(400, "Bad Request")


def not_found() -> RefusedError:
    """404 of a route there is not, OBS."""
    return RefusedError(404, "Not found")


def invalid(field: str, message: str | None = None) -> RefusedError:
    """422 for one field whose value will not do, DOC."""
    return RefusedError(422, fields={field: {"message": message or f"The {field} is invalid.", "rule": "invalid"}})


def unknown_id(answer: str) -> RefusedError:
    """What an id that is not there gets (UNK: `Switches.unknown_id`, `deleted_id`)."""
    if answer == "empty":
        return RefusedError(200)
    if answer == "422":
        return invalid("id")
    return bad_request() if answer == "400" else not_found()
