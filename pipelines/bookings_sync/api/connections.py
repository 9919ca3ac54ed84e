"""Connections: how requests reach the API, as many at a time as there are threads that send them.

Input:  settings.
Output: `Connections`, of which a request takes one. `transport` says what is sent, and reads the reply.

They are transports of httpx's, not its clients: those would merge what each request brings with what they were told,
look for cookies and for redirects in each reply, and wait in turn for the lock of a pool that all threads share. A
request costs half as much so, and there is nobody who could keep one location's cookie for another's requests, or
follow a redirect and carry a key elsewhere. A `Wire` it is, as a rule, with which a request costs two fifths of what it
does with httpx's own transport; that one knows proxies.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from bookings_sync.api.wire import Wire
from bookings_sync.config.checks import is_loopback
from bookings_sync.config.settings import Settings


class Connections:
    """The connections that all locations share: a request takes one that is free, or opens another. Close them when
    done. Safe to share between threads. `open_one` gives a transport that holds one connection, and closes it."""

    def __init__(self, open_one: Callable[[], httpx.BaseTransport]) -> None:
        self._open_one = open_one
        self._opened: list[httpx.BaseTransport] = []
        self._free: list[httpx.BaseTransport] = []
        self.headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
            "User-Agent": f"bookings-sync/{version('bookings-sync')}",
        }
        """Those of every request, whosever it is: no key."""

    def close(self) -> None:
        for connection in self._opened:
            connection.close()

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def one(self) -> Iterator[httpx.BaseTransport]:
        """One that nobody else has for so long: of the free ones that used last, the likeliest to stand still."""
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._open_one()
            self._opened.append(connection)
        try:
            yield connection
        finally:
            self._free.append(connection)


def open_http(settings: Settings) -> Connections:
    """Connections to the API, always with TLS verified; by the environment's proxy where it names one."""
    to_this_machine = is_loopback(settings.base_url)
    # Where there is no TLS, the certificates of the world's authorities need not be read, 50 ms of work: the context
    # trusts none, so that it could only refuse.
    in_clear = to_this_machine and settings.base_url.startswith("http://")
    context = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if in_clear else httpx.create_ssl_context(trust_env=not to_this_machine)
    )
    if not to_this_machine and (proxy := environment_proxy(settings.base_url)):
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        return Connections(lambda: _ByProxy(verify=context, limits=limits, proxy=proxy))
    context.set_alpn_protocols(["http/1.1"])
    return Connections(lambda: Wire(context))


class _ByProxy(httpx.HTTPTransport):
    """httpx's own transport, which would ask the proxy itself for what stands beside the address (httpcore 1.0)."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(raw_path=request.extensions["target"])
        request.extensions = {"timeout": request.extensions["timeout"]}
        return super().handle_request(request)


def environment_proxy(url: str) -> str | None:
    """The proxy that the environment names for an address: HTTPS_PROXY or ALL_PROXY, unless NO_PROXY names its host."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
