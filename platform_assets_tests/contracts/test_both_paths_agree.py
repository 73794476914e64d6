"""The columnar path and the path for single records give the same verdict and the same row."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from contracts_for_tests import RICH, codes_of, judge, rule_of
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from platform_assets.contracts.columnar.batch import Batch
from platform_assets.contracts.judge import StreamJudge
from platform_assets.contracts.strict import read_strictly

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from platform_assets.contracts.judge import EventRule, Verdicts

_RULE = rule_of(RICH)
_WORD = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
_PLAIN = st.text("abcXYZ09 é中😀-_", min_size=1, max_size=8)
_TIME = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001  # the zone is text
_ZONE = st.sampled_from(["Z", "z", "+00:00", "-00:00", "+05:30", "-23:59", "+24:00", ""])
_PLACE = st.fixed_dictionaries(
    {"city": _PLAIN}, optional={"zip": st.none() | st.integers(0, 99999)}
)
_LINE = st.fixed_dictionaries({"sku": _PLAIN, "n": st.integers(0, 4)})
_RECORD = st.fixed_dictionaries(
    {
        "id": _PLAIN,
        "kind": st.just("order"),
        "at": st.builds(lambda t, z: t.isoformat() + z, _TIME, _ZONE),
        "count": st.integers(-7, 1001),
        "paid": st.booleans(),
        "place": _PLACE,
    },
    optional={
        "day": st.dates().map(date.isoformat) | st.sampled_from(["2023-02-29", "0000-01-01"]),
        "epoch": st.integers(-(2**60), 2**60) | st.integers(0, 2**42),
        "big": st.integers(-(2**64), 2**64) | st.integers(-(10**18), 10**18),
        "ratio": st.floats(-0.5, 2).map(lambda x: round(x, 4)) | st.sampled_from([0, 1.5, -0.0]),
        "measure": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70),
        "cents": st.integers(-(10**12), 10**12).map(lambda n: n / 100),
        "price": st.integers(-(10**10), 10**10).map(lambda n: f"{n / 100:.2f}"),
        "state": st.sampled_from(["new", "shipped", None, "lost"]),
        "code": st.from_regex("[A-Z]{2}[0-9]{3}-x", fullmatch=True),
        "uuid": st.uuids().map(str),
        "note": st.none() | _WORD,
        "maybe": st.none() | _PLACE,
        "tags": st.lists(_PLAIN, max_size=4),
        "levels": st.lists(st.none() | st.integers(-9, 9), max_size=5),
        "lines": st.lists(_LINE, max_size=3),
    },
)
_STYLE = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])


def _dump(record: Any, style: tuple[str, str] = (",", ":"), *, ascii_only: bool = False) -> bytes:
    return json.dumps(record, separators=style, ensure_ascii=ascii_only).encode()


def _near_misses(data: bytes, random_source: random.Random) -> bytes:
    """Damage a record a little: one token replaced, doubled, cut or moved."""
    swaps = [
        (b'"count":', b'"count":1,"count":'),
        (b'"paid":true', b'"paid":1'),
        (b'"paid":', b'"paid" :'),
        (b'"order"', b'"Order"'),
        (b'"order"', b'"orde\\u0072"'),
        (b'"id":"', b'"id":"\\ud800'),
        (b'"id":"', b'"id":"\t'),
        (b'"id":"', b'"id":"\x7f\xff'),
        (b"}", b",}"),
        (b"}", b"}}"),
        (b'"city":', b'"city":null,"c":'),
        (b"{", b"{ "),
        (b":null", b":nul"),
        (b"true", b"trueX"),
        (b"Z", b".123456Z"),
        (b"Z", b".1234567Z"),
        (b":00", b":60"),
        (b"T", b" "),
    ]
    numbers = [b"1.0", b"-0", b"1e2", b"1e400", b"01", b"+1", b"-", b"1.", b".5", b"1e-400", b"NaN"]
    numbers += [b"12345678901234567890", b"999999999999999999", b"9223372036854775808", b"1.50"]
    numbers += [
        b"0.1000000000000000055511151231257827",
        b"9007199254740993",
        b"1.4999999999999999999",
    ]
    swaps += [(b'"count":', b'"count":' + number + b",") for number in numbers]
    for name in (b"count", b"ratio", b"measure", b"cents", b"big", b"epoch"):
        swaps += [(b'"' + name + b'":', b'"' + name + b'":' + number) for number in numbers]
    if random_source.random() < 0.2:
        at = random_source.randrange(len(data) + 1)
        return data[:at] + bytes([random_source.randrange(256)]) + data[at + 1 :]
    old, new = random_source.choice(swaps)
    return data.replace(old, new, 1)


def _both(rules: list[EventRule], records: list[bytes | None]) -> tuple[Verdicts, Verdicts]:
    fast = judge(rules, records)
    slow = judge(rules, records, _columnar=False)
    for rule in rules:
        assert_frame_equal(fast.accepted[rule.name], slow.accepted[rule.name], check_exact=True)
    assert_frame_equal(fast.refused, slow.refused)
    judged = [*fast.refused["_row"], *(row for f in fast.accepted.values() for row in f["_row"])]
    assert sorted(judged) == list(range(len(records)))
    assert fast.columnar + fast.one_by_one == len(records)
    return fast, slow


@settings(max_examples=60, deadline=None)
@given(st.lists(_RECORD, min_size=1, max_size=12), _STYLE, st.randoms(use_true_random=False))
def test_both_paths_give_the_same_rows_and_reasons_for_records_and_near_misses(
    records: list[dict[str, Any]], style: tuple[str, str], source: random.Random
) -> None:
    whole = [_dump(record, style) for record in records]
    damaged = [_near_misses(_dump(record), source) for record in records for _ in range(4)]
    fast, _ = _both([_RULE], [*whole, *damaged, *[_dump(r, ascii_only=True) for r in records]])
    accepted = set(fast.accepted["event"]["_row"])
    for row, data in enumerate([*whole, *damaged]):
        read = read_strictly(data)
        valid = not read.reasons and _RULE.contract.validator.is_valid(read.value)
        assert valid or row not in accepted
        if valid and row not in accepted:
            codes = {code for code, _ in codes_of(fast)[row]}
            assert codes <= {
                "VALUE_NOT_REPRESENTABLE",
                "INTEGER_OUT_OF_RANGE",
                "NUMBER_OUT_OF_RANGE",
            }


def _order(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"o{number}",
        "kind": "order",
        "at": (datetime(2024, 2, 28, tzinfo=UTC) + timedelta(hours=number)).isoformat(),
        "count": number % 900,
        "paid": number % 2 == 0,
        "place": {"city": "Köln", "zip": number},
        **changes,
    }


@pytest.mark.parametrize(
    "others", [{"maybe": {"city": "x", "zip": 7}}, {"lines": [{"sku": "s", "n": 1}], "tags": ["t"]}]
)
@pytest.mark.parametrize("refused", [1, 4])
def test_what_only_refused_records_have_is_absent_in_the_accepted_ones(
    others: dict[str, Any], refused: int
) -> None:
    records = [_order(n) for n in range(5)]
    records += [_order(5 + n, state="lost", **others) for n in range(refused)]
    fast, _ = _both([_RULE], [_dump(record) for record in records])
    assert fast.accepted["event"].height == 5
    assert fast.accepted["event"].select(list(others)).null_count().row(0) == (5,) * len(others)


def test_a_uniform_batch_is_judged_in_columns_alone() -> None:
    fast, _ = _both([_RULE], [_dump(_order(number)) for number in range(500)])
    assert (fast.columnar, fast.one_by_one) == (500, 0)


def test_records_of_two_layouts_and_with_optional_parts_are_judged_in_columns() -> None:
    orders = [
        _order(
            n,
            maybe=None if n % 3 else {"city": "Bonn"},
            tags=["a"] * (n % 4),
            levels=[None, 1, n][: n % 4],
            lines=[{"sku": "s", "n": k + 1} for k in range(n % 3)],
        )
        for n in range(300)
    ]
    compact = [_dump(order) for order in orders]
    spaced = [_dump(dict(reversed(order.items())), (", ", ": ")) for order in orders]
    fast, _ = _both([_RULE], [*compact, *spaced])
    assert fast.columnar == 600
    assert fast.accepted["event"]["tags"].list.len().to_list()[:5] == [0, 1, 2, 3, 0]


def test_a_record_that_runs_into_the_next_one_is_not_accepted() -> None:
    good = _dump(_order(1))
    cut = good[: good.index(b"Bonn" if b"Bonn" in good else "Köln".encode()) + 2]
    records = [good] * 100 + [cut, good, cut + b"\xff", good, None, b"", good]
    fast, _ = _both([_RULE], records)
    assert sorted(fast.refused["_row"]) == [100, 102, 104, 105]


@pytest.mark.parametrize(
    ("kept", "schema"),
    [
        ("18.10", {"type": "number", "multipleOf": 0.01}),
        ('"18.10"', {"type": "string", "x-column": "decimal(18,2)"}),
        ("18.1", {"type": "number", "x-column": "decimal(18,2)"}),
    ],
)
def test_decimals_are_exact_from_numbers_and_from_strings(
    kept: str, schema: dict[str, Any]
) -> None:
    rule = rule_of({"type": "object", "properties": {"id": {"type": "integer"}, "d": schema}})
    records = [f'{{"id":{number},"d":{kept}}}'.encode() for number in range(100)]
    fast, _ = _both([rule], [*records])
    assert fast.columnar == 100
    assert fast.accepted["event"]["d"].to_list() == [Decimal("18.10")] * 100


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_doubles_are_read_to_the_last_bit(numbers: list[float]) -> None:
    rule = rule_of(
        {"type": "object", "properties": {"id": {"type": "integer"}, "x": {"type": "number"}}}
    )
    texts = [text for x in numbers for text in (repr(x), f"{x:.3f}", f"{x:.17f}")]
    texts = [text for text in texts if len(text) < 700 and (float(text) != 0 or "e" not in text)]
    records = [f'{{"id":{row},"x":{text}}}'.encode() for row, text in enumerate(texts)]
    fast, _ = _both([rule], [*records])
    for row, _, value in fast.accepted["event"].select("_row", "_id", "x").rows():
        assert value == float(texts[row])


def test_events_of_one_stream_are_told_apart_by_their_condition() -> None:
    base = {"id": {"type": "string"}, "n": {"type": "integer"}}
    one = rule_of(
        {"type": "object", "properties": {"kind": {}, **base} | {"kind": {"type": "string"}}},
        {("kind",): "one"},
        "one",
    )
    two = rule_of(
        {"type": "object", "properties": {"kind": {"type": "string"}, **base}},
        {("kind",): "two"},
        "two",
    )
    kinds = ["one", "two", "three", "one"] * 100
    records = [_dump({"kind": kind, "id": f"{n}", "n": n}) for n, kind in enumerate(kinds)]
    fast, _ = _both([one, two], [*records])
    assert {name: len(frame) for name, frame in fast.accepted.items()} == {"one": 200, "two": 100}
    assert fast.columnar == 300
    assert {codes[0][0] for codes in codes_of(fast).values()} == {"UNKNOWN_EVENT_TYPE"}


def test_an_event_that_may_also_be_an_earlier_one_is_left_to_the_single_path() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}, "a": {"type": "integer"}}}
    first, second = rule_of(schema, {("a",): 1}, "first"), rule_of(schema, {}, "second")
    records = [_dump({"id": f"{n}", "a": n % 2}) for n in range(200)]
    fast, _ = _both([first, second], [*records])
    assert {name: len(frame) for name, frame in fast.accepted.items()} == {
        "first": 100,
        "second": 100,
    }


@pytest.mark.parametrize(
    ("schema", "record"),
    [
        (
            {"allOf": [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}]},
            "null",
        ),
        ({"oneOf": [{"type": ["string", "null"]}, {"type": "null"}]}, "null"),
        ({"type": "string", "format": "ipv4"}, '"1.2.3.04"'),
        ({"type": "string", "format": "email"}, '"a@@b"'),
        ({"type": "string", "format": "uri"}, '"http://a b"'),
        ({"type": "string", "not": {"const": "x"}}, '"x"'),
        ({"type": "string", "pattern": "^.$"}, '"ab"'),
        ({"type": "number", "multipleOf": 0.25}, "0.3"),
        ({"type": "integer", "multipleOf": 3}, "4"),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "[1,1]"),
        ({"type": "number", "maximum": 0.1}, "0.10000000000000001"),
        ({"type": "string", "maxLength": 2}, '"äöü"'),
        ({"type": "string", "minLength": 3}, '"äö"'),
    ],
)
def test_what_the_contract_refuses_no_path_accepts(schema: dict[str, Any], record: str) -> None:
    rule = rule_of({"type": "object", "properties": {"id": {"type": "integer"}, "v": schema}})
    records = [f'{{"id":{n},"v":{record}}}'.encode() for n in range(100)]
    fast, _ = _both([rule], [*records])
    assert len(fast.refused) == 100


def test_an_undeclared_property_closed_by_another_part_is_refused_by_both() -> None:
    schema = {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "v": {"type": "integer"}},
        "allOf": [{"properties": {"id": True}, "additionalProperties": False}],
    }
    records = [f'{{"id":{n},"v":1}}'.encode() for n in range(100)]
    fast, _ = _both([rule_of(schema)], [*records])
    assert len(fast.refused) == 100


@pytest.mark.parametrize("through", ["memory", "parquet", "arrow", "shuffled", "chunks"])
def test_a_batch_is_judged_by_its_own_rows_wherever_their_bytes_lie(
    tmp_path: Path, through: str
) -> None:
    records = [_dump(_order(number)) for number in range(200)]
    records[60:63] = [b"\xff" * 50, b"", b"{}"]
    series = pl.Series(records, dtype=pl.Binary)
    match through:
        case "parquet":
            series.to_frame("v").write_parquet(tmp_path / "v.parquet", row_group_size=64)
            series = pl.read_parquet(tmp_path / "v.parquet")["v"]
        case "arrow":
            series = pl.Series(pl.from_arrow(pa.array(records, pa.large_binary())))
        case "shuffled":
            series = series.sample(fraction=1.0, shuffle=True, seed=3).gather(
                series.to_frame().with_row_index()["index"]
            )
        case "chunks":
            series = pl.concat([series[:70], series[70:]], rechunk=False)
    part = series[50:150]
    fast, _ = _both([_RULE], part.to_list())
    verdicts = StreamJudge([_RULE]).judge(part)
    assert_frame_equal(verdicts.accepted["event"], fast.accepted["event"])
    assert verdicts.columnar == 100 - len(verdicts.refused)


@pytest.mark.parametrize("undeclared", [{"surplus": 1}, {"place": {"city": "x", "surplus": 1}}])
def test_a_record_with_undeclared_properties_costs_no_other_record_the_columnar_path(
    undeclared: dict[str, Any],
) -> None:
    good = {"id": "a", "kind": "order", "at": "2026-01-01T00:00:00Z", "count": 1, "paid": True}
    good |= {"place": {"city": "x"}}
    records = [good | {"id": f"a{number}"} for number in range(200)]
    records[100] |= undeclared
    lines = [json.dumps(record, separators=(",", ":")).encode() for record in records]
    verdicts = StreamJudge([_RULE]).judge(pl.Series(lines, dtype=pl.Binary))
    assert (verdicts.columnar, verdicts.one_by_one) == (199, 1)


_NUMBERS = [
    *("01", "-01", "00", "-", "", "+1", "1.", ".5", "1.e1", "1e", "--1", "1-", "0x1", "1_0", "٣"),
    *("1.0", "-0", "0.0", "1e0", "10e-1", "999999999999999999", "1000000000000000000"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "1.005", "0.001"),
    *("0.10", "1.10000", "12345678901234567.8", "0.123456789012345678", "0.1234567890123456789"),
    *("9007199254740993", "9007199254740993.0", "1e22", "4.9e-324", "true", "null", '"1"', "[1]"),
    *("9999999999.99", "99999999999.99", "100000000000000000.5", "1 ", " 1", "1\t"),
]


@pytest.mark.parametrize("name", ["count", "ratio", "measure", "cents", "big", "epoch", "levels"])
def test_every_way_to_write_a_number_gets_one_verdict(name: str) -> None:
    def written(number: str) -> bytes:
        text = f"[3,{number}]" if name == "levels" else number
        return _dump(_order(1))[:-1].replace(b'"count":1,', b"") + f',"{name}":{text}}}'.encode()

    def placed(number: str) -> bytes:
        return _dump(_order(1)).replace(b'"count":1,', f'"count":{number},'.encode())

    write = placed if name == "count" else lambda n: written(n)[:-1] + b',"count":1}'
    records = [write("1") for _ in range(100)] + [write(number) for number in _NUMBERS]
    fast, _ = _both([_RULE], [*records])
    assert fast.columnar >= 100


@pytest.mark.parametrize("quoted", [False, True])
def test_every_decimal_that_its_column_cannot_hold_is_refused(quoted: bool) -> None:
    kind = {"type": "string" if quoted else "number", "x-column": "decimal(12,2)"}
    rule = rule_of({"type": "object", "properties": {"id": {"type": "integer"}, "d": kind}})
    mark = '"' if quoted else ""
    numbers = ["1.25"] * 100 + _NUMBERS
    records = [f'{{"id":{n},"d":{mark}{d}{mark}}}'.encode() for n, d in enumerate(numbers)]
    fast, _ = _both([rule], [*records])
    held = {numbers[row]: d for row, d in fast.accepted["event"].select("_row", "d").rows()}
    assert held["9999999999.99"] == Decimal("9999999999.99")
    assert not {"99999999999.99", "1.005", "0.001", "01", "", "-"} & held.keys()


@pytest.mark.parametrize(
    "tail", [b"}", b"{}", b"x", b",", b"\x00", b' "', b'"}', b" ", b"\n", b"]", b"\xff"]
)
def test_bytes_after_the_end_are_white_space_or_a_refusal(tail: bytes) -> None:
    good = _dump(_order(1))
    fast, _ = _both([_RULE], [good] * 100 + [good + tail, good, tail + good, good])
    wrong = [] if tail.isspace() else [100, 102]
    assert fast.refused["_row"].to_list() == wrong


def test_an_earlier_event_that_only_the_single_path_reads_keeps_its_records() -> None:
    properties = {"id": {"type": "string"}, "a": {"type": "integer"}}
    schema = {"type": "object", "properties": properties}
    unknown_to_columns = schema | {"not": {"required": ["b"]}}
    first, second = rule_of(unknown_to_columns, {("a",): 1}, "first"), rule_of(schema, {}, "second")
    records = [_dump({"id": f"{n}", "a": n % 2}) for n in range(200)]
    fast, _ = _both([first, second], [*records])
    assert {name: len(frame) for name, frame in fast.accepted.items()} == {
        "first": 100,
        "second": 100,
    }


def test_bytes_that_are_not_utf8_are_blanked_so_that_no_text_can_hold_them() -> None:
    records = [_dump(_order(1)), b'{"id":"\xff\xfe"}' * 9, _dump(_order(2)), b"\xc3", None]
    for values in (pl.Series(records, dtype=pl.Binary), pl.Series(records[::-1], dtype=pl.Binary)):
        batch = Batch(values, 10**6)
        batch.data.tobytes().decode()
        assert batch.left.sum() == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"note":"ab"', b'"note":xab"'),
        (b'"note":"ab"', b'"note": ab"'),
        (b'["a","b"]', b'[xa","b"]'),
        (b'["a","b"]', b'["a",xb"]'),
        (b'["a","b"]', b'["a""b"]'),
        (b'["a","b"]', b'["a","b",]'),
        (b'["a","b"]', b'["a","b"'),
        (b'["a","b"]', b'"a","b"]'),
        (b'"maybe":{"city"', b'"maybe":["city"'),
        (b'"maybe":{"city"', b'"maybe":"city"'),
        (b'"paid":true', b'"paid":treu'),
    ],
)
def test_a_value_without_its_opening_or_end_is_refused_amid_good_ones(
    old: bytes, new: bytes
) -> None:
    good = [
        _dump(
            _order(n, note="ab" if n % 2 else None, tags=["a", "b"], maybe={"city": "x"}, paid=True)
        )
        for n in range(100)
    ]
    bad = good[1].replace(old, new)
    assert bad != good[1]
    fast, _ = _both([_RULE], [*good, bad, *good])
    assert fast.refused["_row"].to_list() == [100]
    assert fast.columnar == 200
