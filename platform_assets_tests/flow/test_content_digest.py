from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import json
from typing import Any

import pytest

from platform_assets.contracts.columns import Column, Decimal, ListOf, Scalar, Struct
from platform_assets.flow.content_digest import ContentDigest, encode_row
from platform_assets_tests.vectors import make_content_digest_vectors as vectors

CASES = vectors.read_cases()


def one(column_type: Any, value: Any) -> bytes:
    return encode_row([Column("v", column_type, nullable=True)], {"v": value})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_i05_the_reference_gives_the_shared_vectors(case: dict[str, Any]) -> None:
    columns = case["columns"]
    assert [encode_row(columns, row).hex() for row in case["rows"]] == case["encodings"]
    total = ContentDigest.of_rows(columns, case["rows"])
    assert [str(part) for part in total.sums] == case["sums"]
    assert total.value == case["digest"]


def test_i05_the_vector_file_is_what_its_script_makes() -> None:
    made = [vectors._case(*case) for case in vectors.CASES]
    assert json.loads(vectors.FILE.read_text())["cases"] == made


def test_i05_a_digest_worked_out_by_hand_from_the_text() -> None:
    columns = [Column("id", Scalar.INT64), Column("name", Scalar.STRING, nullable=True)]
    row = b"\x01" + b"\x00" * 7 + b"\x05" + b"\x01" + b"\x00" * 7 + b"\x02" + b"hi"
    hashed = hashlib.sha256(row).digest()
    listed = (
        b'[{"name":"id","nullable":false,"type":"int64"},'
        b'{"name":"name","nullable":true,"type":"string"}]'
    )
    state = b"platform-assets:content-digest:v1\n" + len(listed).to_bytes(8, "big") + listed
    state += (1).to_bytes(8, "big")
    for word in range(4):
        state += b"\x00" * 8 + hashed[8 * word : 8 * word + 8]
    found = ContentDigest.of_rows(columns, [{"id": 5, "name": "hi"}])
    assert found.value == "sha256:" + hashlib.sha256(state).hexdigest()


def test_i05_shards_merge_in_any_order_to_the_digest_of_the_whole() -> None:
    columns = [Column("i", Scalar.INT64)]
    rows = [{"i": number} for number in range(50)]
    whole = ContentDigest.of_rows(columns, rows)
    shards = [ContentDigest.of_rows(columns, rows[start::3]) for start in (2, 0, 1)]
    merged = ContentDigest.empty(columns)
    for shard in shards:
        merged = merged.merge(shard)
    assert merged == whole
    assert ContentDigest.of_rows(columns, rows[::-1]).value == whole.value


def test_i05_sums_pass_64_bits_without_overflow() -> None:
    columns = [Column("i", Scalar.INT64)]
    total = ContentDigest.of_rows(columns, [{"i": number} for number in range(40)])
    assert max(total.sums) >= 2**64
    assert total.value != ContentDigest.empty(columns).value


def test_digests_of_other_columns_do_not_merge() -> None:
    first = ContentDigest.empty([Column("a", Scalar.INT64)])
    with pytest.raises(ValueError, match="different columns"):
        first.merge(ContentDigest.empty([Column("b", Scalar.INT64)]))


@pytest.mark.parametrize(
    "other",
    [
        [Column("b", Scalar.INT64)],
        [Column("a", Scalar.TIMESTAMP)],
        [Column("a", Scalar.INT64, nullable=True)],
    ],
)
def test_i05_the_same_bytes_under_other_columns_have_another_digest(other: list[Column]) -> None:
    ours = ContentDigest([Column("a", Scalar.INT64)], 0, (0, 0, 0, 0))  # type: ignore[arg-type]
    assert ours.value != ContentDigest.empty(other).value


def test_i05_one_row_more_or_twice_changes_the_digest() -> None:
    columns = [Column("a", Scalar.INT64)]
    digests = [ContentDigest.of_rows(columns, [{"a": 1}] * times).value for times in range(4)]
    assert len(set(digests)) == 4


def test_i05_datetimes_and_integers_of_the_same_instant_encode_alike() -> None:
    moment = dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    assert one(Scalar.TIMESTAMP, moment) == one(Scalar.TIMESTAMP, -1)
    assert one(Scalar.TIMESTAMP, moment.astimezone(zone)) == one(Scalar.TIMESTAMP, -1)
    assert one(Scalar.DATE, dt.date(1970, 1, 2)) == one(Scalar.DATE, 1)


def test_i05_decimals_encode_by_value_not_by_how_they_are_written() -> None:
    assert one(Decimal(10, 2), decimal.Decimal("1.5")) == one(
        Decimal(10, 2), decimal.Decimal("1.50")
    )
    assert one(Decimal(10, 2), decimal.Decimal("-1.5"))[1:] == (-150).to_bytes(
        16, "big", signed=True
    )


@pytest.mark.parametrize(
    ("column_type", "value", "error"),
    [
        (Scalar.INT64, True, TypeError),
        (Scalar.INT64, 1.0, TypeError),
        (Scalar.INT64, 2**63, ValueError),
        (Scalar.FLOAT64, 1, TypeError),
        (Scalar.BOOLEAN, 1, TypeError),
        (Scalar.STRING, b"bytes", TypeError),
        (Scalar.STRING, "\ud800", ValueError),
        (Scalar.TIMESTAMP, dt.datetime(2024, 1, 1), ValueError),  # noqa: DTZ001 - the planted fault
        (Scalar.DATE, dt.datetime(2024, 1, 1, tzinfo=dt.UTC), TypeError),
        (Decimal(10, 2), decimal.Decimal("1.005"), ValueError),
        (Decimal(10, 2), decimal.Decimal("NaN"), ValueError),
        (Decimal(10, 2), 1.5, TypeError),
        (ListOf(Scalar.INT64), ["1"], TypeError),
        (Struct((Column("x", Scalar.INT64),)), {}, KeyError),
    ],
)
def test_i05_a_value_that_would_lose_something_is_refused(
    column_type: Any, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        one(column_type, value)
