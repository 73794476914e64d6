"""Closers that died: those of this machine are not waited for, others are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import StoreUnwritable
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, close
from platform_assets.pipeline.closers import attempting, is_gone, owner
from platform_assets.ports.clock import SystemClock
from platform_assets.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

RUN = RunId("shop", 1)
CLAIM = """\
import sys
from pathlib import Path
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, close
closing = sys.modules["platform_assets.pipeline.close"]

def stand_still(*_):
    print("claimed", flush=True)
    sys.stdin.read()

closing._prepare = stand_still
close(Platform.open(Path(sys.argv[1])), RunId("shop", 1))
"""


class Impatient(SystemClock):
    """Does not wait, and counts for how long it would have."""

    waited = 0.0

    def sleep(self, seconds: float) -> None:
        self.waited += seconds

    def monotonic(self) -> float:
        return super().monotonic() + self.waited


@pytest.fixture
def home(ready: Path) -> Path:
    (ready / SETTINGS_FILE).write_text("claim_ttl_seconds: 60.0\n")
    return ready


@pytest.fixture
def closer(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has claimed the run and goes no further."""
    command = [sys.executable, "-c", CLAIM, str(home)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        try:
            yield process
        finally:
            process.kill()


def closed_by_an_impatient_one(home: Path) -> tuple[dict[str, Any], float]:
    """Close the run; return the closure and how long was waited, by the closer's own clock."""
    clock = Impatient()
    answer = close(Platform.open(home, clock=clock), RUN)
    return answer, clock.waited


def test_a_closer_of_this_machine_that_was_killed_is_not_waited_for(
    home: Path, closer: subprocess.Popen[str]
) -> None:
    closer.send_signal(signal.SIGKILL)
    closer.wait(60)
    answer, waited = closed_by_an_impatient_one(home)
    assert (answer["verdict"], answer["epoch"]) == ("CLOSED", 2)
    assert waited < 30


def test_a_closer_that_only_stands_still_is_waited_for(
    home: Path, closer: subprocess.Popen[str]
) -> None:
    closer.send_signal(signal.SIGSTOP)
    answer, waited = closed_by_an_impatient_one(home)
    assert answer["epoch"] == 2
    assert waited >= 50


def test_an_attempt_of_this_process_that_could_not_give_its_claim_up_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Platform.open(home)
    create = full.store.create

    def refused(path: str, data: bytes) -> None:
        if not path.endswith(".claim"):
            raise StoreUnwritable("it", expected="room", found="none", remedy="Wait.")
        create(path, data)

    monkeypatch.setattr(full.store, "create", refused)
    with pytest.raises(StoreUnwritable):
        close(full, RUN)
    answer, waited = closed_by_an_impatient_one(home)
    assert (answer["verdict"], answer["epoch"]) == ("CLOSED", 2)
    assert waited < 30


def test_an_attempt_that_is_under_way_is_not_gone() -> None:
    with attempting("a" * 32):
        assert not is_gone(owner(), "a" * 32)
        assert is_gone(owner(), "b" * 32)
    assert is_gone(owner(), "a" * 32)


def test_a_number_that_another_process_has_now_is_no_sign_of_life() -> None:
    before, _, started = owner().rpartition(", ")
    another = f"{before}, {int(started[:-1]) + 1})".replace(
        f"process {os.getpid()} ", f"process {os.getppid()} "
    )
    assert is_gone(another, "a" * 32)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "host process 1",
        "another closer",
        "",
        owner().replace("pid:[", "pid:[9"),
        owner().replace("(", "(f"),
    ],
    # An id that named this process would differ between the workers of pytest-xdist.
    ids=["another host", "no process", "nothing", "another namespace", "another boot"],
)
def test_of_closers_elsewhere_nothing_is_known(elsewhere: str) -> None:
    assert not is_gone(elsewhere, "a" * 32)
