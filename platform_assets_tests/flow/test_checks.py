from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.errors import (
    DependencyUnreachable,
    PlatformError,
    StoreDenied,
    UnknownOutcome,
)
from platform_assets.flow.checks import (
    CheckObservation,
    CheckResult,
    Outcome,
    counted,
    findings,
    judge,
    verdict_of,
    within_fraction,
)


def result(name: str, outcome: Outcome = Outcome.PASS) -> CheckResult:
    return CheckResult(name, "range", outcome, "seen", "wanted")


def test_i06_all_required_checks_passed_is_a_pass() -> None:
    assert verdict_of(["a", "b"], [result("b"), result("a")]) == "PASS"


@pytest.mark.parametrize(
    ("required", "results", "reason"),
    [
        ([], [], "empty set"),
        ([], [result("a")], "empty set"),
        (["a"], [], "a did not run"),
        (["a", "b"], [result("a")], "b did not run"),
        (["a"], [result("a"), result("b")], "b is not required"),
        (["a"], [result("a"), result("a")], "a has 2 results"),
        (["a", "a"], [result("a")], "a is required 2 times"),
        (["a"], [result("a", Outcome.FAIL)], "a is FAIL"),
        (["a"], [result("a", Outcome.ERROR)], "a is ERROR"),
        (["a"], [result("a"), result("a", Outcome.FAIL)], "a is FAIL"),
    ],
)
def test_i06_empty_missing_extra_repeated_failed_or_crashed_is_a_fail(
    required: list[str], results: list[CheckResult], reason: str
) -> None:
    assert verdict_of(required, results) == "FAIL"
    assert any(reason in finding for finding in findings(required, results))


def test_i06_every_finding_is_reported_not_only_the_first() -> None:
    against = findings(["a", "b", "c"], [result("a", Outcome.FAIL), result("d")])
    assert [finding.split()[0] for finding in against] == ["a", "b", "c", "d"]


def test_an_observation_becomes_the_result() -> None:
    seen = CheckObservation("1 of 2", "0", passed=False, detail="row 1", figures={"bad": 1})
    judged = judge("n", "range", lambda: seen)
    assert judged == CheckResult("n", "range", Outcome.FAIL, "1 of 2", "0", "row 1", {"bad": 1})
    assert judge("n", "k", lambda: CheckObservation("", "", passed=True)).outcome is Outcome.PASS


class Panic(BaseException):
    pass


@pytest.mark.parametrize(
    "raised", [ValueError("boom"), SystemExit(0), Panic("engine"), RecursionError(), MemoryError()]
)
def test_i06_a_check_that_crashes_is_an_error_and_never_a_pass(raised: BaseException) -> None:
    def observe() -> CheckObservation:
        raise raised

    judged = judge("n", "python", observe)
    assert judged.outcome is Outcome.ERROR
    assert type(raised).__name__ in judged.detail


@pytest.mark.parametrize("kind", [DependencyUnreachable, StoreDenied, UnknownOutcome])
def test_an_outage_is_no_finding_of_a_check(kind: type[PlatformError]) -> None:
    def observe() -> CheckObservation:
        raise kind("a store", expected="an answer", found="none", remedy="Wait.")

    with pytest.raises(kind):
        judge("n", "referential", observe)


def test_the_user_can_still_interrupt_a_check() -> None:
    def observe() -> CheckObservation:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge("n", "python", observe)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        "PASS",
        {"passed": True},
        CheckObservation("a", "b", passed="yes"),  # type: ignore[arg-type]
        CheckObservation("a", "b", passed=1),  # type: ignore[arg-type]
        CheckObservation(3, "b", passed=True),  # type: ignore[arg-type]
    ],
)
def test_i06_an_answer_that_is_no_observation_is_an_error(answer: Any) -> None:
    assert judge("n", "python", lambda: answer).outcome is Outcome.ERROR


def test_shares_are_compared_as_fractions_not_as_floats() -> None:
    assert within_fraction(3, 10, Decimal("0.3"))
    assert not within_fraction(300_000_000_000_000_001, 10**18, Decimal("0.3"))
    assert within_fraction(1, 3, Decimal("0.33333333333333333333333333333333334"))
    assert not within_fraction(1, 3, Decimal("0.33333333333333333333333333333333333"))
    assert within_fraction(0, 0, Decimal(0))
    assert not within_fraction(1, 10**18, Decimal(0))


def test_a_result_is_always_a_canonical_record() -> None:
    odd = CheckResult("n", "python", Outcome.ERROR, "\ud800", "e", "d", {"x": 1})
    assert b"\\\\ud800" in canonical_bytes(odd.as_json())
    assert set(odd.as_json()) == {"name", "check", "outcome", "observed", "expected", "detail"}


def test_numbers_are_written_for_people() -> None:
    assert [counted(n, "row") for n in (0, 1, 1707)] == ["0 rows", "1 row", "1,707 rows"]
