"""Canonical bytes are those of the reference implementation of RFC 8785; where it refuses, so do we."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from platform_assets.canonical import MAX_EXACT_INTEGER, canonical_bytes

TEXTS = (
    st.text() | st.text(st.characters(max_codepoint=0x9F)) | st.sampled_from(["\ud800", "\uffff"])
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
@example(value={"\ue000": 1, "\U0001f30d": 2})
@example(value={"\x7f": '\x00\x1f\x7f\u2028"\\/\b\f\n\r\t'})
@example(value=[MAX_EXACT_INTEGER, -MAX_EXACT_INTEGER])
@example(value=[MAX_EXACT_INTEGER + 1])
@example(value={"a": {"\ud800": "x"}})
def test_canonical_bytes_are_those_of_the_reference(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - of the reference: a number, or text, without a form
            canonical_bytes(value)
    else:
        assert canonical_bytes(value) == expected


def test_a_tuple_is_a_list_and_what_is_no_json_is_refused() -> None:
    assert canonical_bytes([(1, "a")]) == b'[[1,"a"]]'
    for value in ({1: 2}, {"a": object()}, [b"x"], [1.0]):
        with pytest.raises((TypeError, ValueError)):
            canonical_bytes(value)


def test_what_is_nested_deeply_has_the_form_that_the_reference_gives_it() -> None:
    value: Any = []
    for _ in range(400):
        value = [value]
    assert canonical_bytes(value) == rfc8785.dumps(value)
