"""The proxy does what it says to the server and to the client, and the same again for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from platform_assets_tests.servers.kinesis import client_of
from platform_assets_tests.servers.kinesis_faults import FAULTS, fault_proxy

if TYPE_CHECKING:
    from platform_assets_tests.servers.kinesis import KinesisServer

SHARD = "shardId-000000000000"
RECORDS = [{"Data": b"%d" % number, "PartitionKey": f"k{number}"} for number in range(20)]
#: The last one is an answer without content: the library takes any text for an answer.
FAILURES = (ClientError, BotoCoreError, KeyError)
TAKES_EFFECT = {"cut", "error_after", "garbled", "reset_after", "stall_after"}


def first_iterator(client: Any, stream: str) -> str:
    position = {"StreamName": stream, "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON"}
    return str(client.get_shard_iterator(**position)["ShardIterator"])


def stored(client: Any, stream: str) -> list[bytes]:
    page = client.get_records(ShardIterator=first_iterator(client, stream))
    return [record["Data"] for record in page["Records"]]


@pytest.mark.parametrize("fault", [name for name in FAULTS["PutRecords"] if name != "partial"])
def test_a_failed_write_took_effect_or_not_as_the_fault_says(
    kinesalite: KinesisServer, fault: str
) -> None:
    stream = kinesalite.new_stream()
    with fault_proxy(kinesalite.endpoint, stall_seconds=0.2) as proxy:
        proxy.order("PutRecords", fault)
        client = client_of(proxy.endpoint)
        with pytest.raises(FAILURES):
            assert client.put_records(StreamName=stream, Records=RECORDS)["Records"]
        assert stored(client, stream) == [r["Data"] for r in RECORDS if fault in TAKES_EFFECT]
        client.put_records(StreamName=stream, Records=RECORDS)
        assert proxy.injected == {fault: 1}


@pytest.mark.parametrize("fault", [name for name in FAULTS["GetRecords"] if "page" not in name])
def test_a_failed_read_can_be_repeated(kinesalite: KinesisServer, fault: str) -> None:
    stream = kinesalite.new_stream()
    with fault_proxy(kinesalite.endpoint, stall_seconds=0.2) as proxy:
        client = client_of(proxy.endpoint)
        client.put_records(StreamName=stream, Records=RECORDS)
        proxy.order("GetRecords", fault)
        with pytest.raises(FAILURES):
            stored(client, stream)
        assert stored(client, stream) == [record["Data"] for record in RECORDS]


def test_an_empty_page_leads_on_to_the_records(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream()
    with fault_proxy(kinesalite.endpoint) as proxy:
        client = client_of(proxy.endpoint)
        client.put_records(StreamName=stream, Records=RECORDS)
        proxy.order("GetRecords", "empty_page", "empty_page")
        iterator, sizes = first_iterator(client, stream), []
        for _ in range(3):
            page = client.get_records(ShardIterator=iterator)
            sizes.append(len(page["Records"]))
            iterator = page["NextShardIterator"]
        assert sizes == [0, 0, 20]


def test_a_short_page_says_that_more_waits_and_leads_on_to_it(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream()
    with fault_proxy(kinesalite.endpoint, {"short_page": 1.0}) as proxy:
        client = client_of(proxy.endpoint)
        client.put_records(StreamName=stream, Records=RECORDS)
        iterator, read, behind = first_iterator(client, stream), [], []
        while len(read) < len(RECORDS):
            page = client.get_records(ShardIterator=iterator)
            read += [record["Data"] for record in page["Records"]]
            behind.append(page["MillisBehindLatest"])
            iterator = page["NextShardIterator"]
        assert read == [record["Data"] for record in RECORDS]
        assert len(behind) > 1
        assert all(behind[:-1])


def test_records_that_fail_by_themselves_are_not_written(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream()
    with fault_proxy(kinesalite.endpoint) as proxy:
        proxy.order("PutRecords", "partial")
        client = client_of(proxy.endpoint)
        answer = client.put_records(StreamName=stream, Records=RECORDS)
        entries = list(zip(RECORDS, answer["Records"], strict=True))
        written = [record["Data"] for record, entry in entries if "SequenceNumber" in entry]
        assert 0 < answer["FailedRecordCount"] == 20 - len(written) < 20
        assert stored(client, stream) == written


def test_the_same_seed_tells_the_same_history(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream()

    def history(seed: int) -> list[str]:
        rates = {"throttle": 0.2, "reset_after": 0.2, "partial": 0.2}
        with fault_proxy(kinesalite.endpoint, rates, seed=seed) as proxy:
            client, seen = client_of(proxy.endpoint), []
            for _ in range(20):
                try:
                    answer = client.put_records(StreamName=stream, Records=RECORDS[:4])
                    seen.append(str(answer["FailedRecordCount"]))
                except (ClientError, BotoCoreError) as error:
                    seen.append(type(error).__name__)
            return seen

    first = history(1)
    assert len(set(first)) > 2
    assert history(1) == first
    assert history(2) != first
