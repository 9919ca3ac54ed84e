"""One connection: what goes over it one after another, and when it must not be used again."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
import trustme

from bookings_sync.api.wire import Wire

Start = Callable[..., "Peer"]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


class Peer:
    """A server of raw bytes. Of each connection in turn it has the replies, pieces that are sent one by one; when they
    have been sent it closes, or with `stays` waits for the client to."""

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
        for pieces in replies:
            request = stream.recv(65_536)
            while not request.endswith(b"}") and b"Content-Length" in request:
                request += stream.recv(65_536)
            seen.append(request)
            for piece in pieces:
                stream.sendall(piece)
        if self._stays:
            stream.recv(1)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def start() -> Iterator[Start]:
    peers: list[Peer] = []

    def make(*connections: list[list[bytes]], **how: bool | ssl.SSLContext) -> Peer:
        peers.append(Peer(*connections, **how))  # type: ignore[arg-type]
        return peers[-1]

    yield make
    for peer in peers:
        peer.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    opened = Wire(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    yield opened
    opened.close()


def send(wire: Wire, url: str, *, read: float = 5, method: str = "GET", **request: object) -> httpx.Response:
    timeout = httpx.Timeout(read, connect=5).as_dict()
    return wire.handle_request(httpx.Request(method, url, extensions={"timeout": timeout}, **request))  # type: ignore[arg-type]


def fetch(wire: Wire, url: str, **request: object) -> bytes:
    response = send(wire, url, **request)  # type: ignore[arg-type]
    try:
        return b"".join(response.iter_bytes())
    finally:
        response.close()


CHUNKED = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nab\r\n", b"3\r\ncde\r\n0\r\n\r\n"]


def test_replies_come_one_after_another_over_one_connection(wire: Wire, start: Start) -> None:
    peer = start([[OK, b"ab"], CHUNKED, [b"HTTP/1.1 204 No Content\r\n\r\n"], [OK + b"cd"]])
    assert [fetch(wire, peer.url) for _ in range(4)] == [b"ab", b"abcde", b"", b"cd"]
    assert len(peer.requests) == 1


def test_what_is_sent_is_the_request_as_it_is(wire: Wire, start: Start) -> None:
    peer = start([[OK + b"ab"]])
    fetch(wire, peer.url + "/a%2Fb/?q=%C3%A9&c=1", method="POST", headers=[("X-One", "1")], content=b'{"a":1}')
    head, body = peer.requests[0][0].split(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    assert (first, body) == (b"POST /v1/a%2Fb/?q=%C3%A9&c=1 HTTP/1.1", b'{"a":1}')
    host = peer.url.removeprefix("http://").removesuffix("/v1").encode()
    assert sorted(headers) == [b"Content-Length: 7", b"Host: " + host, b"X-One: 1"]


def test_status_and_headers_come_as_they_were_sent(wire: Wire, start: Start) -> None:
    head = (
        b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: 3\r\nX-Name: Caf\xe9\r\nX-Many: 1\r\nX-Many: 2\r\n\r\n"
    )
    response = send(wire, start([[head]]).url)
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert (response.headers["x-name"], response.headers.get_list("x-many")) == ("Café", ["1", "2"])


def test_each_piece_is_handed_on_as_it_comes(wire: Wire, start: Start) -> None:
    peer = start([[b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"ab"]])
    pieces = send(wire, peer.url, read=0.3).iter_raw()
    assert b"".join([next(pieces)]) == b"ab"
    with pytest.raises(httpx.ReadTimeout):
        next(pieces)


def test_a_connection_that_the_server_has_closed_meanwhile_opens_again(wire: Wire, start: Start) -> None:
    peer = start([[OK + b"ab"]], [[OK + b"cd"]], stays=False)
    assert fetch(wire, peer.url) == b"ab"
    assert peer.has_closed.wait(5)
    assert fetch(wire, peer.url) == b"cd"
    assert len(peer.requests) == 2


def test_the_rest_of_a_reply_is_never_taken_for_the_next(wire: Wire, start: Start) -> None:
    peer = start([[b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"]], [[OK + b"cd"]])
    send(wire, peer.url).close()
    assert fetch(wire, peer.url) == b"cd"


def test_an_interim_reply_is_followed_by_the_one_that_counts(wire: Wire, start: Start) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
    peer = start([[interim + OK + b"ab"], [b"HTTP/1.1 100 Continue\r\n\r\n", interim, OK + b"cd"]])
    response = send(wire, peer.url)
    assert (response.read(), response.headers.get("x-early")) == (b"ab", None)
    response.close()
    assert fetch(wire, peer.url) == b"cd"
    assert len(peer.requests) == 1


@pytest.mark.parametrize("unasked", [OK + b"no", b"Ann Lee"], ids=["another reply", "no HTTP"])
def test_nor_is_what_follows_a_reply_unasked(wire: Wire, start: Start, unasked: bytes) -> None:
    peer = start([[OK + b"ab" + unasked]], [[OK + b"cd"]])
    assert [fetch(wire, peer.url) for _ in range(2)] == [b"ab", b"cd"]


def test_a_reply_that_says_it_is_the_last_of_its_connection_is(wire: Wire, start: Start) -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"
    peer = start([[last]], [[OK + b"cd"]])
    assert [fetch(wire, peer.url) for _ in range(2)] == [b"ab", b"cd"]


def test_what_is_asked_for_may_stand_beside_the_address(wire: Wire, start: Start) -> None:
    peer = start([[OK + b"ab"]])
    told = {"timeout": httpx.Timeout(5).as_dict(), "target": b"/v1/appointments/?q=1"}
    wire.handle_request(httpx.Request("GET", peer.url, extensions=told)).read()
    assert peer.requests[0][0].startswith(b"GET /v1/appointments/?q=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nAnn Lee\r\n",
    ],
    ids=["by its length", "in a chunk", "in no chunk"],
)
def test_a_body_that_is_cut_short_is_no_body(wire: Wire, start: Start, reply: bytes) -> None:
    peer = start([[reply]], [[OK + b"cd"]], stays=False)
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        fetch(wire, peer.url)
    assert "Ann" not in repr(caught.value)
    assert fetch(wire, peer.url) == b"cd"


def test_a_body_without_a_length_ends_with_its_connection(wire: Wire, start: Start) -> None:
    peer = start([[b"HTTP/1.0 200 OK\r\n\r\n", b"ab", b"cd"]], [[OK + b"ef"]], stays=False)
    assert [fetch(wire, peer.url) for _ in range(2)] == [b"abcd", b"ef"]


@pytest.mark.parametrize("reply", [b"", b"Ann Lee, 555-0100\r\n\r\n"], ids=["nothing", "no HTTP"])
def test_what_is_no_reply_is_not_quoted(wire: Wire, start: Start, reply: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        send(wire, start([[reply]], stays=False).url)
    assert "Ann" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_that_fits_in_no_header_is_not_quoted(wire: Wire, start: Start) -> None:
    peer = start([[OK + b"ab"]])
    with pytest.raises(httpx.LocalProtocolError) as caught:
        send(wire, peer.url, headers={"Authorization": "Bearer secret\nkey"})
    assert "secret" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_silence_is_bounded_over_tls_too(start: Start) -> None:
    authority = trustme.CA()
    servers, clients = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(servers)
    authority.configure_trust(clients)
    peer = start([[b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"]], [[OK + b"cd"]], tls=servers)
    with Wire(clients) as wire:
        with pytest.raises(httpx.ReadTimeout):
            fetch(wire, peer.url, read=0.3)
        assert fetch(wire, peer.url) == b"cd"


def test_a_server_that_does_not_take_a_request_is_waited_for_no_longer_than_for_a_reply(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # which accepts nothing: what is sent fills its buffers
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(httpx.WriteTimeout):
            send(wire, url, read=0.3, method="POST", content=b" " * 50_000_000)


def test_over_tls_a_server_is_one_whose_certificate_is_trusted_and_names_it(start: Start) -> None:
    authority, another = trustme.CA(), trustme.CA()

    def server_of(name: str) -> Peer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        return start([[OK + b"ab"], CHUNKED], [], tls=context)

    def wire_that_trusts(whom: trustme.CA) -> Wire:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        whom.configure_trust(context)
        return Wire(context)

    peer = server_of("127.0.0.1")
    trusting = wire_that_trusts(authority)
    assert [fetch(trusting, peer.url) for _ in range(2)] == [b"ab", b"abcde"]
    assert len(peer.requests) == 1
    for whom, name in ((another, "127.0.0.1"), (authority, "elsewhere.example")):
        distrusting, url = wire_that_trusts(whom), server_of(name).url
        with pytest.raises(httpx.ConnectError, match="certificate"):
            fetch(distrusting, url)
        with pytest.raises(httpx.ConnectError):  # nor does another try find a connection half open
            fetch(distrusting, url)
    trusting.close()
