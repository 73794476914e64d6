"""What a broker says before it hangs up is heard."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from platform_assets.adapters.kafka.last_words import hear_them
from platform_assets_tests.servers.certificates import CertificateAuthority

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 20
LAST_WORDS = b"no such user" * 1000


class _Listener:
    """What a transport calls: keeps what it is given, in order."""

    _sensors = None

    def __init__(self) -> None:
        self.heard = b""
        self.ended = threading.Event()

    def data_received(self, data: bytes) -> None:
        assert not self.ended.is_set()
        self.heard += data

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.ended.set()


def _pair(folder: Path, *, tls: bool) -> tuple[socket.socket, socket.socket]:
    """Return a client's socket, and a server's that has said everything and hung up."""
    ours, theirs = socket.socketpair()
    ours.settimeout(_SECONDS)
    theirs.settimeout(_SECONDS)
    if not tls:
        return ours, theirs
    authority = CertificateAuthority(folder)
    issued = authority.issue("broker")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued.certificate, issued.key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(authority.file)
    found: list[ssl.SSLSocket] = []
    thread = threading.Thread(
        target=lambda: found.append(server.wrap_socket(theirs, server_side=True))
    )
    thread.start()
    wrapped = client.wrap_socket(ours, server_hostname="localhost")
    thread.join(_SECONDS)
    return wrapped, found[0]


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_what_comes_with_the_end_of_a_connection_is_heard_before_it(
    tmp_path: Path, tls: bool
) -> None:
    hear_them()
    hear_them()
    ours, theirs = _pair(tmp_path, tls=tls)
    theirs.sendall(LAST_WORDS)
    theirs.close()  # both are there before anybody looks
    ours.setblocking(False)
    network = NetworkSelector()
    transport = KafkaTCPTransport(network, ours)
    if tls:
        transport.__class__ = KafkaSSLTransport  # its constructor would shake hands again
    listener = _Listener()
    transport.set_protocol(listener)
    network.start()
    try:
        network.call_soon_threadsafe(transport.resume_reading)
        assert listener.ended.wait(_SECONDS)
    finally:
        network.stop(timeout_ms=1000)
        network.close()
    assert listener.heard == LAST_WORDS
