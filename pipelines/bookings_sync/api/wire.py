"""Wire: one connection, over which requests go one after another.

Input:  httpx's requests, with their time-outs.
Output: httpx's responses, whose bodies come as they are read; httpx's errors. For `connections`.

It is a transport of httpx's over a socket and llhttp, Node's parser of HTTP/1.1, which httptools binds. httpx's own one
is written in Python down to the bytes: where a process sends thousands of small requests from twenty threads, each cost
two and a half times the CPU, and each byte of a large reply twice. What this one lacks is what no request here
needs: proxies, HTTP/2, and pools.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

_READ_AT_ONCE = 1 << 18
"""Bytes: of sizes from 32 KB to 1 MB the least at which a large reply costs little, a quarter of what it does at
128 KB. The allocator gives smaller pieces back to the kernel, page by page, after each reply."""

_ENDS_A_LINE = re.compile(rb"[\r\n\0]")


class Wire(httpx.BaseTransport):
    """A connection that opens with the first request, stays open between requests, and opens again where it was
    closed. Not to be shared: whoever sends must have read the reply before, or closed it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._socket: socket.socket | None = None
        self._buffer = memoryview(bytearray(_READ_AT_ONCE))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = request.extensions["timeout"]
        written = _written(request)
        connection = self._open(request.url, timeouts["connect"])
        reply = _Reply(self)
        try:
            if connection.gettimeout() != timeouts["read"]:  # setting it is a call of the kernel's
                connection.settimeout(timeouts["read"])
            with _errors(httpx.WriteTimeout, httpx.WriteError):
                connection.sendall(written)
            reply.begin()
        except BaseException:
            self.close()
            raise
        return httpx.Response(reply.status, headers=reply.headers, stream=reply, request=request)

    def read(self) -> memoryview:
        """What has come, until the next is read: some bytes; none where the connection has ended."""
        assert self._socket is not None  # noqa: S101 - a reply is read from an open one
        with _errors(httpx.ReadTimeout, httpx.ReadError):
            return self._buffer[: self._socket.recv_into(self._buffer)]

    def _open(self, url: httpx.URL, timeout: float) -> socket.socket:
        if self._socket is not None and not _has_ended(self._socket):
            return self._socket
        self.close()
        with _errors(httpx.ConnectTimeout, httpx.ConnectError):
            over_tls = url.scheme == "https"
            connection = socket.create_connection((url.host, url.port or (443 if over_tls else 80)), timeout)
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if over_tls:
                    connection = self._context.wrap_socket(connection, server_hostname=url.host)
            except BaseException:  # what is not wholly open is never used: it would send a key in the clear
                connection.close()
                raise
            self._socket = connection
        return self._socket

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Reply(httpx.SyncByteStream):
    """One reply, as far as it has been read. Closed before its end, it closes the connection: the rest would be in the
    way of the next."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._parser = HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._is_whole = False
        self._is_last = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_begun = False
        """Whether its status and headers are there."""

    def begin(self) -> None:
        """Reads as far as its status and headers."""
        while not self.has_begun:
            if not self.read_on():
                raise httpx.RemoteProtocolError("the connection ended before the reply")

    def read_on(self) -> bool:
        """Reads some of it; False where the connection has ended."""
        some = self._wire.read()
        try:
            self._parser.feed_data(some)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._is_whole:  # what the error says quotes what is no HTTP, a record perhaps
                raise httpx.RemoteProtocolError(type(error).__name__) from None
            self._is_last = True
        return bool(some)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            pieces, self._pieces = self._pieces, []
            yield from pieces
            if self._is_whole:
                return
            if not self.read_on():
                if not self._ends_with_the_connection():
                    raise httpx.RemoteProtocolError("the connection ended before the body")
                return

    def close(self) -> None:
        if not self._is_whole or self._is_last:
            self._wire.close()

    def _ends_with_the_connection(self) -> bool:
        return not {b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in self.headers}

    # -- what the parser calls -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._is_whole:  # what follows a reply unasked is not the next request's
            raise HttpParserError("a reply to nothing")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.has_begun = self.status >= 200  # before it come interim ones, which say nothing here
        if not self.has_begun:
            self.headers = []

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._is_whole = self.has_begun
        self._is_last = not self._parser.should_keep_alive()


def _written(request: httpx.Request) -> bytes:
    """The request's bytes. Raises LocalProtocolError, which quotes nothing, where a header is more than one line."""
    target = request.extensions.get("target", request.url.raw_path)
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), target)]
    lines += [b"%b: %b" % each for each in request.headers.raw]
    if any(map(_ENDS_A_LINE.search, lines)):
        raise httpx.LocalProtocolError("a header of more than one line")
    return b"\r\n".join((*lines, b"", request.read()))


@contextmanager
def _errors(late: type[httpx.TimeoutException], broken: type[httpx.NetworkError]) -> Iterator[None]:
    """Raises httpx's errors: `late` for silence, `broken` for what the network does."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


def _has_ended(connection: socket.socket) -> bool:
    """Whether there is something to read where nothing has been asked for: its end, as a rule."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
