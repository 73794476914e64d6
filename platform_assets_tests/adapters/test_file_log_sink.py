"""Sending to a file log: what is acknowledged can be read, and nothing else."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters import file_log_end
from platform_assets.adapters.file_log import FileLog
from platform_assets.adapters.file_log_end import LOCK_FILE
from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.errors import SourceChanged, SourceUnreachable
from platform_assets.ports.sinks import Outgoing
from platform_assets.ports.streams import Gap, Span
from platform_assets_tests.simulators.file_logs import FileLogWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 60


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for partition in ("0", "1"):
        (tmp_path / "log" / "t" / partition).mkdir(parents=True)
    return tmp_path / "log"


def to(partition: str, *values: bytes) -> list[Outgoing]:
    return [Outgoing(value, partition=partition) for value in values]


def standing(root: Path, partition: str = "0") -> list[bytes]:
    """Return the records of a partition as a run would land them."""
    log = FileLog(root, "t")
    extent = next(e for e in log.extents() if e.partition == partition)
    found: list[bytes] = []
    for item in log.read(Span.of(partition, extent.start, extent.end)):
        assert not isinstance(item, Gap)
        found += item.column("value").to_pylist()
    return found


def test_what_is_sent_is_read_in_order_and_counted_by_partition(root: Path) -> None:
    numbers = range(30_000)
    report = FileLogSink(root, "t").send(
        Outgoing(b"%d" % n, partition="1" if n % 3 else "0") for n in numbers
    )
    assert report.acknowledged == {"0": 10_000, "1": 20_000}
    assert (report.ambiguous, report.refused) == ((), ())
    assert standing(root, "0") == [b"%d" % n for n in numbers if n % 3 == 0]
    assert standing(root, "1") == [b"%d" % n for n in numbers if n % 3]


def test_a_later_call_appends_to_what_stands(root: Path) -> None:
    for value in (b"a", b"b", b"", b"c"):
        assert FileLogSink(root, "t").send(to("0", value)).total == 1
    assert standing(root) == [b"a", b"b", b"", b"c"]
    assert len(list((root / "t" / "0").iterdir())) == 1


def test_a_compressed_segment_is_followed_by_a_new_one(tmp_path: Path) -> None:
    FileLogWriter(tmp_path, "t", compressed=True).append("0", [b"a", b"b", b"c"])
    FileLogSink(tmp_path, "t").send(to("0", b"d"))
    assert standing(tmp_path) == [b"a", b"b", b"c", b"d"]
    assert (tmp_path / "t" / "0" / f"{3:020d}.ndjson").read_bytes() == b"d\n"


def test_a_large_segment_is_followed_by_a_new_one(root: Path) -> None:
    values = [b"%06d" % n for n in range(50)]
    for value in values:
        FileLogSink(root, "t", segment_bytes=70).send(to("0", value))
    names = sorted(path.name for path in (root / "t" / "0").iterdir())
    assert names == [f"{base:020d}.ndjson" for base in range(0, 50, 10)]
    assert standing(root) == values


def test_records_with_one_key_stay_together_and_in_order(root: Path) -> None:
    sent = [Outgoing(b"%d:%d" % (n % 7, n), key=b"%d" % (n % 7)) for n in range(700)]
    report = FileLogSink(root, "t").send(sent)
    assert report.total == 700
    for key in range(7):
        holding = [
            found
            for partition in ("0", "1")
            if (found := [v for v in standing(root, partition) if v.startswith(b"%d:" % key)])
        ]
        assert holding == [[b"%d:%d" % (key, n) for n in range(key, 700, 7)]]


def test_records_without_key_go_to_all_partitions_in_turn(root: Path) -> None:
    report = FileLogSink(root, "t").send(Outgoing(b"x") for _ in range(10))
    assert report.acknowledged == {"0": 5, "1": 5}


@pytest.mark.parametrize(
    ("value", "says"),
    [(b"a\nb", "line feed"), (b"a\r", "carriage return"), (None, "tombstone")],
)
def test_what_is_no_line_is_refused_and_the_rest_is_sent(
    root: Path, value: bytes | None, says: str
) -> None:
    records = [*to("0", b"first"), Outgoing(value, partition="0"), *to("0", b"last")]
    report = FileLogSink(root, "t").send(records)
    [trouble] = report.refused
    assert trouble.number == 1
    assert says in trouble.reason
    assert report.acknowledged == {"0": 2}
    assert standing(root) == [b"first", b"last"]


def test_a_torn_line_is_set_aside_and_never_extended(root: Path) -> None:
    FileLogSink(root, "t").send(to("0", b"one"))
    segment = root / "t" / "0" / f"{0:020d}.ndjson"
    with segment.open("ab") as file:
        file.write(b'{"half":')
    assert standing(root) == [b"one"]
    FileLogSink(root, "t").send(to("0", b"two"))
    assert standing(root) == [b"one", b"two"]
    assert segment.read_bytes() == b"one\ntwo\n"
    assert (root / "t" / "0" / f".{segment.name}.torn.4").read_bytes() == b'{"half":'


def test_a_torn_line_longer_than_any_block_is_set_aside_whole(root: Path) -> None:
    segment = root / "t" / "0" / f"{0:020d}.ndjson"
    torn = bytes(range(32, 127)) * 40_000
    segment.write_bytes(b"one\n" + torn)
    FileLogSink(root, "t").send(to("0", b"two"))
    assert standing(root) == [b"one", b"two"]
    assert (root / "t" / "0" / f".{segment.name}.torn.4").read_bytes() == torn


def test_a_torn_line_in_a_compressed_segment_is_refused(tmp_path: Path) -> None:
    log = FileLogWriter(tmp_path, "t", compressed=True)
    log.append("0", [b"a"])
    log.tear("0", b"half")
    with pytest.raises(SourceChanged, match="torn"):
        FileLogSink(tmp_path, "t").send(to("0", b"b"))
    assert len(log.segments("0")) == 1


def test_a_second_producer_is_refused_while_the_first_is_at_it(root: Path) -> None:
    def records() -> Iterator[Outgoing]:
        yield from to("0", b"first")
        with pytest.raises(SourceUnreachable, match=LOCK_FILE):
            FileLogSink(root, "t").send(to("0", b"intruder"))
        yield from to("0", b"last")

    assert FileLogSink(root, "t").send(records()).total == 2
    assert standing(root) == [b"first", b"last"]
    assert FileLogSink(root, "t").send(to("0", b"after")).total == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [(None, None), (None, ("0",)), (("0",), None), (("0",), ("0", "1")), (("0", "1"), ("1",))],
)
def test_producers_that_name_a_partition_in_common_exclude_each_other(
    root: Path, first: tuple[str, ...] | None, second: tuple[str, ...] | None
) -> None:
    def records() -> Iterator[Outgoing]:
        with pytest.raises(SourceUnreachable, match=LOCK_FILE):
            FileLogSink(root, "t").send(to((second or "0")[-1], b"intruder"), partitions=second)
        yield from to((first or "0")[0], b"mine")

    assert FileLogSink(root, "t").send(records(), partitions=first).total == 1
    assert standing(root, "0") + standing(root, "1") == [b"mine"]
    assert FileLogSink(root, "t").send(to("1", b"after"), partitions=second and ("1",)).total == 1


def test_producers_of_different_partitions_write_side_by_side(root: Path) -> None:
    def records() -> Iterator[Outgoing]:
        yield from to("0", b"first")
        sink = FileLogSink(root, "t")
        assert sink.send(to("1", b"beside"), partitions=("1",)).total == 1
        yield from to("0", b"last")

    assert FileLogSink(root, "t").send(records(), partitions=("0",)).total == 2
    assert (standing(root, "0"), standing(root, "1")) == ([b"first", b"last"], [b"beside"])


def test_a_producer_that_knows_one_lock_alone_and_one_of_partitions_exclude_each_other(
    root: Path,
) -> None:
    """Earlier releases lock the topic's folder, whatever they write to."""
    sink = FileLogSink(root, "t")
    with (root / "t" / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SourceUnreachable, match=LOCK_FILE):
            sink.send(to("0", b"x"), partitions=("0",))

    def records() -> Iterator[Outgoing]:
        with (root / "t" / LOCK_FILE).open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield from to("0", b"mine")

    assert sink.send(records(), partitions=("0",)).total == 1
    assert standing(root) == [b"mine"]


