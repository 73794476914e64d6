"""What is made of the moments at which events leave and are acknowledged."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.errors import SourceUnreachable
from platform_assets.lanes.accounts import Accounts
from platform_assets.lanes.interval_log import IntervalLog, read_intervals
from platform_assets.lanes.ledger import ProcessLedger, Stretch
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.progress import ProgressFile, Stage
from platform_assets.lanes.schedule import SECOND, Schedule
from platform_assets.lanes.witness import FILES, Witness, _Known
from platform_assets.pipeline.ledger import Places, StreamLedger
from platform_assets.ports.sinks import SendReport, Trouble
from platform_assets_tests.lanes.workloads import PREFIX, workload

if TYPE_CHECKING:
    from pathlib import Path

START_NS = 5_000_000_000_000


@given(st.permutations(range(30)), st.lists(st.integers(1, 5), min_size=30, max_size=30))
def test_the_fate_is_known_up_to_the_first_event_of_which_it_is_not(
    order: list[int], portions: list[int]
) -> None:
    known, told = _Known(), set()
    while order:
        portion = [order.pop() for _ in range(min(portions.pop(), len(order)))]
        known.add(np.array(portion))
        told.update(portion)
        assert known.below == next(n for n in range(31) if n not in told)
    known.add(np.array([], np.int64))
    assert known.below == 30


class Sent:
    """A witness of one process of two, whose clock the test turns."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0
        monkeypatch.setattr("platform_assets.lanes.witness.monotonic_ns", self._monotonic_ns)
        self.schedule = Schedule(workload(phases=[{"name": "steady", "seconds": 3, "rate": 8}]))
        self.progress = ProgressFile.create(folder / "progress", first=1, processes=2)
        self.folder = folder
        self.witness = Witness(
            self.schedule, 1, clock=LoadClock(START_NS), folder=folder, progress=self.progress
        )

    def _monotonic_ns(self) -> int:
        return START_NS + self.now * 1_000

    def leave(self, now: int) -> None:
        self.now = now
        self.witness.notes.sent("orders", 0)

    def acknowledge(self, now: int, *numbers: int) -> None:
        self.now = now
        for number in numbers:
            self.witness.notes.acknowledged("orders", number)

    def seconds(self, metric: str) -> dict[int, list[int]]:
        """Return the values of each second that was written."""
        return {
            interval.begin // SECOND: sorted(
                value
                for item in interval.histogram.get_recorded_iterator()
                for value in [item.value_iterated_to] * item.count_at_value_iterated_to
            )
            for interval in read_intervals(self.folder / FILES[metric])
        }


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    return Sent(tmp_path, monkeypatch)


def test_durations_count_from_the_intended_moment_and_belong_to_its_second(sent: Sent) -> None:
    # process 1 sends events 1, 3, 5 and so on, due at 125, 375, 625 and 875 ms of each second
    for number in range(4):
        sent.leave(125_000 + number * 250_000 + 10)
    sent.acknowledge(2_000_000, 0, 1)
    sent.witness.look()
    assert sent.seconds("slip") == {0: [10, 10, 10, 10]}
    assert sent.seconds("acknowledgement") == {}  # two are still to come
    assert tuple(sent.progress.look()) == (Stage.PREPARING, 4, 2, 3)
    sent.acknowledge(4_000_000, 3, 2)
    sent.witness.look()
    assert {second: len(found) for second, found in sent.seconds("acknowledgement").items()} == {
        0: 4
    }
    shortest, *_, longest = sent.seconds("acknowledgement")[0]
    assert shortest == pytest.approx(2_000_000 - 375_000, rel=0.001)
    assert longest == pytest.approx(4_000_000 - 625_000, rel=0.001)
    assert tuple(sent.progress.look()) == (Stage.PREPARING, 4, 4, 7)


def test_events_that_leave_late_are_late_in_the_second_in_which_they_were_due(sent: Sent) -> None:
    for number in range(12):
        sent.leave(9_000_000 + number)
    sent.witness.look()
    slips = sent.seconds("slip")
    assert {second: len(found) for second, found in slips.items()} == {0: 4, 1: 4, 2: 4}
    for second, found in slips.items():
        assert min(found) >= (9 - second - 1) * SECOND * 0.999
    assert (sent.witness.first_sent_us, sent.witness.last_sent_us) == (9_000_000, 9_000_011)


def test_a_second_is_complete_when_the_fate_of_its_last_event_is_known(sent: Sent) -> None:
    for number in range(8):
        sent.leave(number * 250_000 + 125_000)
    sent.acknowledge(2_000_000, 0, 1, 2, 4, 5, 6, 7)
    sent.witness.look()
    assert sent.seconds("acknowledgement") == {}
    sent.witness.note_known([3])
    assert {s: len(found) for s, found in sent.seconds("acknowledgement").items()} == {0: 3, 1: 4}
    assert sent.progress.look().reached == 15


