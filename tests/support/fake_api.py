"""A fake API for replies that the sandbox cannot give.

Input:  a function from a request (method, path with its query, headers, body) to a reply.
Output: a server on 127.0.0.1, any free port, in a thread; `requests` is what it was asked, with the headers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Asked(NamedTuple):
    """One request. `query` has the last value of each parameter."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes = b""


class Replied(NamedTuple):
    """One reply."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = {}


class FakeApi:
    """Serves while the `with` block lasts."""

    def __init__(self, answer: Callable[[Asked], Replied]) -> None:
        self.requests: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(parts.path, query, dict(self.headers), self.command, body)
                outer.requests.append(asked)
                replied = answer(asked)
                headers = {"Content-Type": "application/json", "Content-Length": str(len(replied.body))}
                lines = [f"HTTP/1.1 {replied.status} reply"]
                lines += [f"{name}: {value}" for name, value in (headers | dict(replied.headers)).items()]
                # In one piece: two pieces would wait for an acknowledgement.
                self.wfile.write("\r\n".join([*lines, "", ""]).encode() + replied.body)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FakeApi:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
