"""A2: what a feed lands and admits of a real broker is exactly what its producers' ledgers say.

Four partitions, each with a compression of its own; transactions that were committed, aborted and left
open between records without one; a topic that was compacted. The number of records is
``PLATFORM_TESTS_KAFKA_RECORDS``; a million were seen to pass, CI takes fewer.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.pipeline import Platform, finish, layout, next_run, open_product
from platform_assets.pipeline.records import read_record
from platform_assets_tests.adapters.kafka.kafka_home import FEED, event, make_home
from platform_assets_tests.adapters.kafka.known_logs import Ledger, Writer, brokers
from platform_assets_tests.adapters.kafka.test_gaps_of_real_logs import (
    compacting,
    wait_until_compacted,
)

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.adapters.kafka.known_logs import Record
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

RECORDS = int(os.environ.get("PLATFORM_TESTS_KAFKA_RECORDS", "160000"))
COMPRESSIONS = ("none", "gzip", "lz4", "zstd")
ROUNDS = 20


class Numbers:
    """Makes events with running numbers, so that no two have the same id."""

    def __init__(self) -> None:
        self.next = 0

    def records(self, partition: int, count: int, keys: int = 10**9) -> list[Record]:
        first, self.next = self.next, self.next + count
        return [
            (partition, b"k-%d" % (n % keys), event(f"e-{n}", n, 120))
            for n in range(first, self.next)
        ]


def test_delivered_and_gaps_are_the_range_and_admitted_is_what_was_committed(
    kafka: Kafka, topic: NewTopic, tmp_path: Path
) -> None:
    name = topic("events", partitions=len(COMPRESSIONS))
    ledger, numbers = Ledger(), Numbers()
    unfinished = []
    for partition, compression in enumerate(COMPRESSIONS):
        fill(kafka, name, ledger, numbers, partition, compression)
        left_open = Writer(kafka.bootstrap, name, ledger, compression=compression)
        left_open.write(numbers.records(partition, 100), "open")
        unfinished.append(left_open)
        after = Writer(kafka.bootstrap, name, ledger, compression=compression, transactions=False)
        after.write(numbers.records(partition, 100))
    home = make_home(
        tmp_path / "home", kafka.bootstrap, {"events": name}, max_records=RECORDS // 3 + 1
    )
    platform = Platform.open(home)

    receipts, admitted = close_all(platform, "events")

    stable = {partition: min(ledger.undecided[partition]) for partition in range(4)}
    with brokers(kafka.bootstrap) as connected:
        assert Topic(connected, name).stable_ends(range(4)) == stable
    assert len(receipts) > 3
    for partition in range(4):
        end = stable[partition]
        delivered, gaps = reconciled(receipts, partition, end)
        committed = below(ledger.committed[partition], end)
        assert delivered == len(committed)
        assert gaps["aborted"] == set(below(ledger.aborted[partition], end))
        assert gaps["compacted"] == set()
        assert gaps["transaction_control"] == (set(range(end)) - set(committed) - gaps["aborted"])
    assert admitted == ids(ledger, stable)

    for writer in unfinished:
        writer.commit()
    more, late = close_all(platform, "events")

    for partition in range(4):
        records = {**ledger.committed[partition], **ledger.undecided[partition]}
        assert sum(row["delivered"] for row in rows(more, partition)) == sum(
            at >= stable[partition] for at in records
        )
    everything = {
        identity(value)
        for outcome in (ledger.committed, ledger.undecided)
        for values in outcome.values()
        for value in values.values()
    }
    assert admitted | late == everything
    assert admitted & late == set()
    assert len(everything) + sum(map(len, ledger.aborted.values())) == numbers.next >= RECORDS


def test_of_a_compacted_topic_the_last_record_of_each_key_is_admitted_and_the_rest_proven(
    kafka: Kafka, topic: NewTopic, tmp_path: Path
) -> None:
    name = topic("state", config=compacting("compact") | {"segment.bytes": str(2**20)})
    ledger, numbers = Ledger(), Numbers()
    plain = Writer(kafka.bootstrap, name, ledger, compression="lz4", transactions=False)
    writer = Writer(kafka.bootstrap, name, ledger, compression="zstd")
    for outcome in ("commit", "abort", "commit", "abort"):
        writer.write(numbers.records(0, RECORDS // 40, keys=97), outcome)
        plain.write(numbers.records(0, RECORDS // 40, keys=89))
    with brokers(kafka.bootstrap) as connected:
        state = Topic(connected, name)
        wait_until_compacted(state, plain, lambda: numbers.records(0, 1, keys=97))
        platform = Platform.open(
            make_home(
                tmp_path / "home", kafka.bootstrap, {"state": name}, max_records=RECORDS // 11
            )
        )
        receipts, admitted = close_all(platform, "state")
        end = max(int(row["end"]) for row in rows(receipts, 0))

    delivered, gaps = reconciled(receipts, 0, end)
    committed = below(ledger.committed[0], end)
    assert delivered == len(admitted) < len(committed) // 2
    assert len(gaps["compacted"]) > len(committed) // 2
    assert admitted < {identity(value) for value in committed.values()}
    assert last_of_each_key(ledger, end) <= admitted


# --- what was written ------------------------------------------------------------------------------


def fill(
    kafka: Kafka, name: str, ledger: Ledger, numbers: Numbers, partition: int, compression: str
) -> None:
    """Write a partition's share: half of it without transactions, the rest by three producers."""
    chosen = random.Random(compression)  # noqa: S311 - the same sizes at every run
    plain = Writer(kafka.bootstrap, name, ledger, compression=compression, transactions=False)
    writers = [Writer(kafka.bootstrap, name, ledger, compression=compression) for _ in range(3)]
    share = RECORDS // len(COMPRESSIONS)
    for number in range(ROUNDS):
        plain.write(numbers.records(partition, share // ROUNDS // 2 + 1))
        for writer in writers:
            outcome = chosen.choice(["commit", "commit", "abort"])
            size = share // ROUNDS // 6 + chosen.randrange(50) + (number == 0)
            writer.write(numbers.records(partition, size), outcome)


def below(values: dict[int, bytes], end: int) -> dict[int, bytes]:
    return {offset: value for offset, value in values.items() if offset < end}


def identity(value: bytes) -> str:
    return value.split(b'"', 4)[3].decode()


def ids(ledger: Ledger, ends: dict[int, int]) -> set[str]:
    return {
        identity(value)
        for partition, values in ledger.committed.items()
        for value in below(values, ends[partition]).values()
    }


def last_of_each_key(ledger: Ledger, end: int) -> set[str]:
    """Return the ids of the records that compaction may never take."""
    committed = below(ledger.committed[0], end)
    last = {ledger.keys[0][offset]: committed[offset] for offset in sorted(committed)}
    return {identity(value) for value in last.values()}


# --- what was landed -------------------------------------------------------------------------------


def close_all(platform: Platform, stream: str) -> tuple[list[dict[str, Any]], set[str]]:
    """Close runs until nothing is new; return the receipts and the ids in the products."""
    receipts, admitted = [], set()
    while (run := next_run(platform, FEED)) is not None:
        assert finish(platform, run)["verdict"] == "CLOSED"
        path = layout.landing_receipt_path(run, stream)
        receipts.append(read_record(platform.store, path, "landing"))
        found = open_product(platform, run, stream).scan().select("id").collect()["id"].to_list()
        assert admitted.isdisjoint(found)
        admitted.update(found)
    return receipts, admitted


def rows(receipts: list[dict[str, Any]], partition: int) -> list[dict[str, Any]]:
    return [
        row
        for receipt in receipts
        for row in receipt["partitions"]
        if row["partition"] == str(partition)
    ]


def reconciled(
    receipts: list[dict[str, Any]], partition: int, end: int
) -> tuple[int, dict[str, set[int]]]:
    """Require that the receipts cover ``[0, end)``; return what was delivered, and the gaps by kind."""
    delivered, at = 0, 0
    gaps: dict[str, set[int]] = {"aborted": set(), "transaction_control": set(), "compacted": set()}
    for row in rows(receipts, partition):
        start, stop = int(row["start"]), int(row["end"])
        assert start == at
        in_gaps = 0
        for gap in row["gaps"]:
            offsets = range(int(gap["start"]), int(gap["end"]))
            assert gap["proof"]
            gaps[gap["kind"]].update(offsets)
            in_gaps += len(offsets)
        assert row["delivered"] + in_gaps == stop - start
        delivered, at = delivered + row["delivered"], stop
    assert at == end
    return delivered, gaps
