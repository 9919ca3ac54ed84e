"""Compares our HTTP transport with well-kept libraries, in CPU time of the client.

Input:  sizes of replies or syncs, how many runs, folders with libraries.
Output: a Markdown table on standard output, progress on standard error.

    pip install --target /tmp/http urllib3 pyreqwest
    pip install --target /tmp/niquests niquests          # alone: its urllib3-future replaces urllib3
    python benchmarks/transports.py calls --libraries /tmp/http --libraries /tmp/niquests
    python benchmarks/transports.py syncs --libraries /tmp/http --libraries /tmp/niquests

`calls` measures single calls with 20 threads, against a server that sends the same bytes for every request. `syncs`
measures whole `bookings sync` commands against the sandbox. Servers run in their own process, and their CPU time does
not count. Libraries take turns, and each figure is the median of all runs.

Each library is wrapped in an `httpx.BaseTransport`, the interface that `bookings_sync.api` uses. The wrappers read
whole bodies and translate no errors, so a wrapper for production would need more CPU.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx
import pendulum
import typer
from bookings_sync.api import Client, ConnectionPool, Scope, connections
from bookings_sync.api.connections import HttpxTransport
from bookings_sync.api.socket_transport import SocketTransport
from bookings_sync.cli.memory import limit_memory_use
from bookings_sync.config.settings import Location, Settings
from bookings_sync.planning.windows import Window

from measure import Cost, measure, progress
from ours import Ours
from world import served

THREADS = 20
"""Requests in flight, as many as `concurrency` allows by default."""

PROCESS_SECONDS = 1.5
"""CPU seconds of one client process: long enough to measure, and short enough for many runs."""

READ_TIMEOUT = 60.0

Libraries = Annotated[list[Path] | None, typer.Option(help="A folder made by pip install --target. Repeatable.")]
Runs = Annotated[int, typer.Option(min=1, help="Runs of each library.")]
OpenOne = Callable[[], httpx.BaseTransport]

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False, help="Compare HTTP transports.")


# -- the libraries ----------------------------------------------------------------------------------------------------


def _ours() -> OpenOne:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return lambda: SocketTransport(context)


def _httpx() -> OpenOne:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return lambda: HttpxTransport(context)


def _http_client() -> OpenOne:
    from http.client import HTTPConnection

    class HttpClientTransport(httpx.BaseTransport):
        """A connection of Python's standard library."""

        connection: HTTPConnection | None = None

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if self.connection is None:
                self.connection = HTTPConnection(request.url.host, request.url.port, timeout=READ_TIMEOUT)
            headers = dict(request.headers.items())
            self.connection.request(request.method, request.extensions["target"].decode(), headers=headers)
            reply = self.connection.getresponse()
            return httpx.Response(reply.status, headers=reply.getheaders(), content=reply.read())

    return HttpClientTransport


def _urllib3() -> OpenOne:
    import urllib3

    class Urllib3Transport(httpx.BaseTransport):
        """A urllib3 pool with one connection."""

        pool: urllib3.HTTPConnectionPool | None = None

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if self.pool is None:
                url = request.url
                self.pool = urllib3.HTTPConnectionPool(url.host, url.port, timeout=READ_TIMEOUT, maxsize=1)
            reply = self.pool.urlopen(
                request.method,
                request.extensions["target"].decode(),
                headers=dict(request.headers.items()),
                retries=False,
                redirect=False,
                decode_content=False,
            )
            return httpx.Response(reply.status, headers=list(reply.headers.items()), content=reply.data)

    return Urllib3Transport


def _pyreqwest() -> OpenOne:
    from pyreqwest.client import SyncClient, SyncClientBuilder

    class PyreqwestTransport(httpx.BaseTransport):
        """A client that all threads share, as its documentation recommends."""

        def __init__(self, client: SyncClient) -> None:
            self.client = client

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            builder = self.client.request(request.method, _url(request)).headers(request.headers.multi_items())
            reply = builder.build().send()
            return httpx.Response(reply.status, headers=list(reply.headers.items()), content=bytes(reply.bytes()))

    builder = SyncClientBuilder().read_timeout(timedelta(seconds=READ_TIMEOUT)).follow_redirects(False)
    client = builder.build()
    return lambda: PyreqwestTransport(client)


def _niquests() -> OpenOne:
    import niquests

    class NiquestsTransport(httpx.BaseTransport):
        """A session, and with it a connection, for each thread."""

        def __init__(self) -> None:
            self.session = niquests.Session()
            self.session.trust_env = False

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            headers = dict(request.headers.items())
            reply = self.session.request(
                request.method, _url(request), headers=headers, timeout=READ_TIMEOUT, allow_redirects=False
            )
            return httpx.Response(reply.status_code, headers=list(reply.headers.items()), content=reply.content)

    return NiquestsTransport


