"""What a check observed, how it is judged, and the verdict over all checks of a product.

A check passes only by an observation that says so. A check that raises, returns something else than an
observation, or does not run has not passed. The verdict is PASS only where at least one check is
required, exactly the required checks have one result each, and each of these is PASS.

Shares are compared as exact fractions: three tenths are never more than 0.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from platform_assets.errors import OUTAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal


class Outcome(StrEnum):
    """How one check came out."""

    PASS = "PASS"  # noqa: S105 - an outcome, not a password
    FAIL = "FAIL"
    ERROR = "ERROR"  # it did not come to an observation; as bad as FAIL


@dataclass(frozen=True, slots=True)
class CheckObservation:
    """What a check saw, beside what it was to see.

    ``observed`` and ``expected`` are for people; ``detail`` may say where. ``figures`` are the same for
    machines: integers, or text for what is no integer.
    """

    observed: str
    expected: str
    passed: bool
    detail: str = ""
    figures: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one declared check, as certificates list it."""

    name: str
    check: str
    outcome: Outcome
    observed: str
    expected: str
    detail: str = ""
    figures: Mapping[str, str | int] = field(default_factory=dict)

    def as_json(self) -> dict[str, str]:
        """Return the result as it stands in a certificate; figures stay outside."""
        return {
            "name": self.name,
            "check": self.check,
            "outcome": self.outcome.value,
            "observed": _recordable(self.observed),
            "expected": _recordable(self.expected),
            "detail": _recordable(self.detail),
        }


class CheckCrashed(Exception):
    """A check has crashed elsewhere, in another process; the message says how, kind of error first."""


def judge(name: str, check: str, observe: Callable[[], object]) -> CheckResult:
    """Make the observation and turn it into a result; whatever goes wrong is an ERROR.

    Raises:
        DependencyUnreachable, UnknownOutcome: nothing could be seen of what the check looks at.
    """
    try:
        seen = observe()
        problem = _unusable(seen)
    except (KeyboardInterrupt, *OUTAGES):
        raise
    except CheckCrashed as crash:
        problem = str(crash)
    except BaseException as error:  # noqa: BLE001 - a check that exits or panics has not passed
        problem = f"{type(error).__name__}: {error}"
    if problem or not isinstance(seen, CheckObservation):
        return CheckResult(
            name, check, Outcome.ERROR, "the check crashed", "an observation", detail=problem
        )
    outcome = Outcome.PASS if seen.passed else Outcome.FAIL
    return CheckResult(
        name, check, outcome, seen.observed, seen.expected, seen.detail, dict(seen.figures)
    )


#: Checks whose observation may quote a value of a row.
_QUOTING = ("freshness", "python")
_WITHHELD = "withheld: the product is strict"


def withheld(result: CheckResult) -> CheckResult:
    """Return the result as a strict product's certificate may say it: counts, and no value of a row."""
    if result.outcome is Outcome.ERROR:
        kind = result.detail.partition(":")[0]
        return replace(result, detail=f"{kind}: {_WITHHELD}" if kind.isidentifier() else _WITHHELD)
    if result.check in _QUOTING:
        return replace(result, observed=_WITHHELD, expected=_WITHHELD, detail="", figures={})
    return result


def findings(required: Sequence[str], results: Sequence[CheckResult]) -> list[str]:
    """Return everything that stands against a PASS, in the order of the policy; none means PASS."""
    against = [] if required else ["no check is required; an empty set of checks proves nothing"]
    by_name: dict[str, list[CheckResult]] = {}
    for result in results:
        by_name.setdefault(result.name, []).append(result)
    for name in dict.fromkeys(required):
        if required.count(name) > 1:
            against.append(f"{name} is required {required.count(name)} times")
        found = by_name.get(name, [])
        if not found:
            against.append(f"{name} did not run")
        elif len(found) > 1:
            against.append(f"{name} has {len(found)} results")
        against += [
            f"{name} is {result.outcome}: {result.observed}; expected {result.expected}"
            for result in found
            if result.outcome is not Outcome.PASS
        ]
    against += [f"{name} is not required" for name in by_name if name not in required]
    return against


def verdict_of(required: Sequence[str], results: Sequence[CheckResult]) -> str:
    """Return ``PASS`` or ``FAIL`` for the results of a product's required checks."""
    return "FAIL" if findings(required, results) else "PASS"


def within_fraction(count: int, total: int, limit: Decimal) -> bool:
    """Tell whether ``count`` of ``total`` is at most the limit; none of none is."""
    return Fraction(count) <= Fraction(limit) * total


def counted(number: int, noun: str) -> str:
    """Write a number with its noun, for people: ``1 row``, ``1,707 rows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _unusable(seen: object) -> str:
    if not isinstance(seen, CheckObservation):
        return f"the check returned {type(seen).__name__}, not a CheckObservation"
    # The types are declared, but a user's own check may have been written without a type checker.
    texts: tuple[object, ...] = (seen.observed, seen.expected, seen.detail)
    passed: object = seen.passed
    if not all(isinstance(text, str) for text in texts):
        return "observed, expected and detail must be text"
    # `passed` must be a bool: a truthy string or a frame of one row is no verdict.
    if not isinstance(passed, bool):
        return f"passed must be True or False, found {passed!r}"
    return ""


def _recordable(text: str) -> str:
    # A record is UTF-8; a lone surrogate from a user's message must not stop a certificate.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
