"""Near misses get one verdict: both paths and jsonschema-rs over strict JSON agree on each.

Every batch has enough good records that the columnar path is really taken, and the tests say so.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets_tests.fuzz.generated import subjects
from platform_assets_tests.fuzz.near_misses import ENDS, VALUES, damaged, duplicated, replaced
from platform_assets_tests.fuzz.subjects import GOOD, SUBJECTS, Subject

_KNOWN = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)


@settings(max_examples=60, deadline=None)
@given(subjects(), st.integers(0, 2**32))
def test_generated_contracts_judge_near_misses_alike_on_every_path(
    subject: Subject, seed: int
) -> None:
    random = Random(seed)  # noqa: S311  # damages, no secrets
    verdicts = subject.compare([damaged(subject.record(n), random) for n in range(40)])
    assert verdicts.columnar >= GOOD


@_KNOWN
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damaged_records_are_judged_alike_on_every_path(subject: Subject, seed: int) -> None:
    random = Random(seed)  # noqa: S311  # damages, no secrets
    subject.compare([damaged(subject.record(n), random) for n in range(40)])


@_KNOWN
def test_every_odd_value_in_every_place_is_judged_alike(subject: Subject) -> None:
    record = subject.record(3)
    for place in range(len(list(replaced(record, b"0")))):
        found = subject.compare([list(replaced(record, value))[place] for value in VALUES])
        assert found.one_by_one > 0


@_KNOWN
def test_what_stands_before_or_after_a_record_is_white_space_or_a_refusal(
    subject: Subject,
) -> None:
    record = subject.record(3)
    for odd in ENDS:
        found = subject.compare([record + odd, odd + record])
        white = odd.strip(b" \t\r\n") == b""
        assert len(found.refused) == (0 if white else 2)


@_KNOWN
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_duplicate_key_is_ever_accepted_also_where_it_is_written_with_escapes(
    subject: Subject, seed: int
) -> None:
    random = Random(seed)  # noqa: S311  # damages, no secrets
    again = [duplicated(subject.record(n), random) for n in range(48)]
    _all_refused_as_duplicates(subject, again)


@settings(max_examples=30, deadline=None)
@given(subjects(), st.integers(0, 2**32))
def test_no_duplicate_key_is_accepted_under_generated_contracts(
    subject: Subject, seed: int
) -> None:
    random = Random(seed)  # noqa: S311  # damages, no secrets
    _all_refused_as_duplicates(subject, [duplicated(subject.record(n), random) for n in range(48)])


def test_a_batch_of_nothing_but_duplicate_keys_is_refused_whole() -> None:
    for subject in SUBJECTS:
        random = Random(1)  # noqa: S311  # damages, no secrets
        again = duplicated(subject.record(1), random)
        found = subject.compare([again] * 200)
        assert len(found.refused) == 200
        assert found.one_by_one == 200


def _all_refused_as_duplicates(subject: Subject, again: list[bytes]) -> None:
    found = subject.compare(again)  # both paths and the reference agree
    assert found.columnar == GOOD
    assert found.refused["_row"].to_list() == list(range(GOOD // 2, GOOD // 2 + len(again)))
    for reasons in found.refused["reasons"]:
        assert "DUPLICATE_KEY" in {reason["code"] for reason in reasons}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_odd_record_in_the_first_place_costs_its_batch_nothing(count: int) -> None:
    subject = SUBJECTS[0]
    parts = subject.record(0)[1:-1].split(b",")
    odd = b"{" + b",".join(reversed(parts[-2:])) + b"," + b",".join(parts[:-2]) + b"}"
    records = [odd] * count + [subject.record(n) for n in range(500)]
    found = subject.judged(records)
    assert found.refused.is_empty()
    assert found.columnar >= 500


def test_bytes_that_are_no_text_leave_the_records_around_them_in_columns() -> None:
    for odd in (b"\xff", b"\xff" * 10, b"\xff" * 12, b"\xff" * 13, b"", None):
        found = SUBJECTS[1].compare([odd, odd], columnar=GOOD)
        assert found.one_by_one == 2
