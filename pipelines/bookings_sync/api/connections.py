"""Opens connections to the API, and shares them between threads and locations.

Input:  settings.
Output: `ConnectionPool`. `calls` borrows a connection for each request.

A connection is an httpx transport, used without httpx.Client. The client would keep cookies, which one location must
not send for another, and follow redirects, which would carry the key elsewhere. It also takes as much CPU again for
each request.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from bookings_sync.api.socket_transport import SocketTransport
from bookings_sync.config.checks import is_loopback, is_url
from bookings_sync.config.settings import Settings
from bookings_sync.errors import ConfigurationError


class ConnectionPool:
    """Connections that all locations share. Thread-safe. Opens one more whenever none is idle.

    `open_one` returns a transport for a single connection.
    """

    def __init__(self, open_one: Callable[[], httpx.BaseTransport]) -> None:
        self._open_one = open_one
        self._opened: list[httpx.BaseTransport] = []
        self._idle: list[httpx.BaseTransport] = []
        self.headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
            "User-Agent": f"bookings-sync/{version('bookings-sync')}",
        }
        """Headers of every request. They hold no key."""

    def close(self) -> None:
        for connection in self._opened:
            connection.close()

    def __enter__(self) -> ConnectionPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def connection(self) -> Iterator[httpx.BaseTransport]:
        """Borrows the most recently used idle connection, the least likely to be stale, or a new one."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open_one()
            self._opened.append(connection)
        try:
            yield connection
        finally:
            self._idle.append(connection)


def open_http(settings: Settings) -> ConnectionPool:
    """Connections to the API: TLS is always verified, and the environment's proxy is used if it names one."""
    to_loopback = is_loopback(settings.base_url)
    if to_loopback and settings.base_url.startswith("http://"):
        # Loading certificates takes 50 ms. Without TLS none are needed, and this context trusts none.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = httpx.create_ssl_context(trust_env=not to_loopback)
    proxy = None if to_loopback else environment_proxy(settings.base_url)
    if proxy or settings.http_transport == "httpx":
        return ConnectionPool(lambda: HttpxTransport(context, proxy))
    context.set_alpn_protocols(["http/1.1"])
    return ConnectionPool(lambda: SocketTransport(context))


class HttpxTransport(httpx.HTTPTransport):
    """httpx's own transport for a single connection.

    Unlike `SocketTransport`, httpcore 1.0 takes bytes that a server sends after a reply for the next reply.
    """

    def __init__(self, context: ssl.SSLContext, proxy: str | None = None) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
        super().__init__(verify=context, limits=limits, proxy=proxy)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # httpcore ignores the `target` extension for the request to a proxy, so the URL must hold the target.
        request.url = request.url.copy_with(raw_path=request.extensions["target"])
        request.extensions = {"timeout": request.extensions["timeout"]}
        return super().handle_request(request)


def environment_proxy(url: str) -> str | None:
    """The proxy for a URL: HTTPS_PROXY or ALL_PROXY, unless NO_PROXY lists its host. Raises ConfigurationError."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    kind, _, rest = proxy.partition("://")
    is_socks = kind in ("socks5", "socks5h")
    if not is_url(f"http://{rest}" if is_socks else proxy):
        raise _wrong_proxy("not the address of a proxy", "Write http://host:port.")
    if is_socks and not find_spec("socksio"):
        raise _wrong_proxy("a SOCKS proxy needs the package socksio", "Install httpx[socks].")
    return proxy


def _wrong_proxy(problem: str, fix: str) -> ConfigurationError:
    return ConfigurationError(problem, key="HTTPS_PROXY, ALL_PROXY", where="the environment", fix=fix)
