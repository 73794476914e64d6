"""The tests' broker: a given address first, then a container, then a process; jars fetched once."""

from __future__ import annotations

import os
import socketserver
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.servers import kafka_jars
from platform_assets_tests.servers.containers import engine_answers
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_container import ContainerKafka
from platform_assets_tests.servers.kafka_found import GivenKafka, find_kafka
from platform_assets_tests.servers.processes import NoServer, ServerFailed, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets_tests.servers.kafka_found import Kafka

_ROOT = Path(__file__).parents[2]
#: Stands for Maven: says that it was called, takes its time, and leaves one jar, or fails.
_MAVEN = """#!/bin/sh
echo called >> "$MAVEN_CALLS"
for argument; do case "$argument" in -DoutputDirectory=*) folder="${argument#*=}";; esac; done
sleep 0.5
echo jar > "$folder/one.jar"
exit ${MAVEN_EXIT:-0}
"""


class _Engine(BaseHTTPRequestHandler):
    """What every Docker engine answers to the first questions."""

    def do_GET(self) -> None:
        pinged = self.path.endswith("/_ping")
        body = b"OK" if pinged else b'{"ApiVersion": "1.47", "MinAPIVersion": "1.24"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...

    def address_string(self) -> str:
        return "unix"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something answers on the socket that DOCKER_HOST names."""
    path = tmp_path / "docker.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), _Engine) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield
        server.shutdown()


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nothing.sock'}")


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLATFORM_TESTS_KAFKA", raising=False)


def test_a_given_address_comes_first(engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_TESTS_KAFKA", "one:9092,two:9092")
    found = find_kafka()
    assert isinstance(found, GivenKafka)
    assert found.bootstrap == ["one:9092", "two:9092"]


def test_a_given_address_where_nobody_answers_is_a_failure_and_no_skip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform_assets_tests.servers.kafka_found._ANSWER_SECONDS", 0)
    nobody = GivenKafka([f"127.0.0.1:{free_ports(1)[0]}"])
    with pytest.raises(ServerFailed, match="no Kafka answers"), nobody:
        pass


def test_a_given_broker_is_used_as_it_is(kafka: Kafka) -> None:
    with GivenKafka(kafka.bootstrap) as given:
        assert given.cluster_id == kafka.cluster_id


def test_a_container_where_an_engine_answers(engine: None) -> None:
    assert engine_answers()
    assert isinstance(find_kafka(), ContainerKafka)


def test_a_process_where_none_does(no_engine: None) -> None:
    assert not engine_answers()
    assert isinstance(find_kafka(), KafkaCluster)


def test_the_container_has_the_settings_of_the_native_broker() -> None:
    container = ContainerKafka()
    settings = container.environment()
    assert settings["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert settings["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{container.bootstrap[0]}"


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Maven that needs no network; returns the file with its calls."""
    program = tmp_path / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text(_MAVEN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("MAVEN_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "calls"


def test_processes_that_need_the_jars_at_once_fetch_them_once(maven: Path) -> None:
    command = [sys.executable, "-m", "platform_assets_tests.servers.kafka_jars"]
    asking = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) for _ in range(4)
    ]
    folders = {process.communicate(timeout=60)[0].strip() for process in asking}
    assert len(folders) == 1
    assert [path.name for path in Path(folders.pop()).iterdir()] == ["one.jar"]
    assert maven.read_text().split() == ["called"]


def test_jars_that_cannot_be_fetched_are_not_half_there(
    maven: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAVEN_EXIT", "1")
    with pytest.raises(NoServer, match="Maven could not fetch"):
        kafka_jars.kafka_jars()
    monkeypatch.delenv("MAVEN_EXIT")
    assert [path.name for path in kafka_jars.kafka_jars().iterdir()] == ["one.jar"]


def test_no_java_is_a_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoServer, match="java is not on this machine"):
        KafkaCluster().start()


def test_a_java_that_is_too_old_is_a_reason_to_skip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(NoServer, match=r"Kafka needs Java 17.*11\.0\.2"):
        KafkaCluster().start()
