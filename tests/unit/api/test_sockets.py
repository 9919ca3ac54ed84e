"""What only a real connection can do: resets, bodies cut short, silence, redirects, cookies, many threads at once."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import httpx
import pendulum
import pytest

from bookings_sync import errors
from bookings_sync.api import Client, open_http
from bookings_sync.api.connections import _ByProxy, environment_proxy
from bookings_sync.api.wire import Wire
from bookings_sync.config.settings import Location, Settings

Behaviour = Callable[[socket.socket], None]

TEAMS = b'{"teams": [{"id": "t1"}]}'


def reply(body: bytes = TEAMS, *headers: bytes, status: bytes = b"200 OK", length: int | None = None) -> Behaviour:
    head = [
        b"HTTP/1.1 " + status,
        b"Connection: close",
        b"Content-Length: %d" % (len(body) if length is None else length),
        *headers,
    ]
    return lambda connection: connection.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_midway(connection: socket.socket) -> None:
    reply(length=10_000)(connection)
    reset(connection)


def hang_up(connection: socket.socket) -> None:
    pass


def silence(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)  # returns when the client gives up and closes


class Server:
    """Answers one request per connection, by the next of its behaviours, the last of which stays."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = list(behaviours)
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65_536)
                if not piece:
                    return
                request += piece
            self.requests.append(request)
            behaviour = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
            behaviour(connection)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
        self._listener.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., tuple[Client, Server]]]:
    closing: list[Any] = []

    def start(*behaviours: Behaviour, **knobs: Any) -> tuple[Client, Server]:
        server = Server(*behaviours)
        settings = Settings(base_url=server.base_url, **{"read_timeout_seconds": 5, **knobs})
        client = Client(Location("berlin", "berlins-key"), settings, clock=lambda: pendulum.now("UTC"))
        closing.extend([client, server])
        return client, server

    yield start
    for each in closing:
        with contextlib.suppress(OSError):  # one that a test has closed
            each.close()


Connect = Callable[..., tuple[Client, Server]]


@pytest.mark.parametrize(
    "fault",
    [reset, hang_up, reset_midway, reply(length=10_000), reply(TEAMS[:-4]), reply(b"half", b"Content-Encoding: gzip")],
    ids=["reset", "closed", "reset midway", "cut short", "cut with its length", "no gzip"],
)
def test_a_broken_connection_is_tried_again(connect: Connect, fault: Behaviour) -> None:
    client, server = connect(fault, fault, reply())
    answer = client.list_teams()
    assert (answer.records, answer.requests, len(server.requests)) == ([{"id": "t1"}], 3, 3)


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (reset, errors.ConnectionFailed, None),
        (hang_up, errors.ConnectionFailed, None),
        (reset_midway, errors.ConnectionFailed, 200),
        (reply(length=10_000), errors.BadReply, 200),
        (silence, errors.TimedOut, None),
    ],
    ids=["reset", "closed", "reset midway", "cut short", "silence"],
)
def test_and_in_the_end_is_an_error_of_its_kind(
    connect: Connect, fault: Behaviour, kind: type[errors.ApiError], status: int | None
) -> None:
    client, server = connect(fault, attempts=2, read_timeout_seconds=0.2)
    with pytest.raises(kind) as caught:
        client.list_teams()
    assert (caught.value.status, len(server.requests), client.requests_sent) == (status, 2, 2)


def test_nobody_listens(connect: Connect) -> None:
    client, server = connect(reply(), attempts=2)
    server.close()
    with pytest.raises(errors.ConnectionFailed, match="ConnectError"):
        client.list_teams()


def test_an_endless_body_is_given_up_at_its_bound(connect: Connect) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                connection.sendall(b" " * 65_536)
        except OSError:
            pass

    client, server = connect(endless, max_reply_mb=1)
    with pytest.raises(errors.ReplyTooLarge):
        client.list_teams()
    assert len(server.requests) == 1


def test_the_bound_is_on_what_unpacks(connect: Connect) -> None:
    client, _ = connect(reply(gzip.compress(b" " * 2_000_000), b"Content-Encoding: gzip"), max_reply_mb=1)
    with pytest.raises(errors.ReplyTooLarge):
        client.list_teams()


def test_gzip_is_asked_for_and_unpacked(connect: Connect) -> None:
    client, server = connect(reply(gzip.compress(TEAMS), b"Content-Encoding: gzip"))
    answer = client.list_teams()
    assert (answer.records, answer.bytes) == ([{"id": "t1"}], len(TEAMS))
    assert b"gzip" in server.requests[0]


