"""The fault proxy does to a plain TCP connection what its methods say, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.servers.fault_proxy import FaultProxy
from platform_assets_tests.servers.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 20
_SILENCE_SECONDS = 0.3


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                self.request.sendall(data)


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(_SECONDS)


@pytest.fixture
def proxy(echo: int) -> Iterator[FaultProxy]:
    with FaultProxy(echo) as running:
        yield running


def _connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=_SECONDS)


def _exactly(client: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        data = client.recv(count - len(received))
        assert data, f"the connection ended after {len(received)} of {count} bytes"
        received += data
    return received


def _until_reset(client: socket.socket) -> bytes:
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionResetError:
        return received
    raise AssertionError("the connection ended in order")


def _says_nothing(client: socket.socket) -> bool:
    client.settimeout(_SILENCE_SECONDS)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    else:
        return False
    finally:
        client.settimeout(_SECONDS)


def test_bytes_pass_unchanged_both_ways(proxy: FaultProxy) -> None:
    sent = bytes(range(256)) * 4096
    with _connect(proxy) as client:
        threading.Thread(target=client.sendall, args=(sent,)).start()
        assert _exactly(client, len(sent)) == sent
    assert (proxy.accepted, proxy.cuts, proxy.to_client) == (1, 0, len(sent))


def test_a_cut_resets_every_connection_and_lets_new_ones_in(proxy: FaultProxy) -> None:
    with _connect(proxy) as one, _connect(proxy) as two:
        for client in (one, two):
            client.sendall(b"x")
            assert _exactly(client, 1) == b"x"
        proxy.cut()
        assert _until_reset(one) == _until_reset(two) == b""
    assert proxy.cuts == 2
    with _connect(proxy) as client:
        client.sendall(b"again")
        assert _exactly(client, 5) == b"again"


def test_refusing_lasts_until_restored(proxy: FaultProxy) -> None:
    proxy.cut(refuse=True)
    with pytest.raises(ConnectionRefusedError):
        _connect(proxy)
    proxy.restore()
    with _connect(proxy) as client:
        client.sendall(b"back")
        assert _exactly(client, 4) == b"back"


@pytest.mark.parametrize("count", [1, 1000, 65536, 200_000])
def test_cut_after_so_many_bytes(count: int, proxy: FaultProxy) -> None:
    proxy.cut_after(count)
    with _connect(proxy) as client:
        sender = threading.Thread(target=_send_what_goes, args=(client, bytes(300_000)))
        sender.start()
        received = _until_reset(client)
        sender.join(_SECONDS)
    assert proxy.to_client == count
    assert 0 < len(received) <= count  # what was still on its way is lost with the connection
    with _connect(proxy) as client:  # once only
        client.sendall(bytes(count))
        assert len(_exactly(client, count)) == count


def _send_what_goes(client: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        client.sendall(data)


def test_a_stall_keeps_the_connection_and_loses_nothing(proxy: FaultProxy) -> None:
    with _connect(proxy) as client:
        client.sendall(b"before")
        assert _exactly(client, 6) == b"before"
        proxy.stall()
        client.sendall(b"during")
        assert _says_nothing(client)
        proxy.resume()
        assert _exactly(client, 6) == b"during"
    assert proxy.cuts == 0


def test_who_connects_during_a_stall_waits(proxy: FaultProxy) -> None:
    proxy.stall()
    with _connect(proxy) as client:
        client.sendall(b"new")
        assert _says_nothing(client)
        proxy.resume()
        assert _exactly(client, 3) == b"new"


def test_a_stalled_connection_can_be_cut(proxy: FaultProxy) -> None:
    with _connect(proxy) as client:
        client.sendall(b"x")
        assert _exactly(client, 1) == b"x"
        proxy.stall()
        client.sendall(b"y")
        proxy.cut()
        assert _until_reset(client) == b""


def test_delayed_data_come_in_the_end_and_not_at_once(proxy: FaultProxy) -> None:
    proxy.delay(8 * _SILENCE_SECONDS)
    with _connect(proxy) as client:
        client.sendall(b"late")
        assert _says_nothing(client)
        assert _exactly(client, 4) == b"late"


def test_nobody_behind_the_proxy_is_a_reset() -> None:
    # The reset may come so soon that connecting sees it.
    with (
        FaultProxy(free_ports(1)[0]) as proxy,
        pytest.raises(ConnectionResetError),
        _connect(proxy) as client,
    ):
        client.recv(1)
