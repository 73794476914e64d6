"""Lets a history of faults happen to a cluster while something else goes on, and ends it afterwards."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets_tests.faults.histories import Fault, History
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

_END_SECONDS = 120


class Weather:
    """The faults of one history, as a context: they begin with it and are over when it is left.

    Attributes:
        met: the faults that took effect before the context was left.
        received: how many bytes clients received meanwhile.
    """

    def __init__(self, cluster: KafkaCluster, topic: str, history: History, unit: float) -> None:
        self.met: list[str] = []
        self.received = 0
        self._cluster = cluster
        self._topic = topic
        self._history = history
        self._unit = unit
        self._over = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._cuts, self._received = self._counted()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(_END_SECONDS)
        cuts, received = self._counted()
        self.met += ["cut"] * (cuts - self._cuts)
        self.received = received - self._received
        for proxy in self._cluster.proxies.values():
            proxy.restore()
        for broker in self._cluster.ids:
            self._cluster.thaw(broker)
            if not self._cluster.alive(broker):
                self._cluster.restart(broker)
        if {"freeze", "kill"} & set(self.met):
            self._cluster.wait_ready()
        if self._failed is not None:
            raise self._failed

    def _counted(self) -> tuple[int, int]:
        proxies = self._cluster.proxies.values()
        return sum(proxy.cuts for proxy in proxies), sum(proxy.to_client for proxy in proxies)

    def _run(self) -> None:
        begins = [(fault.at, self._beginning(fault)) for fault in self._history.faults]
        ends = [(fault.at + fault.lasting, self._end(fault)) for fault in self._history.faults]
        started = time.monotonic()
        try:
            for at, act in sorted(begins + ends, key=lambda timed: timed[0]):
                if self._over.wait(max(0.0, started + at * self._unit - time.monotonic())):
                    return
                act()
        except Exception as error:  # noqa: BLE001 - raised again where the context is left
            self._failed = error

    def _beginning(self, fault: Fault) -> Callable[[], None]:
        cluster, broker = self._cluster, fault.broker
        proxy = cluster.proxies[broker]
        acts: dict[str, Callable[[], None]] = {
            "cut": proxy.cut,
            "cut_after": lambda: proxy.cut_after(int(fault.amount)),
            "refuse": lambda: proxy.cut(refuse=True),
            "stall": proxy.stall,
            "delay": lambda: proxy.delay(fault.amount),
            "lead": lambda: self._lead(int(fault.amount), broker),
            "freeze": lambda: cluster.freeze(broker),
            "kill": lambda: cluster.kill(broker),
        }

        def begin() -> None:
            if not fault.act.startswith("cut"):  # a cut counts if there was something to be cut
                self.met.append(fault.act)
            acts[fault.act]()

        return begin

    def _end(self, fault: Fault) -> Callable[[], None]:
        cluster, broker = self._cluster, fault.broker
        proxy = cluster.proxies[broker]
        ends: dict[str, Callable[[], None]] = {
            "refuse": proxy.restore,
            "stall": proxy.resume,
            "delay": lambda: proxy.delay(0),
            "freeze": lambda: cluster.thaw(broker),
            "kill": lambda: cluster.restart(broker),
        }
        return ends.get(fault.act, lambda: None)

    def _lead(self, partition: int, broker: int) -> None:
        """Prefer a broker as the leader of a partition, and elect whom is preferred."""
        moved = TopicPartition(self._topic, partition)
        others = [other for other in self._cluster.ids if other != broker]
        admin = KafkaAdminClient(bootstrap_servers=self._cluster.bootstrap)
        try:
            admin.alter_partition_reassignments({moved: [broker, *others]})
            admin.elect_leaders(0, [moved], raise_errors=False)
        finally:
            admin.close()