def _url(request: httpx.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}{request.extensions['target'].decode()}"


LIBRARIES: dict[str, Callable[[], OpenOne]] = {
    "ours": _ours,
    "httpx": _httpx,
    "http.client": _http_client,
    "urllib3": _urllib3,
    "pyreqwest": _pyreqwest,
    "niquests": _niquests,
}


def _installed(folders: list[Path] | None) -> dict[str, dict[str, str]]:
    """The environment variables for each installed library. Prints which libraries are missing."""
    environments: dict[str, dict[str, str]] = {}
    for library in LIBRARIES:
        paths = [str(folder) for folder in folders or [] if (folder / library).is_dir()][:1]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])}
        module = "bookings_sync" if library == "ours" else library
        if subprocess.run([sys.executable, "-c", f"import {module}"], env=environment, capture_output=True).returncode:
            progress(f"{library} is not installed: skipped")
        else:
            environments[library] = environment
    return environments


# -- single calls -----------------------------------------------------------------------------------------------------

SCOPE, WINDOW = Scope("service", "service-id"), Window(0, 30 * 86_400_000)


WORK = ("HTTP only", "list call, changed", "list call, unchanged")
"""Reading a reply's bytes; listing appointments that changed and are decoded; listing unchanged appointments."""


def _work(name: str, http: ConnectionPool, settings: Settings) -> Callable[[], int]:
    """Returns a function that makes one call and returns the size of its reply."""
    if name == "HTTP only":
        url = httpx.URL(settings.base_url)
        headers = httpx.Headers({**http.headers, "Authorization": "Bearer key"})
        target = b"/v1/appointments/?calendarId=service-id&startDate=0"
        extensions = {"timeout": httpx.Timeout(READ_TIMEOUT).as_dict(), "target": target}
        return lambda: _fetch(http, httpx.Request("GET", url, headers=headers, extensions=extensions))
    client = Client(Location("l", "key"), settings, http, clock=lambda: pendulum.now("UTC"))
    digest = client.list_appointments(SCOPE, WINDOW).digest if name == "list call, unchanged" else None
    return lambda: client.list_appointments(SCOPE, WINDOW, digest).bytes


def _fetch(http: ConnectionPool, request: httpx.Request) -> int:
    with http.connection() as transport:
        response = transport.handle_request(request)
        size = sum(map(len, response.iter_bytes()))
        response.close()
    return size


@app.command()
def calls(
    rows: Annotated[list[int] | None, typer.Option(help="Appointments in a reply. Repeatable.")] = None,
    runs: Runs = 5,
    libraries: Libraries = None,
) -> None:
    """Print the CPU time of single calls with each library, relative to ours."""
    environments = _installed(libraries)
    _print_row(["bytes of a reply", "work", "ours, CPU µs", *environments])
    _print_row(["---:", "---", *["---:"] * (1 + len(environments))])
    for count in rows or [1, 900, 5_000]:
        with _raw_server(count) as (base_url, size):

            def run(work: str, library: str, requests: int, url: str = base_url, size: int = size) -> float:
                command = [sys.executable, __file__, "client", library, work, url, str(requests), str(size)]
                environment = environments[library]
                return float(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)

            requests = {work: max(THREADS, round(PROCESS_SECONDS / run(work, "ours", 4 * THREADS))) for work in WORK}
            seconds: dict[tuple[str, str], list[float]] = {pair: [] for pair in product(WORK, environments)}
            for number in range(runs):
                for (work, library), measured in seconds.items():
                    measured.append(run(work, library, requests[work]))
                progress(f"{count} appointments, {size:,} bytes: run {number + 1} of {runs}")
            for work in WORK:
                base = median(seconds[work, "ours"])
                ratios = [f"{median(seconds[work, library]) / base:.2f}" for library in environments]
                _print_row([f"{size:,}", work, f"{base * 1e6:,.0f}", *ratios])


@app.command(hidden=True)
def client(library: str, work: str, base_url: str, requests: int, size: int) -> None:
    """Print the CPU seconds of one request."""
    limit_memory_use()  # as the `bookings` command does
    settings = Settings(base_url=base_url, rate_limit=100_000_000)
    with ConnectionPool(LIBRARIES[library]()) as http, ThreadPoolExecutor(THREADS) as pool:
        once = _work(work, http, settings)
        sizes = set(pool.map(lambda _: once(), range(2 * THREADS)))
        if sizes != {size}:
            raise RuntimeError(f"expected replies of {size} bytes, got {sizes}")
        began = time.process_time()
        for _ in pool.map(lambda _: once(), range(requests)):
            pass
        print((time.process_time() - began) / requests)


