"""Requests to the brokers of one cluster, each within a bound.

`Brokers(source, home)` connects when it is first asked. `Brokers.run(where, work)` runs a coroutine
`work(session)` and returns what it returns; when the source's `timeout_seconds` have passed, it raises
`SourceUnreachable` with the last thing that went wrong, whatever hangs: a name lookup, a handshake, a
frozen broker. A `Session` asks any broker (`anywhere`) or the leaders of partitions (`leaders`), and
asks again, with fresh metadata, as long as an answer may still come.

This module, with `last_words`, is the one place that knows the network layer of kafka-python
(`kafka.net`); everything else uses its protocol classes alone. The library's own admin client is not
used, because it starts without a bound on handshakes and takes a refused login for an outage.

Closing is possible at any time and from any thread; the next request connects anew.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import kafka.errors as kafka_errors
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from platform_assets.adapters.closes import Closes
from platform_assets.adapters.kafka.errors import (
    Where,
    described,
    from_kafka_python,
    is_final,
    unreachable,
)
from platform_assets.adapters.kafka.last_words import hear_them
from platform_assets.adapters.kafka.security import CLIENT_ID, kafka_python_settings
from platform_assets.errors import ConfigurationError, PlatformError, SourceDenied

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from platform_assets.declarations import KafkaSource

Answer = TypeVar("Answer")

hear_them()

#: How long one broker is waited for before another is asked, as a part of the whole.
_ATTEMPTS = 4
_LONGEST_ATTEMPT_SECONDS = 15.0
_PAUSE_SECONDS = 0.1
#: Follow from what went wrong before: no connection yet, or one that was closed for it.
_SAYS_NOTHING = (kafka_errors.NodeNotReadyError, kafka_errors.Cancelled)
_CLOSING_MS = 500
#: A response holds at least one record batch, whatever was asked for, so this bounds a batch.
_LARGEST_RESPONSE = 512 * 1024**2


class Brokers(Closes):
    """The brokers behind one declared source, for metadata and raw batches."""

    def __init__(self, source: KafkaSource, home: Path) -> None:
        self.source = source
        self._home = home
        self._lock = threading.Lock()
        self._session: Session | None = None

    def run(self, where: Where, work: Callable[[Session], Coroutine[Any, Any, Answer]]) -> Answer:
        """Run a coroutine on the connection's own thread and return its result.

        Raises:
            SourceUnreachable: there was no answer in time.
            SourceDenied: the client is not let in, or may not do this.
            SourceChanged: the cluster does not know the topic.
            CredentialMissing, DeclarationInvalid: it could not even try.
        """
        session = self._open()
        answered = threading.Event()
        try:
            future = session.net.call_soon_with_future(work, session)
        except Exception as ended:  # the network thread, for whatever reason
            self._drop(session)
            raise unreachable(where, described(ended)) from ended
        future.add_both(lambda _: answered.set())
        if not answered.wait(self.source.timeout_seconds):
            self._drop(session)
            raise unreachable(where, session.trouble or "nothing: no connection, and no refusal")
        failure = future.exception
        if failure is None:
            result: Answer = future.value
            return result
        if not isinstance(failure, kafka_errors.KafkaError | OSError | PlatformError):
            raise failure
        error = from_kafka_python(where, failure)
        if isinstance(error, SourceDenied | ConfigurationError):
            self._drop(session)  # credentials that are corrected count at the next request
        raise error from None

    def close(self) -> None:
        """Close the connections."""
        session = self._session
        if session is not None:
            self._drop(session)

    def _open(self) -> Session:
        with self._lock:
            if self._session is None:
                self._session = Session(self.source, self._home)
            return self._session

    def _drop(self, session: Session) -> None:
        with self._lock:
            if self._session is session:
                self._session = None
        session.close()


class Session:
    """Connections to the brokers; its coroutines run on its network thread.

    Attributes:
        net: the event loop.
        trouble: the last thing that went wrong, for whoever gives up.
        timeout_seconds: how long whoever asks waits.
    """

    def __init__(self, source: KafkaSource, home: Path) -> None:
        attempt = min(source.timeout_seconds / _ATTEMPTS, _LONGEST_ATTEMPT_SECONDS)
        self._attempt_ms = int(attempt * 1000)
        self.trouble = ""
        self.timeout_seconds = source.timeout_seconds
        self._failures: dict[Any, int] = {}
        self._asked: Any = None
        settings = kafka_python_settings(source, home)
        self.net = NetworkSelector(client_id=CLIENT_ID, slow_task_threshold_secs=0)
        self._manager = KafkaConnectionManager(
            self.net,
            request_timeout_ms=self._attempt_ms,
            socket_connection_setup_timeout_ms=self._attempt_ms,
            socket_connection_setup_timeout_max_ms=self._attempt_ms,
            reconnect_backoff_max_ms=1000,
            receive_message_max_bytes=_LARGEST_RESPONSE,
            **settings,
        )
        self.net.start()

    async def anywhere(self, request: Callable[[], Any]) -> Any:
        """Return the answer of any broker; the one that failed least is asked next.

        Args:
            request: makes a request, anew for every attempt, since brokers differ in what they speak.
        """
        while True:
            cluster = self._manager.cluster
            nodes = [
                broker.node_id for broker in (*cluster.brokers(), *cluster.bootstrap_brokers())
            ]
            node = self._asked = min(nodes, key=lambda name: self._failures.get(name, 0))
            try:
                return await self.at(node, request())
            except kafka_errors.KafkaError as error:
                await self.pause_after(error, self.name(node))

    async def at(self, node: Any, request: Any) -> Any:
        """Return the answer of one broker, which gets one part of the time for it."""
        try:
            future = self._manager.send(request, node_id=node)
            answer = await self._manager.wait_for(future, self._attempt_ms)
        except kafka_errors.UnknownBrokerIdError:  # the cluster has dropped it from its list
            raise kafka_errors.NodeNotReadyError(node) from None
        except kafka_errors.KafkaTimeoutError:
            # A request waits without a bound for a connection that hangs in its handshake.
            self._manager.close(node)
            self._failures[node] = self._failures.get(node, 0) + 1
            raise
        except Exception:
            self._failures[node] = self._failures.get(node, 0) + 1
            raise
        self._failures.pop(node, None)
        return answer

    def at_once(self, node: Any, request: Any) -> Any:
        """Ask one broker while others are asked; await the result."""
        return self.net.call_soon_with_future(self.at, node, request)

    def doubt(self) -> None:
        """Let `anywhere` ask another broker next, because this one may be behind."""
        self._failures[self._asked] = self._failures.get(self._asked, 0) + 1

    def learn(self, metadata: Any) -> None:
        """Take the brokers' addresses from an answer to a metadata request."""
        self._manager.cluster.update_metadata(metadata)

    async def pause_after(self, error: BaseException, what: str) -> None:
        """Note what went wrong and wait a moment; what asking again cannot help is raised."""
        if is_final(error) or isinstance(error, kafka_errors.UnsupportedVersionError):
            raise error
        if not isinstance(error, _SAYS_NOTHING):
            self.trouble = f"{what}: {described(error)}"
        await self.pause()

    async def pause(self) -> None:
        """Wait a moment before asking again."""
        await self.net.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """Close the connections and end the thread.

        A thread that hangs in a name lookup is left behind; it ends when the lookup does.
        """
        with suppress(Exception):
            self.net.call_soon_threadsafe(self._manager.close)
        self.net.stop(timeout_ms=_CLOSING_MS)
        with suppress(RuntimeError):
            self.net.close()

    def name(self, node: Any) -> str:
        """Return a broker's name and address, for messages."""
        broker = self._manager.cluster.broker_metadata(node)
        address = f"{broker.host}:{broker.port}" if broker is not None else "unknown address"
        return address if str(node).startswith("bootstrap") else f"broker {node} at {address}"