def test_a_producer_leaves_the_end_of_partitions_alone_that_it_did_not_name(root: Path) -> None:
    """Another producer may be in the middle of a line there."""
    sink = FileLogSink(root, "t")
    sink.send(to("1", b"one"))
    segment = root / "t" / "1" / f"{0:020d}.ndjson"
    with segment.open("ab") as file:
        file.write(b"under w")
    sink.send(to("0", b"zero"), partitions=("0",))
    assert segment.read_bytes() == b"one\nunder w"
    sink.send(to("1", b"two"), partitions=("1",))
    assert standing(root, "1") == [b"one", b"two"]


def test_somebody_who_writes_without_the_lock_is_noticed(root: Path) -> None:
    segment = root / "t" / "0" / f"{0:020d}.ndjson"
    large = b"x" * file_log_end.BATCH_BYTES

    def records() -> Iterator[Outgoing]:
        yield from to("0", large)
        with segment.open("ab") as file:
            file.write(b"foreign\n")
        yield from to("0", b"mine", b"too")

    report = FileLogSink(root, "t").send(records())
    assert report.acknowledged == {"0": 1}
    assert [trouble.number for trouble in report.refused] == [1, 2]
    assert "without holding" in report.refused[0].reason
    assert standing(root) == [large, b"foreign"]