@contextmanager
def _raw_server(rows: int) -> Iterator[tuple[str, int]]:
    """Starts the server. Yields its base URL and the size of its replies."""
    command = [sys.executable, __file__, "serve", str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, size = json.loads(process.stdout.readline())
            yield f"http://127.0.0.1:{port}/v1", size
        finally:
            process.terminate()


@app.command(hidden=True)
def serve(rows: int) -> None:
    """Answer every request with the same list of appointments. Prints port and body size."""
    import orjson
    import uvloop
    from bookings_sync.sandbox import WorldSpec, generate

    world = generate(WorldSpec(now=datetime(2026, 3, 2, tzinfo=UTC), locations=1, appointments=max(rows, 50)))
    body = orjson.dumps({"appointments": world.truth(world.locations[0].id)["appointments"][:rows]})
    head = (
        "HTTP/1.1 200 OK\r\nDate: Mon, 02 Mar 2026 09:00:00 GMT\r\nServer: nginx\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n"
        'Vary: Accept-Encoding\r\nETag: W/"11f3-2Xq0"\r\nX-Request-Id: 7f1c3a52-4d1b-4c38-9d0f-33a3a6f0c9b1\r\n'
        "Strict-Transport-Security: max-age=15724800; includeSubDomains\r\n\r\n"
    )
    reply = head.encode() + body

    class Answer(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.received = transport, b""

        def data_received(self, data: bytes) -> None:
            self.received += data
            if self.received.endswith(b"\r\n\r\n"):
                self.received = b""
                self.transport.write(reply)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0)
        print(json.dumps([server.sockets[0].getsockname()[1], len(body)]), flush=True)
        await server.serve_forever()

    uvloop.run(run())


# -- whole syncs ------------------------------------------------------------------------------------------------------


class OursWith(Ours):
    """The `bookings` command with `library` in place of our transport."""

    library, environment = "ours", dict[str, str]()

    def _run(self, *arguments: str) -> Cost:
        command = [sys.executable, __file__, "bookings", self.library, *arguments]
        return measure(command, cwd=self.folder, env=self.environment)


@app.command()
def syncs(
    locations: Annotated[int, typer.Option(min=1, help="Locations of the sync of many locations.")] = 1_000,
    rows: Annotated[int, typer.Option(min=50, help="Appointments of the sync of one location.")] = 100_000,
    runs: Runs = 5,
    libraries: Libraries = None,
) -> None:
    """Print the CPU time of whole syncs with each library, relative to ours."""
    environments = _installed(libraries)
    _print_row(["sync", "ours, CPU s", *environments])
    _print_row(["---", *["---:"] * (1 + len(environments))])
    with tempfile.TemporaryDirectory() as folder:
        with served(20 * locations, locations=locations, services=2) as world:
            ours = OursWith(world, Path(folder, "many"))
            ours.first_sync()
            ours.settle()
            _compare(f"{locations:,} locations, nothing new", ours, ours.sync_unchanged, environments, runs)
        with served(rows) as world:
            ours = OursWith(world, Path(folder, "one"))
            _compare(f"first load of {rows:,} appointments", ours, ours.first_sync, environments, runs)
            ours.settle()
            _compare(f"{rows:,} appointments, nothing new", ours, ours.sync_unchanged, environments, runs)


def _compare(
    name: str, ours: OursWith, once: Callable[[], Cost], environments: dict[str, dict[str, str]], runs: int
) -> None:
    seconds: dict[str, list[float]] = {library: [] for library in environments}
    for number in range(runs):
        for ours.library, ours.environment in environments.items():
            seconds[ours.library].append(once().cpu_s)
        progress(f"{name}: run {number + 1} of {runs}")
    ours.library, ours.environment = "ours", {}
    base = median(seconds["ours"])
    _print_row([name, f"{base:.2f}", *(f"{median(each) / base:.2f}" for each in seconds.values())])


@app.command(hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bookings(library: str, context: typer.Context) -> None:
    """Run a `bookings` command with a library in place of our transport."""
    from bookings_sync.cli.main import main

    open_one = LIBRARIES[library]()
    connections.SocketTransport = lambda _: open_one()  # type: ignore[assignment, misc]
    sys.argv[1:] = context.args
    main()


def _print_row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    app()
