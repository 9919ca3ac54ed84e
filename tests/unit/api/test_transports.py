"""Both HTTP transports against raw bytes: keep-alive, stale connections, malformed replies, timeouts, TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
import trustme

from bookings_sync.api.connections import HttpxTransport
from bookings_sync.api.socket_transport import SocketTransport

StartServer = Callable[..., "RawServer"]
OpenTransport = Callable[[ssl.SSLContext], httpx.BaseTransport]

OPENERS: dict[str, OpenTransport] = {"socket": SocketTransport, "httpx": HttpxTransport}

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
CHUNKED = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nab\r\n", b"3\r\ncde\r\n0\r\n\r\n"]


class RawServer:
    """Serves one connection after another. A connection is a list of replies, and a reply a list of chunks to send.

    After its replies, a connection waits for the client to close it. With `stays=False` the server closes it.
    """

    def __init__(self, *connections: list[list[bytes]], stays: bool = True, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[list[bytes]] = []
        self._connections, self._stays, self._tls = connections, stays, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.has_closed = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for replies in self._connections:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                with connection, self._tls.wrap_socket(connection, True) if self._tls else connection as stream:
                    self._answer(stream, replies)
                self.has_closed.set()

    def _answer(self, stream: socket.socket, replies: list[list[bytes]]) -> None:
        seen: list[bytes] = []
        self.requests.append(seen)
        stream.settimeout(10)
        for chunks in replies:
            request = stream.recv(65_536)
            while b"\r\n\r\n" not in request or (b"Content-Length" in request and not request.endswith(b"}")):
                request += stream.recv(65_536)
            seen.append(request)
            for chunk in chunks:
                stream.sendall(chunk)
        if self._stays:
            stream.recv(1)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def start() -> Iterator[StartServer]:
    servers: list[RawServer] = []

    def make(*connections: list[list[bytes]], **options: bool | ssl.SSLContext) -> RawServer:
        servers.append(RawServer(*connections, **options))  # type: ignore[arg-type]
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def open_transport(http_transport: str) -> OpenTransport:
    return OPENERS[http_transport]


@pytest.fixture
def transport(open_transport: OpenTransport) -> Iterator[httpx.BaseTransport]:
    with open_transport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as opened:
        yield opened


def send(
    transport: httpx.BaseTransport,
    url: str,
    *,
    target: bytes = b"/v1/teams",
    read: float = 5,
    method: str = "GET",
    **request: object,
) -> httpx.Response:
    extensions = {"timeout": httpx.Timeout(read, connect=5).as_dict(), "target": target}
    return transport.handle_request(httpx.Request(method, url, extensions=extensions, **request))  # type: ignore[arg-type]


def fetch(transport: httpx.BaseTransport, url: str, **request: object) -> bytes:
    response = send(transport, url, **request)  # type: ignore[arg-type]
    try:
        return b"".join(response.iter_bytes())
    finally:
        response.close()


# -- requests and replies ---------------------------------------------------------------------------------------------


def test_requests_share_one_connection(transport: httpx.BaseTransport, start: StartServer) -> None:
    server = start([[OK, b"ab"], CHUNKED, [b"HTTP/1.1 204 No Content\r\n\r\n"], [OK + b"cd"]])
    assert [fetch(transport, server.url) for _ in range(4)] == [b"ab", b"abcde", b"", b"cd"]
    assert len(server.requests) == 1


def test_request_bytes(transport: httpx.BaseTransport, start: StartServer) -> None:
    server = start([[OK + b"ab"]])
    target = b"/v1/a%2Fb/?q=%C3%A9&c=1"
    fetch(transport, server.url, target=target, method="POST", headers=[("X-One", "1")], content=b'{"a":1}')
    head, body = server.requests[0][0].split(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    assert (first, body) == (b"POST " + target + b" HTTP/1.1", b'{"a":1}')
    host = server.url.removeprefix("http://").removesuffix("/v1").encode()
    assert sorted(headers) == [b"Content-Length: 7", b"Host: " + host, b"X-One: 1"]


def test_response_has_status_and_headers(transport: httpx.BaseTransport, start: StartServer) -> None:
    head = (
        b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: 3\r\nX-Name: Caf\xe9\r\nX-Many: 1\r\nX-Many: 2\r\n\r\n"
    )
    response = send(transport, start([[head]]).url)
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert (response.headers["x-name"], response.headers.get_list("x-many")) == ("Café", ["1", "2"])


def test_body_is_streamed(transport: httpx.BaseTransport, start: StartServer) -> None:
    server = start([[b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"ab"]])
    chunks = send(transport, server.url, read=0.3).iter_raw()
    assert next(chunks) == b"ab"
    with pytest.raises(httpx.ReadTimeout):
        next(chunks)


def test_interim_replies_are_skipped(transport: httpx.BaseTransport, start: StartServer) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
    server = start([[interim + OK + b"ab"], [b"HTTP/1.1 100 Continue\r\n\r\n", interim, OK + b"cd"]])
    response = send(transport, server.url)
    assert (response.read(), response.headers.get("x-early")) == (b"ab", None)
    response.close()
    assert fetch(transport, server.url) == b"cd"
    assert len(server.requests) == 1


# -- when a connection must not be used again -------------------------------------------------------------------------


def test_stale_connection_is_replaced(transport: httpx.BaseTransport, start: StartServer) -> None:
    server = start([[OK + b"ab"]], [[OK + b"cd"]], stays=False)
    assert fetch(transport, server.url) == b"ab"
    assert server.has_closed.wait(5)
    assert fetch(transport, server.url) == b"cd"
    assert len(server.requests) == 2


def test_connection_is_closed_after_a_partly_read_reply(transport: httpx.BaseTransport, start: StartServer) -> None:
    server = start([[b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"]], [[OK + b"cd"]])
    send(transport, server.url).close()
    assert fetch(transport, server.url) == b"cd"


@pytest.mark.parametrize("unrequested", [OK + b"no", b"Ann Lee"], ids=["another reply", "not HTTP"])
def test_connection_is_closed_after_unrequested_bytes(
    request: pytest.FixtureRequest,
    http_transport: str,
    transport: httpx.BaseTransport,
    start: StartServer,
    unrequested: bytes,
) -> None:
    """Otherwise one location's leftover reply could answer another location's request."""
    if http_transport == "httpx":
        reason = "httpcore 1.0 keeps the bytes after a reply and takes them for the next reply"
        request.applymarker(pytest.mark.xfail(reason=reason))
    server = start([[OK + b"ab" + unrequested]], [[OK + b"cd"]])
    assert [fetch(transport, server.url) for _ in range(2)] == [b"ab", b"cd"]


def test_connection_close_header_is_obeyed(transport: httpx.BaseTransport, start: StartServer) -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"
    server = start([[last]], [[OK + b"cd"]])
    assert [fetch(transport, server.url) for _ in range(2)] == [b"ab", b"cd"]


# -- replies that are not whole, or not HTTP --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nAnn Lee\r\n",
    ],
    ids=["shorter than its length", "within a chunk", "not a chunk"],
)
def test_truncated_body_is_a_protocol_error(transport: httpx.BaseTransport, start: StartServer, reply: bytes) -> None:
    server = start([[reply]], [[OK + b"cd"]], stays=False)
    with pytest.raises(httpx.RemoteProtocolError):
        fetch(transport, server.url)
    assert fetch(transport, server.url) == b"cd"


def test_body_without_a_length_ends_with_its_connection(transport: httpx.BaseTransport, start: StartServer) -> None:
    server = start([[b"HTTP/1.0 200 OK\r\n\r\n", b"ab", b"cd"]], [[OK + b"ef"]], stays=False)
    assert [fetch(transport, server.url) for _ in range(2)] == [b"abcd", b"ef"]


@pytest.mark.parametrize("reply", [b"", b"Ann Lee, 555-0100\r\n\r\n"], ids=["nothing", "not HTTP"])
def test_missing_reply_is_a_protocol_error(transport: httpx.BaseTransport, start: StartServer, reply: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        send(transport, start([[reply]], stays=False).url)


def test_header_with_a_line_break_is_refused(transport: httpx.BaseTransport, start: StartServer) -> None:
    server = start([[OK + b"ab"]])
    with pytest.raises(httpx.LocalProtocolError):
        send(transport, server.url, headers={"Authorization": "Bearer secret\nkey"})


# -- timeouts and TLS -------------------------------------------------------------------------------------------------


def test_write_timeout(transport: httpx.BaseTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # never accepts, so the request fills the buffers
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(httpx.WriteTimeout):
            send(transport, url, read=0.3, method="POST", content=b" " * 50_000_000)


def test_read_timeout_over_tls(open_transport: OpenTransport, start: StartServer) -> None:
    authority = trustme.CA()
    servers, clients = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(servers)
    authority.configure_trust(clients)
    server = start([[b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"]], [[OK + b"cd"]], tls=servers)
    with open_transport(clients) as transport:
        with pytest.raises(httpx.ReadTimeout):
            fetch(transport, server.url, read=0.3)
        assert fetch(transport, server.url) == b"cd"


def test_certificate_must_be_trusted_and_name_the_host(open_transport: OpenTransport, start: StartServer) -> None:
    authority, other_authority = trustme.CA(), trustme.CA()

    def server_named(name: str) -> RawServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        return start([[OK + b"ab"], CHUNKED], [], tls=context)

    def transport_trusting(trusted: trustme.CA) -> httpx.BaseTransport:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.configure_trust(context)
        return open_transport(context)

    server = server_named("127.0.0.1")
    with transport_trusting(authority) as transport:
        assert [fetch(transport, server.url) for _ in range(2)] == [b"ab", b"abcde"]
    assert len(server.requests) == 1
    for trusted, name in ((other_authority, "127.0.0.1"), (authority, "elsewhere.example")):
        url = server_named(name).url
        with transport_trusting(trusted) as transport:
            with pytest.raises(httpx.ConnectError, match="certificate"):
                fetch(transport, url)
            with pytest.raises(httpx.ConnectError):  # the failed handshake leaves no open connection behind
                fetch(transport, url)