def test_a_redirect_takes_the_key_nowhere(connect: Connect) -> None:
    elsewhere = Server(reply())
    location = f"Location: {elsewhere.base_url}/calendars/teams".encode()
    client, _ = connect(reply(b"", location, status=b"302 Found"), attempts=1)
    with pytest.raises(errors.BadReply, match="redirect"):
        client.list_teams()
    elsewhere.close()
    assert elsewhere.requests == []


def test_locations_share_connections_but_neither_key_nor_cookie() -> None:
    server = Server(reply(TEAMS, b"Set-Cookie: session=berlins; Path=/"))
    settings = Settings(base_url=server.base_url)
    with open_http(settings) as http:
        for name in ("berlin", "oslo"):
            Client(Location(name, f"{name}s-key"), settings, http, clock=lambda: pendulum.now("UTC")).list_teams()
        assert "authorization" not in http.headers
    server.close()
    first, second = (request.decode() for request in server.requests)
    assert "Bearer berlins-key" in first
    assert "Bearer oslos-key" in second
    assert "cookie" not in second.lower()
    assert "user-agent: bookings-sync/" in second.lower()
    assert "accept: application/json" in second.lower()


def test_a_connection_is_used_again() -> None:
    accepted = 0

    def answer(connection: socket.socket) -> None:
        nonlocal accepted
        accepted += 1
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(TEAMS)
        for _ in range(2):
            connection.sendall(head + TEAMS)
            connection.recv(65_536)

    server = Server(answer)
    settings = Settings(base_url=server.base_url)
    with open_http(settings) as http:
        for name in ("berlin", "oslo"):
            Client(Location(name, f"{name}s-key"), settings, http, clock=lambda: pendulum.now("UTC")).list_teams()
    server.close()
    assert accepted == 1


def test_a_proxy_of_the_environment_is_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Server(reply(b"", status=b"403 Forbidden"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.base_url.removesuffix("/v1"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    settings = Settings(base_url="https://calendar.example/v1", attempts=1)
    with (
        Client(Location("berlin", "berlins-key"), settings, clock=lambda: pendulum.now("UTC")) as client,
        pytest.raises(errors.ConnectionFailed, match="ProxyError"),
    ):
        client.list_teams()
    proxy.close()
    assert [request.split(b"\r\n")[0] for request in proxy.requests] == [b"CONNECT calendar.example:443 HTTP/1.1"]
    assert b"berlins-key" not in proxy.requests[0]


def test_a_proxy_is_asked_for_the_whole_address(connect: Connect) -> None:
    _, proxy = connect(reply())
    with _ByProxy(proxy=proxy.base_url.removesuffix("/v1")) as by_proxy:
        told = {"timeout": httpx.Timeout(5).as_dict(), "target": b"/v1/calendars/teams?q=1"}
        by_proxy.handle_request(httpx.Request("GET", "http://calendar.example/v1", extensions=told)).read()
    assert proxy.requests[0].split(b"\r\n")[0] == b"GET http://calendar.example/v1/calendars/teams?q=1 HTTP/1.1"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"ALL_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "elsewhere.example, .example"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "elsewhere.example"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, None),
    ],
)
def test_which_proxy(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: str | None) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert environment_proxy("https://calendar.example/v1") == proxy


def test_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch, connect: Connect) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    client, _ = connect(reply(), attempts=1)
    assert client.list_teams().records == [{"id": "t1"}]


def test_twenty_threads_share_a_client(connect: Connect) -> None:
    client, server = connect(reply(), concurrency=20, rate_limit=1_000)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.list_teams(), range(100)))
    assert {answer.digest for answer in answers} == {answers[0].digest}
    assert client.requests_sent == len(server.requests) == 100


@pytest.mark.parametrize("base_url", ["https://127.0.0.1:1/v1", "https://link.amtssl.com/v1"])
def test_a_servers_certificate_is_always_looked_at(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    """There is no knob for it, and what turns it off in other clients' environments does nothing here."""
    elsewhere = {"PYTHONHTTPSVERIFY": "0", "CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": "", "SSL_VERIFY": "0"}
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    settings = Settings(base_url=base_url, locations={"l": Location("l", "key")})
    with open_http(settings) as connections, connections.one() as transport:
        assert isinstance(transport, Wire)
        context = transport._context
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not [each.name for each in fields(Settings) if re.search("verify|tls|ssl|cert|insecure", each.name)]
