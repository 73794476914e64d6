"""What a message carries becomes a row as it came; what it does not carry is null."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    Message,
)
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.kafka.messages import as_batch
from platform_assets.ports.streams import LANDING_SCHEMA

NAME = pa.scalar("3", pa.string())
BYTES = st.none() | st.binary(max_size=40)
HEADERS = st.none() | st.lists(st.tuples(st.text(max_size=8), BYTES), min_size=1, max_size=4)


def message(offset: int = 0, **fields: Any) -> Message:
    fields.setdefault("timestamp", (TIMESTAMP_CREATE_TIME, 1_700_000_000_000))
    return Message(topic="events", partition=3, offset=offset, **fields)


def rows(*messages: Message) -> list[dict[str, Any]]:
    batch = as_batch(NAME, messages)
    batch.validate(full=True)
    assert batch.schema.equals(LANDING_SCHEMA)
    found: list[dict[str, Any]] = batch.to_pylist()
    return found


@given(st.lists(st.tuples(BYTES, BYTES, HEADERS), min_size=1, max_size=20))
def test_keys_values_and_headers_are_what_came(carried: list[tuple[Any, Any, Any]]) -> None:
    found = rows(
        *(
            message(10 + index, key=key, value=value, headers=headers)
            for index, (key, value, headers) in enumerate(carried)
        )
    )

    assert [(row["key"], row["value"]) for row in found] == [each[:2] for each in carried]
    assert [row["offset"] for row in found] == list(range(10, 10 + len(carried)))
    assert {row["partition"] for row in found} == {"3"}
    assert {row["native"] for row in found} == {None}
    listed = [
        row["headers"] and [(each["key"], each["value"]) for each in row["headers"]]
        for row in found
    ]
    assert listed == [headers for *_, headers in carried]


@pytest.mark.parametrize("kind", [TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME])
@pytest.mark.parametrize("milliseconds", [0, 1, 1_700_000_000_123, -86_400_000])
def test_a_timestamp_is_kept_to_the_millisecond(kind: int, milliseconds: int) -> None:
    (row,) = rows(message(timestamp=(kind, milliseconds)))

    assert (
        row["timestamp"] - datetime.fromtimestamp(0, UTC)
    ).total_seconds() * 1000 == milliseconds


def test_a_timestamp_that_is_not_there_is_null_and_the_others_are_kept() -> None:
    given_ = [(TIMESTAMP_CREATE_TIME, 5), (TIMESTAMP_NOT_AVAILABLE, -1), (TIMESTAMP_CREATE_TIME, 7)]

    found = rows(*(message(timestamp=each) for each in given_))

    assert [row["timestamp"] and row["timestamp"].microsecond for row in found] == [
        5_000,
        None,
        7_000,
    ]


@pytest.mark.parametrize("milliseconds", [2**63 - 1, -(2**63), 1_700_000_000_000_000_000])
def test_a_timestamp_beyond_what_microseconds_hold_is_null_and_never_another_one(
    milliseconds: int,
) -> None:
    batch = as_batch(NAME, [message(timestamp=(TIMESTAMP_CREATE_TIME, milliseconds))])

    assert batch.column("timestamp").null_count == 1


def test_a_record_of_a_mebibyte() -> None:
    value = bytes(range(256)) * 4096

    assert rows(message(value=value))[0]["value"] == value
