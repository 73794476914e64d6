from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder

from platform_assets.adapters.kafka.batch_headers import Batch, FormatUnread, parse_batches

#: Control records as Kafka writes them: the key is a version and a type.
MARKERS = {"abort": b"\0\0\0\0", "commit": b"\0\0\0\1", "other": b"\0\0\0\2"}


def batch_bytes(
    base: int, records: int, *, transactional: bool = False, producer: int = -1, marker: str = ""
) -> bytes:
    """Return a batch as kafka-python's own encoder makes it."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=transactional,
        producer_id=producer,
        producer_epoch=3 if producer >= 0 else -1,
        base_sequence=0 if producer >= 0 else -1,
        batch_size=1 << 20,
    )
    for number in range(records):
        key = MARKERS[marker] if marker else b"key"
        builder.append(number, 1_700_000_000_000 + number, key, b"value", [])
    encoded = bytearray(builder.build())
    encoded[0:8] = base.to_bytes(8, "big")
    if marker:
        encoded[22] |= 0x20
    return bytes(encoded)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.data())
def test_a_piece_of_a_log_that_is_cut_off_anywhere_gives_its_whole_batches(
    counts: list[int], data: st.DataObject
) -> None:
    encoded, bases = [], [0]
    for count in counts:
        encoded.append(batch_bytes(bases[-1], count))
        bases.append(bases[-1] + count)
    log = b"".join(encoded)
    cut = data.draw(st.integers(0, len(log)))

    found = parse_batches(log[:cut])

    whole = [len(b"".join(encoded[: number + 1])) <= cut for number in range(len(counts))]
    assert [(batch.base, batch.last, batch.records, batch.wire_bytes) for batch in found] == [
        (base, base + count - 1, count, len(part))
        for base, count, part, complete in zip(bases, counts, encoded, whole, strict=False)
        if complete
    ]


def test_the_fields_of_a_transactional_batch() -> None:
    (found,) = parse_batches(batch_bytes(77, 5, transactional=True, producer=4001))

    assert found == Batch(
        base=77,
        last=81,
        wire_bytes=found.wire_bytes,
        records=5,
        producer_id=4001,
        producer_epoch=3,
        transactional=True,
        marker="",
        first_ms=1_700_000_000_000,
        max_ms=1_700_000_000_004,
        leader_epoch=found.leader_epoch,
    )


@pytest.mark.parametrize("marker", ["abort", "commit", "other"])
def test_the_type_of_a_marker(marker: str) -> None:
    (found,) = parse_batches(batch_bytes(5, 1, transactional=True, producer=1, marker=marker))
    assert found.marker == marker


def test_a_control_batch_that_compaction_emptied_has_no_type() -> None:
    encoded = bytearray(batch_bytes(5, 1, transactional=True, producer=1, marker="abort"))[:61]
    encoded[8:12] = (49).to_bytes(4, "big")
    encoded[57:61] = (0).to_bytes(4, "big")

    following = batch_bytes(6, 1, transactional=True, producer=1, marker="commit")

    found, _ = parse_batches(bytes(encoded) + following)

    assert (found.marker, found.records, found.base, found.last) == ("other", 0, 5, 5)


def test_a_batch_that_waits_for_its_deletion_has_no_first_time() -> None:
    encoded = bytearray(batch_bytes(0, 3))
    encoded[22] |= 0x40

    (found,) = parse_batches(bytes(encoded))

    assert found.first_ms == found.max_ms == 1_700_000_000_002


@pytest.mark.parametrize("magic", [0, 1])
def test_an_older_message_format_is_refused_by_its_number(magic: int) -> None:
    builder = LegacyRecordBatchBuilder(magic=magic, compression_type=0, batch_size=1 << 20)
    for number in range(3):
        builder.append(number, 1_700_000_000_000, b"key", b"a value that is long enough" * 3)

    with pytest.raises(FormatUnread, match=f"message format {magic}"):
        parse_batches(bytes(builder.build()))
    with pytest.raises(FormatUnread, match=f"message format {magic}"):
        parse_batches(bytes(builder.build())[:40])  # shorter than a header of version 2


@pytest.mark.parametrize(("at", "byte"), [(16, 9), (8, 0xFF), (57, 0x7F), (57, 0xFF)], ids=str)
def test_bytes_that_are_no_batch_are_refused(at: int, byte: int) -> None:
    encoded = bytearray(batch_bytes(0, 3))
    encoded[at] = byte

    with pytest.raises(FormatUnread, match="no record batch"):
        parse_batches(bytes(encoded))


def test_nothing_is_no_batch() -> None:
    assert parse_batches(b"") == []
    assert parse_batches(batch_bytes(0, 3)[:61]) == []
