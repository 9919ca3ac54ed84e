"""The sandbox on a socket: in a thread for tests, or as a process of its own.

Input:  a world, and how to serve it.
Output: `base_url`, what the connector's configuration takes.
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
from bookings_sync.sandbox.faults import Faults
from bookings_sync.sandbox.gate import Sandbox
from bookings_sync.sandbox.generate import WorldSpec, generate
from bookings_sync.sandbox.limits import Limiter, RateLimit
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.world import World

_KEEP_ALIVE_S = 75
"""Longer than any pool keeps an idle connection, so a test never meets one that closes under it."""


class SandboxServer:
    """Serves a world on 127.0.0.1, in a thread, while the `with` block lasts.

    `port` 0 takes any free one. Faults, limits and latency may be changed while it runs, as may the world.
    """

    def __init__(
        self,
        world: World,
        *,
        switches: Switches | None = None,
        faults: Faults | None = None,
        rate_limit: RateLimit | None = None,
        latency_ms: float = 0.0,
        port: int = 0,
    ) -> None:
        if switches is not None:
            world.switches = switches
        self.world = world
        self._sandbox = Sandbox(world, faults or Faults(), Limiter(rate_limit), latency_ms)
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
        """Where the control routes' paths begin: `http://127.0.0.1:<port>`."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def base_url(self) -> str:
        """The API's base URL, `…/v1`."""
        return f"{self.url}/v1"

    @property
    def rate_limited(self) -> int:
        """Requests refused by the rate limit (not by a fault)."""
        return self._sandbox.limiter.refused

    @property
    def faults(self) -> Faults:
        return self._sandbox.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._sandbox.faults = faults

    @property
    def latency_ms(self) -> float:
        """How long every reply is held back."""
        return self._sandbox.latency_ms

    @latency_ms.setter
    def latency_ms(self, latency_ms: float) -> None:
        self._sandbox.latency_ms = latency_ms

    @property
    def rate_limit(self) -> RateLimit | None:
        return self._sandbox.limiter.limit

    @rate_limit.setter
    def rate_limit(self, limit: RateLimit | None) -> None:
        """A new limit begins with nothing used, and nothing refused."""
        self._sandbox.limiter = Limiter(limit)


def run(
    spec: WorldSpec,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: Faults | None = None,
    rate_limit: RateLimit | None = None,
    latency_ms: float = 0.0,
    on_ready: Callable[[str, World], None] | None = None,
) -> None:
    """Make a world and serve it until SIGINT or SIGTERM. Blocks; prints nothing.

    SIGTERM ends the process itself, once the server has stopped. `on_ready(base_url, world)` is called as soon as
    requests are taken (they queue until the loop runs). Raises OSError where the port is taken.
    """
    listener = _listen(host, port)
    try:
        world = generate(spec)
        gc.freeze()  # a world lasts as long as its process: the collector need not walk a million rows
        server = _server(Sandbox(world, faults or Faults(), Limiter(rate_limit), latency_ms))
        if on_ready is not None:
            on_ready(f"http://{host}:{listener.getsockname()[1]}/v1", world)
        server.run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn raises the signal again once it has stopped
        pass
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket: clients may connect from now on, even before the server's loop runs."""
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
