"""Patterns are checked in columns only where all dialects agree, and then exactly."""

from __future__ import annotations

import re

import polars as pl
import pytest
from contracts_for_tests import rule_of
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.contracts.columnar.automaton import MAX_LENGTH, Automaton
from platform_assets.contracts.columnar.checks import Expression, Places
from platform_assets.contracts.columnar.patterns import pattern_check
from platform_assets.contracts.judge import StreamJudge

_PATTERNS = [
    r"^[0-9]{1,12}\.[0-9]{2}$",
    r"^(0|[1-9][0-9]{0,15})\.[0-9]{2}$",
    "^a[0-9]{8}$",
    "^[A-Z]{2}$",
    "^[a-z0-9]{2,8}$",
    "^(?:ab|a)(c|bcd)*d?$",
    r"^\w+@\w+(\.\w+)+$",
    "^x{0,2}y+z?$",
    "^$",
    "ab",
    "^a|b$",
    "^[^0-9]+$",
    "^(a|)(b|)c{2,}$",
]
_ALPHABET = "ab01.9cdxyzAZ@_é😀"


@pytest.mark.parametrize("pattern", _PATTERNS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_pattern_accepts_the_same_strings_in_columns_and_one_by_one(
    pattern: str, data: st.DataObject
) -> None:
    rule = rule_of(
        {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "v": {"type": "string", "pattern": pattern},
                "w": {"type": "integer"},
            },
        }
    )
    matching = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True, alphabet=_ALPHABET)
    matching = matching.filter(lambda text: len(text.encode()) < MAX_LENGTH)
    texts = data.draw(st.lists(matching | st.text(_ALPHABET, max_size=14), min_size=1, max_size=30))
    records = [f'{{"id":{n},"v":"{text}","w":1}}'.encode() for n, text in enumerate(texts)]
    verdicts = StreamJudge([rule]).judge(pl.Series(records, dtype=pl.Binary))
    validator = rule.contract.validator
    valid = [n for n, t in enumerate(texts) if validator.is_valid({"id": n, "v": t, "w": 1})]
    assert verdicts.accepted["event"]["_row"].to_list() == valid
    assert verdicts.columnar == len(valid)


@pytest.mark.parametrize(
    "pattern",
    [
        "^.$",
        "a(?=b)",
        r"(a)\1",
        r"\s",
        r"\bword",
        r"\p{L}",
        "a++",
        "[a-z&&[b]]",
        "é",
        r"\u0041",
        "(?i)a",
    ],
)
def test_a_pattern_on_which_dialects_may_differ_is_not_checked_in_columns(pattern: str) -> None:
    assert pattern_check(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [("^a[0-9]{8}$", Places), ("^[a-z]{2,8}$", Automaton), ("[a-z]", Expression)],
)
def test_the_cheapest_check_is_chosen(pattern: str, kind: type) -> None:
    assert isinstance(pattern_check(pattern), kind)
