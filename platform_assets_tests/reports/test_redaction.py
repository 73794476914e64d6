from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.reports.redaction import (
    MAX_PARSED_BYTES,
    MAX_SHOWN_CHARACTERS,
    mask_detail,
    mask_pointer,
    mask_record,
)

PLANTED = "s3cret"
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(PLANTED),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["a", "b", "card_number"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(_VALUES, st.integers(0, 400))
def test_no_text_value_survives_whole_or_cut(value: object, cut: int) -> None:
    whole = json.dumps(value).encode()
    assert PLANTED not in mask_record(whole)
    assert PLANTED not in mask_record(whole[:cut])


def test_structure_keys_and_lengths_are_kept() -> None:
    masked = mask_record(b'{"event_id":"auth-1","amount":-12.50,"n":-123,"ok":true,"x":null}')
    assert masked == (
        '{\n  "event_id": «text, 6 characters»,\n  "amount": «number, 6 characters»,\n'
        '  "n": «integer, 3 digits»,\n  "ok": «true or false»,\n  "x": null\n}'
    )


def test_a_key_given_twice_is_shown_twice() -> None:
    assert mask_record(b'{"a":1,"a":2}').count('"a"') == 2


@pytest.mark.parametrize(
    "key", ["4929123456781234", "alice@example.org", "hello world", "é", "x" * 60, "a\u202eb", ""]
)
def test_a_key_that_is_no_field_name_is_masked(key: str) -> None:
    masked = mask_record(json.dumps({key: 1}).encode())
    assert f"«key, {len(key)} characters»" in masked
    assert key == "" or key not in masked


@pytest.mark.parametrize(
    "value",
    [
        b'{"pan":"4929123456781234',
        b'{"pan":4929123456781234} {"pan":1}',
        b"\xff\xfe4929123456781234",
        b'"' + b"4929123456781234" * (MAX_PARSED_BYTES // 8) + b'"',
        b"[" * 200_000 + b"4929123456781234",
        b'{"a":' * 3_000 + b"4929123456781234" + b"}" * 3_000,
        b"9" * 5_000,
        b"NaN",
    ],
)
def test_what_is_no_readable_record_shows_no_character_of_a_value(value: bytes) -> None:
    masked = mask_record(value)
    assert "4929" not in masked
    assert len(masked) <= MAX_SHOWN_CHARACTERS + 20


def test_an_absent_and_an_empty_record_are_told_apart() -> None:
    assert mask_record(None) == "(no value)"
    assert mask_record(b"") == "(no text: 0 bytes)"
    assert mask_record(b" \r\n") == "(no text: 3 bytes)"


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("", ""),
        ("/amount", "/amount"),
        ("/items/12/card-id", "/items/12/card-id"),
        ("/4929123456781234/x", "/•/x"),
        ("/alice@example.org", "/•"),
    ],
)
def test_a_pointer_keeps_field_names_and_positions_only(where: str, shown: str) -> None:
    assert mask_pointer(where) == shown


@pytest.mark.parametrize(
    ("detail", "value", "shown"),
    [
        (
            "the first event auth-1 is s 0:7",
            b'{"event_id":"auth-1"}',
            "the first event ••• is s 0:7",
        ),
        ("found 4929 or 492", b'{"n":[4929]}', "found ••• or 492"),
        ("found New York here", b'{"city":"New York"}', "found ••• here"),
        ("amount is required", b'{"amount2":1}', "amount is required"),
        ("no property 49291234", b'{"49291234":1}', "no property •••"),
        ("near hunter2, column 9", b'{"a":"hunter2', "near •••, column 9"),
        ("a+b (c)", b'["a+b"]', "••• (c)"),
        ("nothing is quoted", None, "nothing is quoted"),
    ],
)
def test_a_detail_loses_what_it_quotes(detail: str, value: bytes | None, shown: str) -> None:
    assert mask_detail(detail, value) == shown
