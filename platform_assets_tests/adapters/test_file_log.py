"""The format of a file log: lines, segments, folders, and what damages them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters import file_log_lines
from platform_assets.adapters.file_log import FileLog
from platform_assets.adapters.file_log_lines import LineReader
from platform_assets.adapters.file_log_segments import list_segments
from platform_assets.errors import (
    GapUnproven,
    OffsetExpired,
    OffsetTruncated,
    SourceChanged,
    SourceUnreachable,
)
from platform_assets.ports.streams import Extent, Gap, Span
from platform_assets_tests.simulators.file_logs import FileLogWriter

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 1024**2


@pytest.fixture(params=[False, True], ids=["plain", "zstd"])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> FileLogWriter:
    return FileLogWriter(tmp_path, "events", compressed=request.param)


@pytest.fixture
def plain(tmp_path: Path) -> FileLogWriter:
    return FileLogWriter(tmp_path, "events")


def log_of(writer: FileLogWriter) -> FileLog:
    return FileLog(writer.folder.parent, writer.folder.name)


def values(log: FileLog, start: int, end: int, partition: str = "0") -> list[bytes]:
    found: list[bytes] = []
    for batch in log.read(Span.of(partition, start, end)):
        assert not isinstance(batch, Gap)
        found += batch.column("value").to_pylist()
    return found


# --- lines ---------------------------------------------------------------------------------------


def test_a_torn_last_line_does_not_exist_until_it_is_ended(writer: FileLogWriter) -> None:
    writer.append("0", [b"one", b"two"])
    writer.tear("0", b'{"half": ')
    log = log_of(writer)

    assert log.extents() == [Extent("0", 0, 2)]
    with pytest.raises(OffsetTruncated):
        values(log, 0, 3)

    writer.tear("0", b"1}\n")
    assert log.extents() == [Extent("0", 0, 3)]
    assert values(log, 0, 3) == [b"one", b"two", b'{"half": 1}']


def test_a_line_torn_between_its_carriage_return_and_its_feed_does_not_exist_yet(
    writer: FileLogWriter,
) -> None:
    writer.append("0", [b"one"], terminator=b"\r\n")
    writer.tear("0", b"two\r")
    log = log_of(writer)

    assert log.extents()[0].end == 1
    writer.tear("0", b"\n")
    assert values(log, 0, 2) == [b"one", b"two"]


def test_both_terminators_may_stand_in_one_segment_and_belong_to_no_record(
    writer: FileLogWriter,
) -> None:
    writer.append("0", [b"a", b"", b"b\r"], terminator=b"\r\n")
    writer.append("0", [b"c", b"", b"\rd", b""])

    assert values(log_of(writer), 0, 7) == [b"a", b"", b"b\r", b"c", b"", b"\rd", b""]


def test_an_empty_first_line_is_not_confused_by_how_the_block_ends(writer: FileLogWriter) -> None:
    writer.append("0", [b"", b"a"])
    writer.tear("0", b"torn\r")

    assert values(log_of(writer), 0, 2) == [b"", b"a"]


def test_empty_lines_are_records_with_an_empty_value(writer: FileLogWriter) -> None:
    writer.append("0", [b""] * 300_000)
    log = log_of(writer)

    assert log.extents()[0].end == 300_000
    assert values(log, 0, 300_000) == [b""] * 300_000
    assert max(batch.num_rows for batch in log.read(Span.of("0", 0, 300_000))) <= 131_072


def test_a_record_of_fifty_megabytes_is_delivered_whole(writer: FileLogWriter) -> None:
    large = os.urandom(MEBIBYTE).replace(b"\n", b"n").replace(b"\r", b"r") * 50
    writer.append("0", [b"before", large, b"after", b"last"])
    log = log_of(writer)

    assert log.extents()[0].end == 4
    assert values(log, 0, 4) == [b"before", large, b"after", b"last"]
    assert values(log, 2, 3) == [b"after"]
    assert log.limit_bytes(Span.of("0", 0, 4), len(large)) == 1


def test_an_incomplete_frame_delivers_the_lines_that_are_complete(tmp_path: Path) -> None:
    writer = FileLogWriter(tmp_path, "events", compressed=True)
    written = [os.urandom(150).hex().encode() for _ in range(20_000)]
    writer.append("0", written)
    path = writer.segment("0", 0)
    whole = path.read_bytes()
    log = log_of(writer)

    for kept in (3, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        end = log.extents()[0].end
        assert values(log, 0, end) == written[:end]
        assert (end > 0) == (kept > 3)
    path.write_bytes(whole)
    assert log.extents()[0].end == 20_000


def test_a_damaged_frame_is_refused(tmp_path: Path) -> None:
    writer = FileLogWriter(tmp_path, "events", compressed=True)
    writer.append("0", [b"x" * 40, b"y" * 40])
    path = writer.segment("0", 0)
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")

    with pytest.raises(SourceChanged, match="zstd frames"):
        log_of(writer).extents()


# --- segments ------------------------------------------------------------------------------------


def test_segments_are_read_as_one_log(writer: FileLogWriter) -> None:
    writer.segment_records = 3
    written = [b"%d" % number for number in range(10)]
    writer.append("0", written)
    log = log_of(writer)

    assert len(writer.segments("0")) == 4
    assert log.extents() == [Extent("0", 0, 10)]
    assert [values(log, at, at + 4) for at in range(7)] == [written[at : at + 4] for at in range(7)]


def test_a_log_may_begin_above_zero(writer: FileLogWriter) -> None:
    writer.add_partition("0", base=1_000_000_007)
    writer.append("0", [b"a", b"b"])
    log = log_of(writer)

    assert log.extents() == [Extent("0", 1_000_000_007, 1_000_000_009)]
    assert values(log, 1_000_000_008, 1_000_000_009) == [b"b"]
    with pytest.raises(OffsetExpired, match="begins at 1000000007"):
        values(log, 5, 6)


def test_plain_and_compressed_segments_mix(tmp_path: Path) -> None:
    old = FileLogWriter(tmp_path, "events", compressed=True)
    old.append("0", [b"a", b"b"])
    FileLogWriter(tmp_path, "events").write("0", 2, b"c\n")
    log = log_of(old)

    assert log.extents() == [Extent("0", 0, 3)]
    assert values(log, 0, 3) == [b"a", b"b", b"c"]


def test_i02_lines_missing_before_the_next_segment_are_an_unproven_gap(
    writer: FileLogWriter,
) -> None:
    writer.append("0", [b"a", b"b"])
    writer.write("0", 5, b"f\n")
    log = log_of(writer)

    with pytest.raises(GapUnproven, match="offsets 2 to 4"):
        values(log, 0, 6)
    with pytest.raises(GapUnproven, match="offsets 3 to 4"):
        values(log, 3, 6)
    with pytest.raises(GapUnproven):
        log.limit_bytes(Span.of("0", 4, 6), 2)
    # What fits is not read before it is landed.
    assert log.limit_bytes(Span.of("0", 0, 6), 100) == 6
    assert values(log, 0, 2) == [b"a", b"b"]
    assert values(log, 5, 6) == [b"f"]


def test_i02_a_torn_line_in_an_older_segment_is_an_unproven_gap(writer: FileLogWriter) -> None:
    writer.append("0", [b"a", b"b"])
    writer.tear("0", b"half")
    writer.write("0", 3, b"d\n")

    with pytest.raises(GapUnproven, match="4 bytes of a torn line"):
        values(log_of(writer), 0, 4)


def test_a_torn_line_after_the_last_offset_of_an_older_segment_is_refused(
    writer: FileLogWriter,
) -> None:
    writer.append("0", [b"a", b"b"])
    writer.tear("0", b"half")
    writer.write("0", 2, b"c\n")
    log = log_of(writer)

    for start, end in ((0, 3), (0, 2)):
        with pytest.raises(SourceChanged, match="4 bytes of a torn line"):
            values(log, start, end)
    assert values(log, 2, 3) == [b"c"]


@pytest.mark.parametrize("end", [2, 3])
def test_two_records_that_claim_one_offset_are_refused(writer: FileLogWriter, end: int) -> None:
    writer.append("0", [b"a", b"b", b"or this"])
    writer.write("0", 2, b"this\n")

    with pytest.raises(SourceChanged, match="a record at offset 2"):
        values(log_of(writer), 0, end)


def test_one_base_offset_in_two_forms_is_refused(plain: FileLogWriter) -> None:
    plain.append("0", [b"a"])
    FileLogWriter(plain.folder.parent, "events", compressed=True).write("0", 0, b"a\n")

    with pytest.raises(SourceChanged, match=r"ndjson and .*ndjson\.zst"):
        log_of(plain).extents()


# --- folders -------------------------------------------------------------------------------------


def test_an_absent_topic_is_an_outage(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "not mounted"):
        log = FileLog(root, "events")
        with pytest.raises(SourceUnreachable, match="FileNotFoundError"):
            log.extents()
        with pytest.raises(SourceUnreachable):
            list(log.read(Span.of("0", 0, 1)))


def test_a_topic_that_is_no_folder_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("")

    with pytest.raises(SourceUnreachable, match="NotADirectoryError"):
        FileLog(tmp_path, "events").extents()


def test_a_segment_that_vanishes_while_it_is_read_is_an_outage(plain: FileLogWriter) -> None:
    plain.segment_records = 1
    plain.append("0", [b"a", b"b"])
    delivery = log_of(plain).read(Span.of("0", 0, 2))
    next(delivery)
    plain.segment("0", 1).unlink()

    with pytest.raises(SourceUnreachable):
        next(delivery)


def test_a_topic_without_partitions_is_a_stream_that_has_none_yet(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()

    assert FileLog(tmp_path, "events").extents() == []


def test_a_partition_without_segments_holds_nothing(plain: FileLogWriter) -> None:
    (plain.folder / "3").mkdir()
    log = log_of(plain)

    assert log.extents() == [Extent("3", 0, 0)]
    with pytest.raises(OffsetExpired, match="no segments"):
        values(log, 0, 1, partition="3")


@pytest.mark.parametrize("name", ["00", "01", "eu", "-1", "1.0", "１"])  # noqa: RUF001 - full width
def test_a_folder_that_is_no_partition_is_refused(plain: FileLogWriter, name: str) -> None:
    (plain.folder / name).mkdir()

    with pytest.raises(SourceChanged, match="without leading zeros"):
        log_of(plain).extents()


@pytest.mark.parametrize(
    "name",
    [
        "0.ndjson",
        "00000000000000000009.json",
        "00000000000000000009.ndjson.gz",
        "00000000000000000009.ndjson.bak",
        "notes.txt",
        "99999999999999999999.ndjson",
    ],
)
def test_a_file_that_nobody_would_read_is_refused(plain: FileLogWriter, name: str) -> None:
    plain.append("0", [b"a"])
    (plain.folder / "0" / name).write_text("b\n")

    with pytest.raises(SourceChanged, match=name):
        log_of(plain).extents()


def test_a_folder_with_the_name_of_a_segment_is_refused(plain: FileLogWriter) -> None:
    plain.append("0", [b"a"])
    plain.segment("0", 1).mkdir()

    with pytest.raises(SourceChanged, match=r"0/00000000000000000001\.ndjson"):
        log_of(plain).extents()


def test_a_file_beside_the_partitions_is_refused(plain: FileLogWriter) -> None:
    plain.append("0", [b"a"])
    (plain.folder / "1").write_text("")

    with pytest.raises(SourceChanged):
        log_of(plain).extents()


def test_hidden_and_temporary_files_are_passed_over(plain: FileLogWriter) -> None:
    plain.append("0", [b"a"])
    (plain.folder / ".lock").write_text("")
    (plain.folder / "0" / ".00000000000000000001.ndjson").write_text("b\n")
    (plain.folder / "0" / "00000000000000000000.ndjson.zst.tmp").write_text("half")

    assert values(log_of(plain), 0, log_of(plain).extents()[0].end) == [b"a"]


# --- what is remembered between looks ------------------------------------------------------------


def test_extents_read_only_the_newest_segment(plain: FileLogWriter) -> None:
    plain.append("0", [b"a", b"b"])
    plain.write("0", 1000, b"c\n")

    # Nothing between 2 and 1000, which a reading of the first segment would have found.
    assert log_of(plain).extents() == [Extent("0", 0, 1001)]


def test_a_second_look_reads_only_what_was_added(
    plain: FileLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_log_lines, "_SPACING", 1000)
    plain.append("0", [b"x" * 99] * 1000)
    log = log_of(plain)
    assert log.extents()[0].end == 1000
    # Damage within what was counted is not seen by a look that does not read it again.
    with plain.segment("0", 0).open("r+b") as file:
        file.seek(5)
        file.write(b"\n\n\n")

    plain.append("0", [b"y"])

    assert log.extents()[0].end == 1001


def test_a_file_that_was_rewritten_in_place_is_counted_afresh(
    plain: FileLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_log_lines, "_SPACING", 1000)
    plain.append("0", [b"x" * 99] * 1000)
    log = log_of(plain)
    assert log.extents()[0].end == 1000

    plain.write("0", 0, (b"y" * 49 + b"\n") * 3000)
    assert log.extents()[0].end == 3000
    plain.write("0", 0, b"z\n")
    assert log.extents()[0].end == 1
    replacement = plain.folder / ".new"
    replacement.write_bytes(b"w\n" * 5000)
    replacement.rename(plain.segment("0", 0))
    assert log.extents()[0].end == 5000


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_counted_afresh(
    plain: FileLogWriter,
) -> None:
    plain.append("0", [b"a" * 9])
    path = plain.segment("0", 0)
    log = log_of(plain)
    assert log.extents()[0].end == 1
    before = path.stat()

    path.rename(plain.folder / ".old")
    plain.write("0", 0, b"a" * 4 + b"\n" + b"a" * 4 + b"\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert path.stat().st_size == before.st_size
    assert log.extents()[0].end == 2


def test_a_compressed_file_is_counted_afresh_whenever_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_log_lines, "_SPACING", 10)
    monkeypatch.setattr(file_log_lines, "BLOCK_BYTES", 50)
    writer = FileLogWriter(tmp_path, "events", compressed=True)
    writer.append("0", [b"x" * 99] * 10)
    log = log_of(writer)
    assert log.extents()[0].end == 10

    writer.write("0", 0, (b"y" * 9 + b"\n") * 500)

    assert log.extents()[0].end == 500
    assert values(log, 300, 500) == [b"y" * 9] * 200


def test_old_indexes_are_forgotten(plain: FileLogWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_log_lines, "_REMEMBERED_SEGMENTS", 2)
    for partition in "01234":
        plain.append(partition, [b"a"])

    assert len(log_of(plain).extents()) == 5
    assert len(LineReader._indexes) == 2
    assert str(list_segments(plain.folder, "4")[0].path) in LineReader._indexes
