"""The outbox of the Kinesis sink under any failures: order within keys, limits, nothing left over."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.kinesis.outbox import (
    REQUEST_BYTES,
    REQUEST_RECORDS,
    Outbox,
    Pending,
    pending,
)
from platform_assets.ports.sinks import Outgoing

if TYPE_CHECKING:
    from random import Random

_KEYS = st.sampled_from([b"a", b"b", b"c", b"d", None])
_SIZES = st.sampled_from([0, 10, 400_000, 1_048_000])
_ARRIVALS = st.lists(st.tuples(_KEYS, _SIZES), max_size=60)


@given(arrivals=_ARRIVALS, at_once=st.integers(1, 30), chance=st.randoms(use_true_random=False))
def test_no_record_overtakes_another_of_its_key(
    arrivals: list[tuple[bytes | None, int]], at_once: int, chance: Random
) -> None:
    outbox = Outbox()
    coming = [
        pending(number, Outgoing(bytes(size), key), "")
        for number, (key, size) in enumerate(arrivals)
    ]
    settled: dict[str, list[int]] = defaultdict(list)
    while coming or not outbox.is_empty:
        for record in coming[:at_once]:
            assert isinstance(record, Pending)
            outbox.add(record)
        del coming[:at_once]
        request = outbox.next_request()
        assert request
        assert len({record.key for record in request}) == len(request) <= REQUEST_RECORDS
        assert sum(record.size for record in request) <= REQUEST_BYTES
        failed = [record for record in request if chance.random() < 0.4]
        for record in request:
            if record not in failed:
                settled[record.key].append(record.number)
                outbox.settle(record)
        outbox.put_back(failed)
        waiting = list(outbox.unsettled())
        heads = {record.key: record for record in reversed(waiting)}
        assert outbox._bytes == sum(record.size for record in waiting)
        assert outbox._bytes_of_turns == sum(record.size for record in heads.values())
    assert sorted(number for numbers in settled.values() for number in numbers) == list(
        range(len(arrivals))
    )
    assert all(numbers == sorted(numbers) for numbers in settled.values())


def test_a_request_is_full_at_five_hundred_keys() -> None:
    outbox = Outbox()
    for number in range(REQUEST_RECORDS - 1):
        outbox.add(Pending(number, f"key-{number}", b""))
    assert not outbox.has_request
    outbox.add(Pending(REQUEST_RECORDS, "another key", b""))
    outbox.add(Pending(REQUEST_RECORDS + 1, "one more", b""))
    assert outbox.has_request
    assert len(outbox.next_request()) == REQUEST_RECORDS
    assert not outbox.has_request