def test_a_partition_that_is_not_there_is_refused(root: Path) -> None:
    with pytest.raises(SourceChanged, match="0, 1"):
        FileLogSink(root, "t").send(to("2", b"x"))
    assert not (root / "t" / "2").exists()
    report = FileLogSink(root, "t").send([*to("0", b"good"), *to("2", b"x"), *to("0", b"y")])
    assert report.acknowledged == {"0": 1}
    assert [trouble.number for trouble in report.refused] == [1]
    assert standing(root) == [b"good"]


def test_a_log_that_is_not_there_is_an_outage_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable):
        FileLogSink(tmp_path, "t").send(to("0", b"x"))
    assert list(tmp_path.iterdir()) == []


def test_a_log_is_made_where_it_is_asked_for(tmp_path: Path) -> None:
    sink = FileLogSink(tmp_path / "new", "t")
    sink.create(3)
    assert sink.send(Outgoing(b"x") for _ in range(6)).acknowledged == {"0": 2, "1": 2, "2": 2}


def test_what_was_written_and_not_synced_is_ambiguous_and_nothing_follows_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int) -> None:
        raise OSError(5, "Input/output error")

    FileLogSink(root, "t").send(to("0", b"before"))
    taken = []

    def records() -> Iterator[Outgoing]:
        for number in range(5):
            taken.append(number)
            yield Outgoing(b"x" * file_log_end.BATCH_BYTES, partition="0")

    told: list[int] = []
    monkeypatch.setattr(file_log_end.os, "fsync", broken)
    report = FileLogSink(root, "t").send(records(), acknowledged=told.append)
    assert [trouble.number for trouble in report.ambiguous] == taken == [0]
    assert (report.total, told) == (0, [])


