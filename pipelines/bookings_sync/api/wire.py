"""Wire: one connection, over which requests go one after another.

Input:  httpx's requests, with their time-outs.
Output: httpx's responses, whose bodies come as they are read; httpx's errors. For `connections`.

It is a transport of httpx's over the HTTP/1.1 client of Python's own library. httpx's own one is written in Python down
to the bytes: where a process sends thousands of small requests from twenty threads, each cost three times the CPU, and
each byte of a large reply twice. What this one lacks is what no request here needs: proxies, HTTP/2, and pools.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection

import httpx

_READ_AT_ONCE = 1 << 18
"""Bytes: of sizes from 16 KB to 1 MB the one that took the least CPU for each byte of a large reply."""


class Wire(httpx.BaseTransport):
    """A connection that opens with the first request, stays open between requests, and opens again where it was
    closed. Not to be shared: whoever sends must have read the reply before, or closed it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._client: HTTPConnection | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = request.extensions["timeout"]
        client = self._open(request.url, timeouts["connect"])
        try:
            client.sock.settimeout(timeouts["read"])
            with _errors(httpx.WriteTimeout, httpx.WriteError, httpx.LocalProtocolError):
                client.putrequest(
                    request.method, request.url.raw_path.decode("ascii"), skip_host=True, skip_accept_encoding=True
                )
                for name, value in request.headers.raw:
                    client.putheader(name, value)
                client.endheaders(request.read() or None)
            with _errors(httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError):
                reply = client.getresponse()
        except BaseException:
            self.close()
            raise
        if reply.status < 200:  # the final one follows, and must not be taken for the next request's
            self.close()
            raise httpx.RemoteProtocolError("an interim reply")
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
        return httpx.Response(reply.status, headers=headers, stream=_Body(reply, self), request=request)

    def _open(self, url: httpx.URL, timeout: float) -> HTTPConnection:
        client = self._client
        if client is not None and client.sock is not None and not _has_ended(client.sock):
            return client
        self.close()
        if url.scheme == "https":
            client = HTTPSConnection(url.host, url.port or 443, timeout=timeout, context=self._context)
        else:
            client = HTTPConnection(url.host, url.port or 80, timeout=timeout)
        self._client = client
        with _errors(httpx.ConnectTimeout, httpx.ConnectError, httpx.ConnectError):
            client.connect()
        return client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class _Body(httpx.SyncByteStream):
    """The bytes of a reply. Closed before its end, it closes the connection: the rest would be in the way."""

    def __init__(self, reply: HTTPResponse, wire: Wire) -> None:
        self._reply = reply
        self._wire = wire
        self._is_whole = False

    def __iter__(self) -> Iterator[bytes]:
        with _errors(httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError):
            while some := self._reply.read1(_READ_AT_ONCE):
                yield some
        if self._reply.length:
            raise httpx.RemoteProtocolError("the connection ended before the body")
        self._is_whole = True

    def close(self) -> None:
        self._reply.close()
        if not self._is_whole:
            self._wire.close()


@contextmanager
def _errors(
    late: type[httpx.TimeoutException], broken: type[httpx.NetworkError], wrong: type[httpx.TransportError]
) -> Iterator[None]:
    """Raises httpx's errors: `late` for silence, `broken` for what the network does, `wrong` for what is no HTTP. What
    the library says of that quotes it, a key or a reply: that is not kept."""
    try:
        yield
    except HTTPException as error:
        raise wrong(type(error).__name__) from None
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error
    except ValueError as error:
        raise wrong(type(error).__name__) from None


def _has_ended(connection: socket.socket) -> bool:
    """Whether there is something to read where nothing has been asked for: its end, as a rule."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
