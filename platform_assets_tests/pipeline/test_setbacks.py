"""Setbacks: told once, tried again in time, and over when all that met them has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import (
    CertificationFailed,
    ClaimHeld,
    ConfigurationError,
    DeclarationInvalid,
    PlatformError,
    PredecessorOpen,
    SourceChanged,
    SourceUnreachable,
    StoreUnwritable,
)
from platform_assets.identifiers import RunId
from platform_assets.pipeline.setbacks import Setbacks
from platform_assets_tests.simulators.own_clock import OwnClock

if TYPE_CHECKING:
    from platform_assets.pipeline.setbacks import Thing

R1, R2 = RunId("shop", 1), RunId("shop", 2)


class Heard:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def outage(self, error: PlatformError) -> None:
        self.told.append(("outage", error.code))

    def recovered(self, seconds: float) -> None:
        self.told.append(("recovered", seconds))

    def refused(self, thing: Thing, error: PlatformError) -> None:
        self.told.append(("refused", str(thing), error.found))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody tells {name} here")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clock() -> OwnClock:
    return OwnClock()


@pytest.fixture
def setbacks(heard: Heard, clock: OwnClock) -> Setbacks:
    return Setbacks(heard, clock)


def error(kind: type[PlatformError], found: str = "so") -> PlatformError:
    return kind("thing", expected="otherwise", found=found, remedy="Mend it.")


def pauses(setbacks: Setbacks, clock: OwnClock, thing: Thing, kind: type[PlatformError]) -> float:
    """Note an error and return how long the thing is left alone."""
    setbacks.note(thing, error(kind))
    begun = clock.monotonic()
    while setbacks.stops(thing):
        clock.sleep(0.125)
    return clock.monotonic() - begun


def test_an_outage_is_tried_again_after_growing_pauses_for_ever(
    setbacks: Setbacks, clock: OwnClock, heard: Heard
) -> None:
    found = [pauses(setbacks, clock, "feed", SourceUnreachable) for _ in range(9)]
    assert found == [0.25, 0.5, 1, 2, 4, 5, 5, 5, 5]
    assert heard.told == [("outage", "SourceUnreachable")]
    assert setbacks.outages == 1


def test_an_outage_is_over_when_all_that_met_it_has_passed(
    setbacks: Setbacks, clock: OwnClock, heard: Heard
) -> None:
    setbacks.note("feed", error(SourceUnreachable))
    setbacks.note(R1, error(SourceUnreachable))
    clock.sleep(3)
    setbacks.passed("feed")
    assert not setbacks.over()
    setbacks.passed(R1)
    assert setbacks.over()
    assert not setbacks.over()
    assert heard.told == [("outage", "SourceUnreachable"), ("recovered", 3.0)]


def test_another_kind_of_outage_is_told_as_well_and_counts_as_the_same(
    setbacks: Setbacks, heard: Heard
) -> None:
    for kind in (SourceUnreachable, StoreUnwritable, SourceUnreachable, ClaimHeld):
        setbacks.note("feed", error(kind))
    assert [told for _, told in heard.told] == ["SourceUnreachable", "StoreUnwritable", "ClaimHeld"]
    assert setbacks.outages == 1
    setbacks.passed("feed")
    assert setbacks.over()
    setbacks.note("feed", error(SourceUnreachable))
    assert heard.told[-1] == ("outage", "SourceUnreachable")
    assert setbacks.outages == 2


def test_pauses_begin_anew_after_an_outage_has_passed(setbacks: Setbacks, clock: OwnClock) -> None:
    for _ in range(4):
        pauses(setbacks, clock, "feed", SourceUnreachable)
    setbacks.passed("feed")
    assert pauses(setbacks, clock, "feed", SourceUnreachable) == 0.25


def test_a_refusal_is_left_alone_for_a_minute_and_told_once_in_the_same_words(
    setbacks: Setbacks, clock: OwnClock, heard: Heard
) -> None:
    assert pauses(setbacks, clock, R1, CertificationFailed) == 60
    assert pauses(setbacks, clock, R1, CertificationFailed) == 60
    setbacks.note(R1, error(CertificationFailed, "something else"))
    setbacks.note("open runs", error(CertificationFailed, "something else"))
    assert heard.told == [
        ("refused", str(R1), "so"),
        ("refused", str(R1), "something else"),
    ]
    assert setbacks.refused_runs == 1


def test_a_refusal_stands_while_an_outage_hides_it(setbacks: Setbacks, heard: Heard) -> None:
    setbacks.note(R1, error(CertificationFailed))
    setbacks.note(R1, error(StoreUnwritable))
    assert [each["refused"] for each in setbacks.refused()] == [str(R1)]
    setbacks.note(R1, error(CertificationFailed))
    assert heard.told == [("refused", str(R1), "so"), ("outage", "StoreUnwritable")]
    assert setbacks.over()  # it came so far again that it could be refused


def test_a_run_that_is_open_no_more_is_refused_no_more(setbacks: Setbacks) -> None:
    for thing in (R1, R2, "feed"):
        setbacks.note(thing, error(SourceChanged, str(thing)))
    setbacks.keep([R2])
    assert [each["refused"] for each in setbacks.refused()] == [str(R2), "feed"]
    assert not setbacks.stops(R1)
    assert setbacks.refused_runs == 2


def test_who_waits_for_another_run_is_told_nothing(
    setbacks: Setbacks, clock: OwnClock, heard: Heard
) -> None:
    assert pauses(setbacks, clock, R2, PredecessorOpen) == 1
    assert heard.told == []
    assert setbacks.refused() == []


def test_a_mistake_in_a_declaration_is_not_tried_again(setbacks: Setbacks) -> None:
    with pytest.raises(DeclarationInvalid):
        setbacks.note("feed", error(DeclarationInvalid))
    with pytest.raises(ConfigurationError):
        setbacks.note("feed", error(ConfigurationError))


def test_what_was_refused_is_tried_at_once_when_that_is_wanted(setbacks: Setbacks) -> None:
    setbacks.note(R1, error(CertificationFailed))
    setbacks.try_all()
    assert not setbacks.stops(R1)
    assert setbacks.refused()


def test_the_worker_waits_no_longer_than_to_the_next_look_and_never_not_at_all(
    setbacks: Setbacks, clock: OwnClock
) -> None:
    assert setbacks.wait_seconds() == 1
    setbacks.note(R1, error(CertificationFailed))
    assert setbacks.wait_seconds() == 1
    setbacks.note("feed", error(SourceUnreachable))
    assert setbacks.wait_seconds() == 0.25
    setbacks.note("feed", error(SourceUnreachable))
    assert setbacks.wait_seconds() == 0.5
    clock.sleep(100)
    assert setbacks.wait_seconds() == 0.25
