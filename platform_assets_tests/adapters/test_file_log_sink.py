"""Sending to a file log: what is acknowledged can be read, and nothing else."""

from __future__ import annotations

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

    monkeypatch.setattr(file_log_end.os, "fsync", broken)
    report = FileLogSink(root, "t").send(records())
    assert [trouble.number for trouble in report.ambiguous] == taken == [0]
    assert report.total == 0


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
        report = sink.send(Outgoing(b"%06d" % n, partition="0") for n in range(500))
        print(json.dumps([report.acknowledged, report.ambiguous, [r[0] for r in report.refused]]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), root],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.stdout.strip() == str([{"0": 142}, [], list(range(142, 500))]).replace("'", '"'), (
        done.stderr
    )
    segment = root / "t" / "0" / f"{0:020d}.ndjson"
    assert segment.stat().st_size == 142 * 7
    assert standing(root) == [b"%06d" % n for n in range(142)]


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