def test_a_full_disk_ends_with_whole_lines_and_tells_which_are_missing(root: Path) -> None:
    """A limit on the size of files is a disk that takes a part of what is written."""
    script = """
        import json, resource, signal, sys
        from pathlib import Path
        from platform_assets.adapters.file_log_sink import FileLogSink
        from platform_assets.ports.sinks import Outgoing

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        sink = FileLogSink(Path(sys.argv[1]), "t")
        records, told = (Outgoing(b"%06d" % n, partition="0") for n in range(500)), []
        report = sink.send(records, acknowledged=told.append)
        refused = [number for number, _ in report.refused]
        print(json.dumps([report.acknowledged, report.ambiguous, refused, told]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), root],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert json.loads(done.stdout) == [
        {"0": 142},
        [],
        list(range(142, 500)),
        list(range(142)),
    ], done.stderr
    segment = root / "t" / "0" / f"{0:020d}.ndjson"
    assert segment.stat().st_size == 142 * 7
    assert standing(root) == [b"%06d" % n for n in range(142)]


def test_what_is_told_lasts_by_then(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: dict[int, int] = {}

    def noted(file: int) -> None:
        found = os.fstat(file)
        synced[found.st_ino] = found.st_size

    def told(number: int) -> None:
        segment = root / "t" / str(number % 2) / f"{0:020d}.ndjson"
        assert (number // 2 + 1) * 7 <= synced[segment.stat().st_ino]

    records = (Outgoing(b"%06d" % number, partition=str(number % 2)) for number in range(1_000))
    with monkeypatch.context() as patched:
        patched.setattr(file_log_end.os, "fsync", noted)
        assert FileLogSink(root, "t").send(records, acknowledged=told).total == 1_000


def test_a_killed_producer_of_one_partition_does_not_disturb_that_of_another(root: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from platform_assets.adapters.file_log_sink import FileLogSink
        from platform_assets.ports.sinks import Outgoing

        def records():
            number = 0
            while True:
                yield Outgoing(b"%d" % number, partition="0")
                number += 1

        def told(number):
            if number == 100_000:
                print("under way", flush=True)

        FileLogSink(Path(sys.argv[1]), "t").send(records(), partitions=("0",), acknowledged=told)
    """
    killed: list[int] = []

    def records() -> Iterator[Outgoing]:
        for number in range(4):
            with subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(script), root], stdout=subprocess.PIPE
            ) as producer:
                assert producer.stdout is not None
                assert producer.stdout.readline()
                yield from to("1", b"%d" % number)
                os.kill(producer.pid, signal.SIGKILL)
                producer.wait(SECONDS)
            killed.append(len(standing(root, "0")) - sum(killed))

    report = FileLogSink(root, "t").send(records(), partitions=("1",))
    assert report.acknowledged == {"1": 4}
    assert standing(root, "1") == [b"%d" % number for number in range(4)]
    assert standing(root, "0") == [b"%d" % n for count in killed for n in range(count)]
    assert all(count > 100_000 for count in killed)


def test_a_killed_producer_leaves_a_log_that_the_next_one_goes_on_with(root: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from platform_assets.adapters.file_log_sink import FileLogSink
        from platform_assets.ports.sinks import Outgoing

        def records():
            number = 0
            while True:
                yield Outgoing(b"%d" % number, partition=str(number % 2))
                number += 1
                if number == 200_000:
                    print("under way", flush=True)

        FileLogSink(Path(sys.argv[1]), "t").send(records())
    """
    for turn in range(5):
        before = len(standing(root))
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), root], stdout=subprocess.PIPE
        ) as producer:
            assert producer.stdout is not None
            assert producer.stdout.readline()
            os.kill(producer.pid, signal.SIGKILL)
            producer.wait(SECONDS)
        sent = standing(root)[before:]
        assert sent == [b"%d" % (2 * n) for n in range(len(sent))]
        assert FileLogSink(root, "t").send(to("0", b"turn %d" % turn)).total == 1
        assert standing(root)[before:] == [*sent, b"turn %d" % turn]
