"""What other tests rely on: the servers do truly what their table says, and end with their parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from platform_assets_tests.servers.kinesis import (
    _session_server,
    kinesalite_server,
    versions,
)
from platform_assets_tests.servers.leashed import (
    NODE_SOURCES,
    ServerUnavailableError,
    node_packages,
)

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kinesis import KinesisServer

#: Of the packages of the servers one that depends on none: all of them take npm a minute.
ONE_PACKAGE = "inherits"
SHARD = "shardId-000000000000"
MIDDLE = str(2**127)
TEN = [{"Data": b"%d" % number, "PartitionKey": f"k{number}"} for number in range(10)]


def iterator(client: Any, stream: str, shard: str = SHARD, **position: Any) -> str:
    position = position or {"ShardIteratorType": "TRIM_HORIZON"}
    answer = client.get_shard_iterator(StreamName=stream, ShardId=shard, **position)
    return str(answer["ShardIterator"])


def pages(client: Any, stream: str, shard: str = SHARD, limit: int = 4) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    position: str | None = iterator(client, stream, shard)
    while position and len(found) < limit:
        found.append(client.get_records(ShardIterator=position))
        position = found[-1].get("NextShardIterator")
    return found


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=code)


def test_kinesalite_ends_a_split_shard_after_an_empty_page_and_children_begin_above(
    kinesalite: KinesisServer,
) -> None:
    client, stream = kinesalite.client(), kinesalite.new_stream()
    before = client.put_records(StreamName=stream, Records=TEN)["Records"]
    client.split_shard(StreamName=stream, ShardToSplit=SHARD, NewStartingHashKey=MIDDLE)
    during = client.put_records(StreamName=stream, Records=TEN)["Records"]
    kinesalite.wait_until_active(stream)
    after = client.put_records(StreamName=stream, Records=TEN)["Records"]
    parent, left, right = client.list_shards(StreamName=stream)["Shards"]
    ending = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    assert {record["ShardId"] for record in [*before, *during]} == {SHARD}
    assert {record["ShardId"] for record in after} == {left["ShardId"], right["ShardId"]}
    assert left["ParentShardId"] == right["ParentShardId"] == SHARD
    assert max(int(record["SequenceNumber"]) for record in during) < ending
    assert min(int(record["SequenceNumber"]) for record in after) > ending
    read = pages(client, stream)
    assert [len(page["Records"]) for page in read] == [20, 0]
    assert "NextShardIterator" not in read[-1]


def test_kinesalite_refuses_a_sequence_number_of_another_incarnation(
    kinesalite: KinesisServer,
) -> None:
    client, stream = kinesalite.client(), kinesalite.new_stream()
    number = client.put_records(StreamName=stream, Records=TEN)["Records"][0]["SequenceNumber"]
    client.delete_stream(StreamName=stream)
    deadline = time.monotonic() + 10
    while stream in client.list_streams(Limit=1000)["StreamNames"] and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.1)  # creation times in sequence numbers are whole seconds
    client.create_stream(StreamName=stream, ShardCount=1)
    kinesalite.wait_until_active(stream)
    with refused("did not come from this stream"):
        iterator(
            client, stream, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=number
        )


def test_kinesalite_never_answers_where_nothing_stands_after_the_time(
    kinesalite: KinesisServer,
) -> None:
    stream = kinesalite.new_stream()
    client = kinesalite.client(read_timeout=1)
    with pytest.raises(ReadTimeoutError):
        iterator(client, stream, ShardIteratorType="AT_TIMESTAMP", Timestamp=time.time() - 1)


def test_iterators_and_records_expire_by_the_clock_of_the_server(
    own_kinesalite: KinesisServer,
) -> None:
    client, stream = own_kinesalite.client(), own_kinesalite.new_stream()
    first = client.put_records(StreamName=stream, Records=TEN)["Records"][0]["SequenceNumber"]
    position = iterator(client, stream)
    own_kinesalite.move_clock(301)
    with refused("ExpiredIteratorException"):
        client.get_records(ShardIterator=position)
    own_kinesalite.move_clock(24 * 3600)
    client.put_records(StreamName=stream, Records=TEN[:3])
    at_first = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": first}
    page = client.get_records(ShardIterator=iterator(client, stream, **at_first))
    assert [record["Data"] for record in page["Records"]] == [b"0", b"1", b"2"]
    assert page["Records"][0]["SequenceNumber"] != first, "an expired number begins at the oldest"


def test_kinesis_local_names_children_with_the_last_records(kinesis_local: KinesisServer) -> None:
    client, stream = kinesis_local.client(), kinesis_local.new_stream()
    last = client.put_records(StreamName=stream, Records=TEN)["Records"][-1]["SequenceNumber"]
    client.split_shard(StreamName=stream, ShardToSplit=SHARD, NewStartingHashKey=MIDDLE)
    kinesis_local.wait_until_active(stream)
    [page] = pages(client, stream)
    assert len(page["Records"]) == 10
    assert "NextShardIterator" not in page
    assert [child["ParentShards"] for child in page["ChildShards"]] == [[SHARD], [SHARD]]
    ending = client.list_shards(StreamName=stream)["Shards"][0]["SequenceNumberRange"]
    assert int(ending["EndingSequenceNumber"]) < int(last), "no adapter may trust it here"


@pytest.mark.kinesis
@pytest.mark.parametrize("name", ["kinesis_local", "kinesis_moto"])
def test_a_time_finds_the_first_record_after_it(name: str, request: pytest.FixtureRequest) -> None:
    server: KinesisServer = request.getfixturevalue(name)
    client, stream = server.client(), server.new_stream()
    client.put_records(StreamName=stream, Records=TEN[:1])
    time.sleep(0.05)
    now = time.time()
    at_now = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": now}
    nothing = client.get_records(ShardIterator=iterator(client, stream, **at_now))
    time.sleep(0.05)
    client.put_records(StreamName=stream, Records=TEN[1:2])
    found = client.get_records(ShardIterator=iterator(client, stream, **at_now))
    assert nothing["Records"] == []
    assert [record["Data"] for record in found["Records"]] == [b"1"]


def test_moto_goes_on_with_closed_shards(kinesis_moto: KinesisServer) -> None:
    client, stream = kinesis_moto.client(), kinesis_moto.new_stream()
    client.split_shard(StreamName=stream, ShardToSplit=SHARD, NewStartingHashKey=MIDDLE)
    written = client.put_records(StreamName=stream, Records=TEN)["Records"]
    assert {record["ShardId"] for record in written} == {SHARD}, "moto may serve resharding now"


def test_a_given_address_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_TESTS_KINESIS", "http://127.0.0.1:1")
    with ExitStack() as stack:
        server = _session_server("PLATFORM_TESTS_KINESIS", "kinesalite", kinesalite_server, stack)
    assert server.endpoint == "http://127.0.0.1:1"
    assert "given address" in versions()


def test_without_node_a_test_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with ExitStack() as stack, pytest.raises(pytest.skip.Exception, match="npm is not on this"):
        _session_server("", "kinesalite", kinesalite_server, stack)


@pytest.mark.kinesis
def test_no_server_outlives_a_killed_parent() -> None:
    program = (
        "from platform_assets_tests.servers import kinesis\n"
        "with kinesis.kinesalite_server(), kinesis.kinesis_local_server(), kinesis._moto():\n"
        "    print('up', flush=True)\n"
        "    input()\n"
    )
    try:
        node_packages()
    except ServerUnavailableError as error:
        pytest.skip(str(error))
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    servers = psutil.Process(parent.pid).children()
    assert len(servers) == 3
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(timeout=10)
    _, alive = psutil.wait_procs(servers, timeout=10)
    assert alive == []


@pytest.mark.kinesis
def test_two_processes_install_the_packages_at_once(tmp_path: Path) -> None:
    try:
        node_packages()
    except ServerUnavailableError as error:
        pytest.skip(str(error))
    sources = one_package(tmp_path / "sources")
    program = (
        "from pathlib import Path\nfrom platform_assets_tests.servers.leashed import node_packages\n"
        f"print(node_packages(Path({str(sources)!r})))\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    installing = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    answers = {process.communicate(timeout=300)[0] for process in installing}
    assert [process.returncode for process in installing] == [0, 0]
    [folder] = list((tmp_path / "platform-assets-tests").iterdir())
    assert answers == {f"{folder}\n".encode()}
    assert (folder / "node_modules" / ONE_PACKAGE / "package.json").is_file()


def one_package(folder: Path) -> Path:
    """Write what is to be installed: of the servers' packages one that needs no other."""
    locked = json.loads((NODE_SOURCES / "package-lock.json").read_bytes())
    place = f"node_modules/{ONE_PACKAGE}"
    alone = {
        "name": "one",
        "version": "1.0.0",
        "dependencies": {ONE_PACKAGE: locked["packages"][place]["version"]},
    }
    locked["packages"] = {"": alone, place: locked["packages"][place]}
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps(alone))
    (folder / "package-lock.json").write_text(json.dumps({**locked, **alone}))
    return folder
