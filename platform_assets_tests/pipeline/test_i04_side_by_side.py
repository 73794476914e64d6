"""I4 for windows that go side by side: the settlement log decides which repeat is the first."""

from __future__ import annotations

import random
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import UnknownOutcome
from platform_assets.pipeline import Platform, admit
from platform_assets_tests.pipeline.side_by_side import (
    decided,
    expected,
    ids_of,
    land_windows,
    parallel_shop,
    settled_order,
)
from platform_assets_tests.shop import cancelled, refunded
from platform_assets_tests.simulators.store import SimulatedCrash

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.identifiers import RunId

RECORD = st.sampled_from(
    [cancelled(number, why=why) for number in range(4) for why in (None, "a")]
    + [refunded(number) for number in range(3)]
)
WINDOWS = st.lists(st.lists(RECORD, min_size=1, max_size=6), min_size=2, max_size=4)


class RestlessStore(LocalStore):
    """A store that takes its time, and does not always say that a write took effect."""

    def __init__(self, root: Path, seed: int) -> None:
        super().__init__(root)
        self._random = random.Random(seed)  # noqa: S311 - repeatable delays, no secret
        self._mutex = threading.Lock()

    def create(self, path: str, data: bytes) -> None:
        with self._mutex:
            before, after, lost = (self._random.random() for _ in range(3))
        time.sleep(before / 100)
        super().create(path, data)
        time.sleep(after / 100)
        if lost < 0.3:
            raise UnknownOutcome(path, expected="an answer", found="none", remedy="Read it.")


def admit_at_once(home: Path, runs: list[RunId], seed: int, attempts: int = 1) -> None:
    """Admit runs in threads that begin together, each run so often."""
    begin = threading.Barrier(len(runs) * attempts)
    failures: list[BaseException] = []

    def work(run: RunId) -> None:
        platform = Platform.open(home, store=RestlessStore(home / "store", seed + run.sequence))
        begin.wait(60)
        try:
            admit(platform, run, "changes")
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(run,)) for run in runs for _ in range(attempts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures


def require_outcome(home: Path, windows: Any, horizon: int, into: Path) -> None:
    order = settled_order(home)
    outcome = expected(windows, order, horizon)
    assert sorted(run.sequence for run in order) == list(range(1, len(windows) + 1))
    for run in order:
        assert decided(home, run, into) == outcome[run.sequence], (run, order)


@given(windows=WINDOWS, horizon=st.sampled_from([1, 3]), seed=st.integers(0, 1000))
@settings(
    max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate]
)  # a race does not shrink
def test_i04_whatever_the_order_that_came_out_the_outcome_is_that_of_plain_python_in_that_order(
    windows: Any, horizon: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("restless")
    home = parallel_shop(folder / "home", horizon=horizon)
    admit_at_once(home, land_windows(home, windows), seed)
    require_outcome(home, windows, horizon, folder)
    shutil.rmtree(folder)


def test_i04_each_identity_is_admitted_once_over_all_windows_of_the_horizon(tmp_path: Path) -> None:
    windows = [[cancelled(n), cancelled(n + 1), refunded(n)] for n in range(4)]
    home = parallel_shop(tmp_path / "home")
    runs = land_windows(home, windows)
    admit_at_once(home, runs, seed=3)
    require_outcome(home, windows, 3, tmp_path)
    admitted = sum(len(decided(home, run, tmp_path)["admitted"]) for run in runs)
    assert admitted == len(ids_of(windows))


def test_i15_attempts_of_one_run_at_once_leave_one_entry_and_one_receipt(tmp_path: Path) -> None:
    windows = [[cancelled(0), cancelled(1)], [cancelled(1), cancelled(2)]]
    home = parallel_shop(tmp_path / "home")
    admit_at_once(home, land_windows(home, windows), seed=5, attempts=2)
    require_outcome(home, windows, 3, tmp_path)


class CrashingStore(LocalStore):
    """A store whose process is gone at the n-th durable write, before or after it took effect."""

    def __init__(self, root: Path, write: int, moment: str) -> None:
        super().__init__(root)
        self.paths: list[str] = []
        self._write, self._moment = write, moment

    def create(self, path: str, data: bytes) -> None:
        self._crash(path, "before")
        super().create(path, data)
        self._crash(path, "after")

    def create_from(self, path: str, source: Path) -> None:
        self._crash(path, "before")
        super().create_from(path, source)
        self._crash(path, "after")

    def _crash(self, path: str, moment: str) -> None:
        self.paths += [path] if moment == "before" else []
        if (len(self.paths), moment) == (self._write, self._moment):
            raise SimulatedCrash(path)


def test_i15_a_crash_at_any_write_leaves_a_log_that_whoever_comes_next_goes_on_with(
    tmp_path: Path,
) -> None:
    windows = [[cancelled(0), cancelled(1), refunded(0)], [cancelled(1), cancelled(2), refunded(0)]]
    fresh = parallel_shop(tmp_path / "fresh")
    one, two = land_windows(fresh, windows)
    watched = CrashingStore(shutil.copytree(fresh, tmp_path / "watched") / "store", 0, "before")
    admit(Platform.open(tmp_path / "watched", store=watched), one, "changes")
    writes = [path.split("/")[-2] for path in watched.paths]
    assert writes[-3:] == ["receipts", "changes", "admission"]
    for write in range(1, len(writes) + 1):
        home = shutil.copytree(fresh, tmp_path / f"{write}")
        crashing = CrashingStore(home / "store", write, "after")
        with pytest.raises(SimulatedCrash):
            admit(Platform.open(home, store=crashing), one, "changes")
        for run in (two, one):
            admit(Platform.open(home), run, "changes")
        settled = write >= len(writes) - 1  # its entry stood before it crashed
        assert settled_order(home) == ([one, two] if settled else [two, one])
        require_outcome(home, windows, 3, tmp_path)
        shutil.rmtree(home)
