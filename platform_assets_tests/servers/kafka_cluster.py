"""Apache Kafka in KRaft mode, one or more brokers, as processes of the test run.

Every broker is a controller too. Data lives in a temporary folder that goes with the cluster. A
broker can be killed, restarted on its data, frozen and thawed; `wait_ready` ends when all are up
again and every replica is in sync.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaException

from platform_assets_tests.servers.fault_proxy import FaultProxy
from platform_assets_tests.servers.kafka_answer import described
from platform_assets_tests.servers.kafka_jars import KAFKA, java, kafka_jars
from platform_assets_tests.servers.kafka_security import LISTENERS
from platform_assets_tests.servers.kafka_settings import JVM, settings, write_properties
from platform_assets_tests.servers.processes import (
    ServerFailed,
    ServerProcess,
    free_ports,
    temporary_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_assets_tests.servers.kafka_security import KafkaSecurity

_START_SECONDS = 120
_PROTOCOLS = {name: name for name in ("PLAINTEXT", *LISTENERS)}
_PROTOCOLS |= {"CONTROLLER": "PLAINTEXT", "PROXIED": "PLAINTEXT"}
_STARTED = "Kafka Server started"


class KafkaCluster:
    """A cluster to be started; as a context manager it is started and stopped.

    Attributes:
        cluster_id: the id that it was formatted with.
        ids: of its brokers, 1 and up.
        security: what it asks of clients on its other listeners; None: there is only ``PLAINTEXT``.
        proxies: a fault proxy for each broker, if the cluster is ``proxied``. Clients that start from
            the addresses of the listener ``PROXIED`` reach every broker through its proxy.
    """

    def __init__(
        self,
        *,
        brokers: int = 1,
        security: KafkaSecurity | None = None,
        proxied: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self.ids = list(range(1, brokers + 1))
        self.security = security
        self.proxies: dict[int, FaultProxy] = {}
        self._proxied = proxied
        self._extra = dict(extra or {})
        self._brokers: dict[int, ServerProcess] = {}
        self._ports: dict[tuple[int, str], int] = {}

    @property
    def bootstrap(self) -> list[str]:
        """The brokers' addresses, ``host:port``."""
        return self.addresses("PLAINTEXT")

    @property
    def version(self) -> str:
        """The version that the first broker said it is."""
        found = re.search(r"Kafka version: (\S+)", self._brokers[self.ids[0]].output())
        return found[1] if found else "of unknown version"

    def addresses(self, listener: str) -> list[str]:
        """Return the brokers' addresses of one listener."""
        return [f"127.0.0.1:{self._advertised(broker, listener)}" for broker in self.ids]

    def start(self) -> Self:
        """Format, start, and wait until it serves.

        Raises:
            NoServer: there is no Java or no Kafka on this machine.
            ServerFailed: it did not start; with the end of its log.
        """
        jvm = [java(), *JVM, f"-Dlog4j2.configurationFile={KAFKA / 'log4j2.properties'}"]
        jvm += ["-cp", f"{kafka_jars()}/*"]
        self._folder = temporary_folder("kafka")
        try:
            self._assign_ports()
            if self._proxied:
                for broker in self.ids:
                    proxy = FaultProxy(self._ports[broker, "PROXIED"])
                    self.proxies[broker] = proxy.start()
            if self.security is not None:
                self._extra |= self.security.prepare(self._folder / "security")
            self._format(jvm)
            for broker in self.ids:
                command = [*jvm, "kafka.Kafka", str(self._folder / f"{broker}.properties")]
                process = ServerProcess(command, log=self._folder / f"{broker}.log")
                self._brokers[broker] = process
                process.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End all brokers and delete their data."""
        for process in self._brokers.values():
            process.kill()
        for proxy in self.proxies.values():
            proxy.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def alive(self, broker: int) -> bool:
        """Tell whether a broker's process runs; a frozen one does."""
        return self._brokers[broker].alive

    def kill(self, broker: int) -> None:
        """End a broker by SIGKILL; its data stays."""
        self._brokers[broker].kill()

    def restart(self, broker: int) -> None:
        """Start a broker on its data, after killing it if it runs; `wait_ready` waits for it."""
        self._brokers[broker].kill()
        self._brokers[broker].start()

    @contextmanager
    def down(self, *brokers: int) -> Iterator[None]:
        """Kill brokers for a while; in the end all are ready again."""
        for broker in brokers:
            self.kill(broker)
        try:
            yield
        finally:
            for broker in brokers:
                self.restart(broker)
            self.wait_ready()

    @contextmanager
    def frozen(self, broker: int) -> Iterator[None]:
        """Freeze a broker for a while; in the end all are ready again."""
        self.freeze(broker)
        try:
            yield
        finally:
            self.thaw(broker)
            self.wait_ready()

    def freeze(self, broker: int) -> None:
        """SIGSTOP: its connections stay open and nothing answers."""
        self._brokers[broker].freeze()

    def thaw(self, broker: int) -> None:
        """SIGCONT."""
        self._brokers[broker].thaw()

    def wait_ready(self, seconds: float = _START_SECONDS) -> None:
        """Wait until every broker is up and every partition has all its replicas in sync.

        Raises:
            ServerFailed: it did not happen in time, or a broker ended; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        for broker, process in self._brokers.items():
            while _STARTED not in process.output():
                self._check(broker, deadline, "did not start")
                time.sleep(0.1)
        while not self._in_sync():
            self._check(self.ids[0], deadline, "has replicas that are not in sync")
            time.sleep(0.1)

    def _in_sync(self) -> bool:
        try:
            metadata = described(self.bootstrap)
        except KafkaException:
            return False
        partitions = [
            partition
            for topic in metadata.topics.values()
            for partition in topic.partitions.values()
        ]
        return set(metadata.brokers) == set(self.ids) and all(
            partition.leader in self.ids and set(partition.isrs) == set(partition.replicas)
            for partition in partitions
        )

    def _check(self, broker: int, deadline: float, problem: str) -> None:
        process = self._brokers[broker]
        if not process.alive or time.monotonic() > deadline:
            state = "is alive" if process.alive else "ended"
            raise ServerFailed(
                f"broker {broker} {problem} and {state}:\n{process.output()[-4000:]}"
            )

    def _assign_ports(self) -> None:
        listeners = ["PLAINTEXT", "CONTROLLER", *(LISTENERS if self.security else ())]
        listeners += ["PROXIED"] if self._proxied else []
        wanted = [(broker, listener) for broker in self.ids for listener in listeners]
        self._ports = dict(zip(wanted, free_ports(len(wanted)), strict=True))

    def _advertised(self, broker: int, listener: str) -> int:
        if listener == "PROXIED":
            return self.proxies[broker].port
        return self._ports[broker, listener]

    def _format(self, jvm: list[str]) -> None:
        """Give every broker its settings and an empty log; all at once, since each takes a JVM."""
        formatting = []
        users = self.security.format_arguments() if self.security else []
        for broker in self.ids:
            path = self._folder / f"{broker}.properties"
            write_properties(path, self._properties(broker))
            tool = [*jvm, "kafka.tools.StorageTool", "format", "--config", str(path)]
            formatting.append(
                subprocess.Popen(
                    [*tool, f"--cluster-id={self.cluster_id}", *users],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        for process in formatting:
            output, _ = process.communicate(timeout=_START_SECONDS)
            if process.returncode != 0:
                raise ServerFailed(f"the storage could not be formatted:\n{output[-4000:]}")

    def _properties(self, broker: int) -> dict[str, str]:
        names = [listener for owner, listener in self._ports if owner == broker]
        listeners = [f"{name}://127.0.0.1:{self._ports[broker, name]}" for name in names]
        advertised = [
            f"{name}://127.0.0.1:{self._advertised(broker, name)}"
            for name in names
            if name != "CONTROLLER"
        ]
        voters = [f"{other}@127.0.0.1:{self._ports[other, 'CONTROLLER']}" for other in self.ids]
        return {
            **settings(len(self.ids)),
            "node.id": str(broker),
            "listeners": ",".join(listeners),
            "advertised.listeners": ",".join(advertised),
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in _PROTOCOLS.items()
            ),
            "controller.quorum.voters": ",".join(voters),
            "log.dirs": str(self._folder / f"data-{broker}"),
            **self._extra,
        }
