"""An HTTP server that stands before another one and does what networks, proxies and servers do.

It forwards every request as it came, signature and all. A rule is asked of each request before that
and says what becomes of it: nothing unusual, an answer of the rule's own without or after the effect,
silence without or after the effect, or the real answer with another body. Every request is kept.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 30
_POLL_SECONDS = 0.02
_HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")


@dataclass(frozen=True)
class Asked:
    """One request: method, path without the query, query, headers in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Fate:
    """What becomes of one request.

    Attributes:
        effect: whether it reaches the server.
        answer: status and body instead of the server's; None for the server's own.
        silence: the connection ends without an answer.
        body: changes the server's body; the length that is told is that of the changed one.
        keep: how many bytes of the body are sent before the connection ends; None for all.
        headers: further headers of an own answer.
    """

    effect: bool = True
    answer: tuple[int, bytes] | None = None
    silence: bool = False
    body: Callable[[bytes], bytes] | None = None
    keep: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


#: Answers a request as the server does.
USUAL = Fate()
#: The effect happens, and the client hears nothing.
LOST_ANSWER = Fate(silence=True)
#: Nothing happens, and the client hears nothing.
LOST_REQUEST = Fate(effect=False, silence=True)


def s3_error(status: int, code: str, message: str = "", **fields: str) -> tuple[int, bytes]:
    """Return status and body of an error as S3 sends it."""
    more = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    body = f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return status, b'<?xml version="1.0" encoding="UTF-8"?>' + body.encode()


class HttpFaults:
    """One such server; as a context manager it is started and closed.

    Attributes:
        asked: every request so far.
        rule: says what becomes of a request; may be replaced at any time.
    """

    def __init__(self, endpoint: str) -> None:
        self.asked: list[Asked] = []
        self.rule: Callable[[Asked], Fate] = lambda _: USUAL
        self._upstream = endpoint.removeprefix("http://").split(":")
        faults = self

        class Handler(_Handler):
            server_of_faults = faults

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True
        )

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_SECONDS)

    def once(self, fate: Fate, *, method: str, containing: str = "") -> None:
        """Give the next request of a method, to a path that contains a text, a fate of its own."""
        left = [fate]

        def rule(asked: Asked) -> Fate:
            if asked.method == method and containing in f"{asked.path}?{asked.query}" and left:
                return left.pop()
            return USUAL

        self.rule = rule

    def always(self, fate: Fate, *, method: str, containing: str = "") -> None:
        """Give every request of a method, to a path that contains a text, the same fate."""

        def rule(asked: Asked) -> Fate:
            found = asked.method == method and containing in f"{asked.path}?{asked.query}"
            return fate if found else USUAL

        self.rule = rule

    def count(self, method: str, containing: str = "") -> int:
        return sum(
            asked.method == method and containing in f"{asked.path}?{asked.query}"
            for asked in self.asked
        )

    def forward(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> _Answer:
        connection = http.client.HTTPConnection(
            self._upstream[0], int(self._upstream[1]), timeout=_SECONDS
        )
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return _Answer(answer.status, answer.getheaders(), answer.read())


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_of_faults: HttpFaults

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle_one_request()

    def _any(self) -> None:
        faults = self.server_of_faults
        if self.headers.get("Expect", "").lower() == "100-continue":
            pass  # http.server has answered that already
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, unquote(path), query, headers)
        faults.asked.append(asked)
        fate = faults.rule(asked)
        answer = None
        if fate.effect:
            given = [(n, v) for n, v in self.headers.items() if n.lower() != "expect"]
            answer = faults.forward(self.command, self.path, given, body)
        if fate.silence or (answer is None and fate.answer is None):
            self._hang_up()
        elif fate.answer is not None:
            status, text = fate.answer
            self._send(status, list(fate.headers.items()), text, len(text))
        elif answer is not None:
            text = fate.body(answer.body) if fate.body else answer.body
            told = next((int(v) for n, v in answer.headers if n.lower() == "content-length"), None)
            length = len(text) if fate.body or told is None or answer.body else told
            self._send(answer.status, answer.headers, text[: fate.keep], length)
            if fate.keep is not None:
                self._hang_up()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any  # noqa: N815 - names of http.server

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Say nothing; the requests are kept."""
