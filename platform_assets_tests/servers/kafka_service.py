"""One Kafka broker in the foreground, at a fixed address and on data that is kept.

``python -m platform_assets_tests.servers.kafka_service --port 19092 --data DIR``: a service that a lane
declares for its target. It ends on SIGTERM as a broker does, with its logs written; killed by SIGKILL
and started again it recovers them. The folder is formatted at the first start. The controller listens
on the port after the broker's. Everything is on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from platform_assets_tests.servers.kafka_jars import KAFKA, java, kafka_jars
from platform_assets_tests.servers.kafka_settings import settings, write_properties

#: Room for the load of a lane, and a compiler that makes the broker cheap in the long run.
_JVM = ("-Xms256m", "-Xmx1g", "-Xshare:auto", "-Djava.awt.headless=true")
_CLUSTER = "lanes-broker-00000000w"
_FORMATTED = "meta.properties"


def main() -> None:
    """Become the broker."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    data = given.data.absolute()
    data.mkdir(parents=True, exist_ok=True)
    path = data / "broker.properties"
    write_properties(path, _properties(given.port, data / "log"))
    jvm = [java(), *_JVM, f"-Dlog4j2.configurationFile={KAFKA / 'log4j2.properties'}"]
    jvm += ["-cp", f"{kafka_jars()}/*"]
    if not (data / "log" / _FORMATTED).exists():
        tool = [*jvm, "kafka.tools.StorageTool", "format", "--config", str(path)]
        subprocess.run([*tool, f"--cluster-id={_CLUSTER}"], check=True)
    os.execv(jvm[0], [*jvm, "kafka.Kafka", str(path)])  # noqa: S606 - who signals this means the broker


def _properties(port: int, log: Path) -> dict[str, str]:
    return {
        **settings(1),
        "node.id": "1",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{port + 1}",
        "log.dirs": str(log),
        # a broker that was killed is fenced until its session is over; the one that takes its place
        # is the same node, and comes back within seconds
        "num.io.threads": "4",
        "num.network.threads": "3",
        "num.recovery.threads.per.data.dir": "2",
    }


if __name__ == "__main__":
    main()
