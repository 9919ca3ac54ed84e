"""Serves a world over HTTP: in a thread (`SandboxServer`) or in the current process (`run`).

Input:  a world, and how to serve it.
Output: `base_url`, for the connector's configuration.
"""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn

from bookings_sync.sandbox.app import application
from bookings_sync.sandbox.endpoint import Sandbox
from bookings_sync.sandbox.faults import Faults
from bookings_sync.sandbox.generate import WorldSpec, generate
from bookings_sync.sandbox.quota import Quota, QuotaTracker
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.world import World

_KEEP_ALIVE_S = 75
"""Seconds. Longer than client pools keep idle connections, so the server never closes a connection that a test uses."""


class SandboxServer:
    """Serves a world on 127.0.0.1 in a thread while a `with` block runs.

    `port` 0 means any free port. The world, faults, quota and latency may be changed while the server runs.
    """

    def __init__(
        self,
        world: World,
        *,
        switches: Switches | None = None,
        faults: Faults | None = None,
        quota: Quota | None = None,
        latency_ms: float = 0.0,
        port: int = 0,
    ) -> None:
        if switches is not None:
            world.switches = switches
        self.world = world
        self._sandbox = Sandbox(world, faults or Faults(), QuotaTracker(quota), latency_ms)
        self._port = port

    def __enter__(self) -> Self:
        self._socket = _listen("127.0.0.1", self._port)
        self._server = _server(self._sandbox)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`. The control routes are below it."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def base_url(self) -> str:
        """The base URL of v1, `http://127.0.0.1:<port>/v1`."""
        return f"{self.url}/v1"

    @property
    def base_url_v2(self) -> str:
        """The base URL of v2, `http://127.0.0.1:<port>`. The real one has no path either."""
        return self.url

    @property
    def rate_limited(self) -> int:
        """Requests refused because the quota was exceeded. Faults do not count."""
        return self._sandbox.quota.refused

    @property
    def faults(self) -> Faults:
        return self._sandbox.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._sandbox.faults = faults

    @property
    def latency_ms(self) -> float:
        """The delay of every reply."""
        return self._sandbox.latency_ms

    @latency_ms.setter
    def latency_ms(self, latency_ms: float) -> None:
        self._sandbox.latency_ms = latency_ms

    @property
    def quota(self) -> Quota | None:
        """The quota, for v1 and v2 each. Setting it resets the counts."""
        return self._sandbox.quota.quota

    @quota.setter
    def quota(self, quota: Quota | None) -> None:
        self._sandbox.quota = QuotaTracker(quota)


def run(
    spec: WorldSpec,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: Faults | None = None,
    quota: Quota | None = None,
    latency_ms: float = 0.0,
    on_ready: Callable[[str, World], None] | None = None,
) -> None:
    """Generates a world and serves it until SIGINT or SIGTERM. Blocks and prints nothing.

    Returns after SIGINT. SIGTERM ends the process. `on_ready(base_url, world)` is called once clients can connect.
    Raises OSError if the port is in use.
    """
    listener = _listen(host, port)
    try:
        world = generate(spec)
        gc.freeze()  # the world lives until the process ends: keep the collector from walking a million rows
        server = _server(Sandbox(world, faults or Faults(), QuotaTracker(quota), latency_ms))
        if on_ready is not None:
            on_ready(f"http://{host}:{listener.getsockname()[1]}/v1", world)
        server.run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn raises the signal again after it has stopped
        pass
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Clients can connect before the server's event loop runs."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def _server(sandbox: Sandbox) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            application(sandbox),
            http="httptools",
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
        )
    )
