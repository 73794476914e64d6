"""What a broker says last is heard, although it closes the connection with it.

kafka-python 3.0 reads all that a socket has. If the end of the connection is among it, it drops what
came before. A broker that refuses a login says so and hangs up, and the refusal would be taken for an
outage, or not, as the two happen to arrive. Here the end is reported by itself, after what came before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    Received = tuple[bytes, Exception | None]


def hear_them() -> None:
    """Let the connections of kafka-python hand over what they received before they end."""
    for transport in (KafkaTCPTransport, KafkaSSLTransport):
        receive = transport._sock_recv  # noqa: SLF001 - the library offers no other place
        if getattr(receive, "hears_last_words", False):
            continue
        patched = _before_the_end(receive)
        patched.hears_last_words = True  # type: ignore[attr-defined]
        transport._sock_recv = patched  # noqa: SLF001 - see above


def _before_the_end(receive: Callable[[Any], Received]) -> Callable[[Any], Received]:
    def received(transport: Any) -> Received:
        data, error = receive(transport)
        # a connection that has ended is found to have ended again at the next look
        return (data, None) if data else (data, error)

    return received
