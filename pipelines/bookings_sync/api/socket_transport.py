"""HTTP/1.1 over one plain socket: the default transport.

Input:  httpx requests with timeouts.
Output: httpx responses with streamed bodies, and httpx's errors. For `connections`.

`SocketTransport` replaces httpx's own transport, which parses HTTP in Python and takes more than twice the CPU for each
small request (`benchmarks/transports.py` compares both with other libraries). httptools parses the replies: it wraps
llhttp, the parser of Node. Proxies, HTTP/2 and pooling are left out. `http_transport = "httpx"` switches to httpx's.
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

_BUFFER_BYTES = 1 << 18
"""Bytes per read. With smaller reads, malloc returns pages to the kernel after each large reply and faults them in
again for the next."""

_MOST_OVERHEAD = 1 << 20
"""Bytes of a reply that are not its body: interim replies, headers, the framing of chunks. Replies have a few hundred;
httptools and llhttp accept any number."""

_FRAMING_PER_BYTE = 16
"""A chunk of one byte takes five bytes of framing, and more with leading zeros."""

_LINE_BREAK = re.compile(rb"[\r\n\0]")


class SocketTransport(httpx.BaseTransport):
    """One keep-alive connection. Opens with the first request, and again if the server has closed it.

    Not thread-safe. Read or close each response before sending the next request.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._socket: socket.socket | None = None
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = request.extensions["timeout"]
        request_bytes = _serialized(request)
        connection = self._open(request.url, timeouts["connect"])
        reply = _ReplyStream(self)
        try:
            if connection.gettimeout() != timeouts["read"]:  # settimeout is a system call
                connection.settimeout(timeouts["read"])
            with _as_httpx_errors(httpx.WriteTimeout, httpx.WriteError):
                connection.sendall(request_bytes)
            reply.read_head()
        except BaseException:
            self.close()
            raise
        return httpx.Response(reply.status, headers=reply.headers, stream=reply, request=request)

    def read(self) -> memoryview:
        """The next bytes, valid until the next read. Empty if the server has closed the connection."""
        assert self._socket is not None  # noqa: S101 - a reply is only read while the connection is open
        with _as_httpx_errors(httpx.ReadTimeout, httpx.ReadError):
            return self._buffer[: self._socket.recv_into(self._buffer)]

    def _open(self, url: httpx.URL, timeout: float) -> socket.socket:
        if self._socket is not None and not _is_readable(self._socket):
            return self._socket
        self.close()
        with _as_httpx_errors(httpx.ConnectTimeout, httpx.ConnectError):
            over_tls = url.scheme == "https"
            connection = socket.create_connection((url.host, url.port or (443 if over_tls else 80)), timeout)
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if over_tls:
                    connection = self._context.wrap_socket(connection, server_hostname=url.host)
            except BaseException:  # a socket without its TLS must not be used: it would send the key in the clear
                connection.close()
                raise
            self._socket = connection
        return self._socket

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _ReplyStream(httpx.SyncByteStream):
    """The body of one reply, and the callbacks of its parser.

    Closing a partly read reply closes the connection: otherwise the next reply would begin with the rest of this one.
    """

    def __init__(self, transport: SocketTransport) -> None:
        self._transport = transport
        self._parser = HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._received = 0
        self._body_bytes = 0
        self._is_complete = False
        self._closes_connection = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_head = False
        """Whether status and headers have been read."""

    def read_head(self) -> None:
        while not self.has_head:
            if not self._read_more():
                raise httpx.RemoteProtocolError("the server closed the connection before the reply")

    def _read_more(self) -> bool:
        """Parses the next bytes. Returns False if the server has closed the connection."""
        data = self._transport.read()
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._is_complete:  # the parser's message quotes the bytes, which can be a record
                raise httpx.RemoteProtocolError(type(error).__name__) from None
            self._closes_connection = True
        if self._received - self._body_bytes > _MOST_OVERHEAD + _FRAMING_PER_BYTE * self._body_bytes:
            raise httpx.RemoteProtocolError("the headers or the chunks' framing are too large")
        return bool(data)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            chunks, self._chunks = self._chunks, []
            yield from chunks or (b"",)  # so that the reader can look at its clock although no body came
            if self._is_complete:
                return
            if not self._read_more():
                if self._has_known_end():
                    raise httpx.RemoteProtocolError("the server closed the connection before the end of the body")
                return

    def close(self) -> None:
        if not self._is_complete or self._closes_connection:
            self._transport.close()

    def _has_known_end(self) -> bool:
        """Whether the headers define the end of the body. Otherwise the body ends when the connection closes."""
        return bool({b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in self.headers})

    # -- callbacks of the parser ---------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._is_complete:  # a second reply must not answer the next request
            raise HttpParserError("a second reply to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_head:
            return  # a trailer, behind the body
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.has_head = self.status >= 200  # 1xx replies are interim: the actual reply follows
        if not self.has_head:
            self.headers = []

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._is_complete = self.has_head
        self._closes_connection = not self._parser.should_keep_alive()


def _serialized(request: httpx.Request) -> bytes:
    """The request's bytes. Raises LocalProtocolError, without quoting, if a header contains a line break."""
    target = request.extensions.get("target", request.url.raw_path)
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), target)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    if any(map(_LINE_BREAK.search, lines)):
        raise httpx.LocalProtocolError("a header contains a line break")
    return b"\r\n".join((*lines, b"", request.read()))


@contextmanager
def _as_httpx_errors(timeout: type[httpx.TimeoutException], failure: type[httpx.NetworkError]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:
        raise failure(str(error)) from error


def _is_readable(connection: socket.socket) -> bool:
    """Whether an idle connection has something to read: usually its end, and never a reply to the next request."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