def test_numbers_of_a_later_sending_follow_those_of_the_one_before(sent: Sent) -> None:
    sent.leave(125_000)
    sent.acknowledge(130_000, 0)
    sent.witness.notes.begun = 1
    sent.leave(375_000)
    sent.acknowledge(380_000, 0)
    sent.witness.look()
    assert tuple(sent.progress.look())[1:] == (2, 2, 3)


def test_what_is_not_complete_in_the_end_is_written_all_the_same(sent: Sent) -> None:
    sent.witness.start()
    sent.leave(125_000)
    sent.acknowledge(130_000, 0)
    sent.witness.stop()
    assert sent.seconds("slip") == {0: [0]}
    assert sent.seconds("acknowledgement") == {0: [pytest.approx(5_000, rel=0.001)]}


BLIND_WITNESS = """
import os, sys, time
from pathlib import Path
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.progress import ProgressFile
from platform_assets.lanes.schedule import Schedule
from platform_assets.lanes.witness import Witness
from platform_assets_tests.lanes.workloads import workload

folder = Path(sys.argv[1])
witness = Witness(
    Schedule(workload(phases=[{"name": "one", "seconds": 1, "rate": 1}])),
    0,
    clock=LoadClock(time.monotonic_ns()),
    folder=folder,
    progress=ProgressFile.create(folder / "progress", first=0, processes=2),
)
full = os.open("/dev/full", os.O_WRONLY)
os.dup2(full, witness._slip._file.fileno())
witness.start()
witness.notes.sent("orders", 0)
time.sleep(600)
"""


def test_a_process_that_can_write_its_figures_no_more_ends_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLIND_WITNESS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_a_line_that_was_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "slip.ndjson"
    log = IntervalLog(path, "generator-0")
    for second in range(3):
        log.record(np.array([second * SECOND]), np.array([second]))
    log.complete(2 * SECOND)
    assert [each.begin for each in read_intervals(path)] == [0, SECOND]
    path.write_bytes(path.read_bytes()[:-5])
    assert [each.begin for each in read_intervals(path)] == [0]


def test_values_of_a_second_may_come_in_any_order_and_portions(tmp_path: Path) -> None:
    ordered = [(second * SECOND + n, n) for second in range(5) for n in range(1_000)]
    values = np.random.default_rng(7).permutation(ordered)
    log = IntervalLog(tmp_path / "slip.ndjson", "generator-0")
    for begin in range(0, len(values), 333):
        due, waited = values[begin : begin + 333].T
        log.record(due, waited)
    log.close()
    for interval in read_intervals(tmp_path / "slip.ndjson"):
        found = interval.histogram.get_recorded_iterator()
        assert [item.count_at_value_iterated_to for item in found] == [1] * 1_000


def told(report: SendReport, taken: int, error: Any = None) -> StreamLedger:
    return StreamLedger(
        stream="orders",
        kind="file_log",
        topic="orders",
        taken=taken,
        complete=error is None,
        report=report,
        digest=f"sha256:{0:064d}",
        places=Places(),
        error=error,
    )


UNREACHABLE = SourceUnreachable("a log", expected="an answer", found="none", remedy="Wait.")


def test_neighbours_of_one_fate_are_one_stretch_over_the_events_of_the_process(sent: Sent) -> None:
    accounts = Accounts(PREFIX, sent.schedule, 1)
    report = SendReport(
        acknowledged={"1": 4},
        ambiguous=(Trouble(1, "timed out"), Trouble(2, "timed out"), Trouble(3, "broken")),
        refused=(Trouble(5, "too large"),),
    )
    assert accounts.note(0, 8, told(report, 8)) == [1, 2, 3, 5]
    assert accounts.note(8, 0, told(SendReport(), 0, UNREACHABLE)) == []
    assert accounts.note(8, 2, told(SendReport(), 0, UNREACHABLE)) == [8, 9]
    for number in range(10):
        sent.leave(number)
    sent.witness.look()
    ledger = ProcessLedger.decoded(accounts.ledger(sent.witness).encoded(), "a ledger")
    assert ledger.ambiguous == (Stretch(3, 5, "timed out"), Stretch(7, 7, "broken"))
    assert ledger.refused == (
        Stretch(11, 11, "too large"),
        Stretch(17, 19, "SourceUnreachable: none"),
    )
    assert (ledger.sent, ledger.acknowledged) == (10, 4)
    assert [(each.first, each.sent, each.ended) for each in ledger.sendings] == [
        (1, 8, ""),
        (17, 2, "SourceUnreachable: none"),
    ]
