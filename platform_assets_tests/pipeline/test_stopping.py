"""A signal interrupts what may be interrupted, and nothing else."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from platform_assets.pipeline.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stop() -> Iterator[Stop]:
    """Return what a signal to this process asks to stop."""
    stop = Stop()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.ask())
    yield stop
    signal.signal(signal.SIGUSR1, before)


@dataclass
class Work:
    """What is done until a signal comes, and afterwards."""

    stop: Stop
    done: list[str] = field(default_factory=list)

    def plain(self) -> None:
        with self.stop.interrupting():
            signal.raise_signal(signal.SIGUSR1)
            self.done.append("more")

    def with_a_held_part(self) -> None:
        with self.stop.interrupting():
            with self.stop.held():
                signal.raise_signal(signal.SIGUSR1)
                self.done.append("held")
            self.done.append("more")

    def with_cleaning_up(self) -> None:
        with self.stop.interrupting():
            try:
                signal.raise_signal(signal.SIGUSR1)
            finally:
                signal.raise_signal(signal.SIGUSR1)
                self.done.append("cleaned")


def test_work_is_interrupted_at_once(stop: Stop) -> None:
    work = Work(stop)
    with pytest.raises(KeyboardInterrupt):
        work.plain()
    assert stop.asked
    assert work.done == []


def test_what_is_held_comes_to_its_end_and_then_is_the_end(stop: Stop) -> None:
    work = Work(stop)
    with pytest.raises(KeyboardInterrupt):
        work.with_a_held_part()
    assert work.done == ["held"]


def test_a_second_signal_does_not_interrupt_the_cleaning_up(stop: Stop) -> None:
    work = Work(stop)
    with pytest.raises(KeyboardInterrupt):
        work.with_cleaning_up()
    assert work.done == ["cleaned"]


def test_outside_of_what_may_be_interrupted_it_is_noted_only(stop: Stop) -> None:
    signal.raise_signal(signal.SIGUSR1)
    assert stop.asked
    with pytest.raises(KeyboardInterrupt):
        stop.check()
    work = Work(stop)
    with pytest.raises(KeyboardInterrupt):
        work.plain()
    assert work.done == []


def test_work_that_is_over_is_interrupted_no_more(stop: Stop) -> None:
    with stop.interrupting():
        pass
    signal.raise_signal(signal.SIGUSR1)
    assert stop.asked
