"""The probe on a real home: the shipped command takes each window under limits that end it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.examples.home import create_home
from platform_assets.identifiers import LaneRunId
from platform_assets.lanes import attempt as attempts
from platform_assets.lanes.auditor import Auditor
from platform_assets.lanes.closures import Closures
from platform_assets.lanes.disk_sizes import DiskSizes
from platform_assets.lanes.home import make_lane_home
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.probe import Probe
from platform_assets.lanes.windows import read_windows, write_windows
from platform_assets.pipeline import Platform
from platform_assets.pipeline.produce import create_streams
from platform_assets_tests.lanes.probe_plans import probe
from platform_assets_tests.lanes.workloads import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from platform_assets.lanes.auditor import Truth
    from platform_assets.lanes.closures import SeenClosure
    from platform_assets.lanes.plan import LanePlan

MIB = 1024**2


class Tried:
    """A probe of a lane's own home."""

    def __init__(self, folder: Path, plan: LanePlan) -> None:
        create_home(folder / "in_use", [])
        in_use = Platform.open(folder / "in_use")
        self.folder, self.plan = folder, plan
        self.home = make_lane_home(plan, in_use, folder / "work" / "home", LaneRunId("probe", 1))
        self.platform = Platform.open(self.home)
        create_streams(self.platform, "load", {"orders": plan.workload.partitions})
        self.clock = LoadClock(time.monotonic_ns())
        self.said: list[str] = []
        self.probe = Probe(
            plan,
            PREFIX,
            self.platform,
            clock=self.clock,
            work=folder / "work",
            told=self.said.append,
        )

    def run(self) -> Probe:
        self.probe.run()
        return self.probe

    def truth(self) -> Truth:
        """Return what stands in closed runs, against the probe's own ledger."""
        auditor = Auditor(self.platform, self.plan, PREFIX)

        def audit(seen: SeenClosure) -> None:
            auditor.audit(seen)

        closures = Closures(
            self.platform, "load", clock=self.clock, evidence=self.folder / "runs", told=audit
        )
        closures.start()
        closures.stop()
        assert not closures.open()
        return auditor.truth([self.probe.ledger()])


def new_probe(folder: Path, first: int = 500, at_most: int = 1_000, **limits: Any) -> Tried:
    return Tried(folder, probe(first, at_most, **limits))


def largest_of(tried: Probe) -> int:
    (sample,) = tried.series["largest_window"]
    return sample.value


def nothing_is_wrong(truth: Truth) -> bool:
    errors = (truth.lost, truth.doubled, truth.unexpected)
    return not any((*errors, truth.quarantine_error, truth.duplicate_error))


def test_windows_double_up_to_the_largest_and_every_event_stands_once(tmp_path: Path) -> None:
    tried = new_probe(tmp_path)

    found = tried.run()

    assert [(w.events, w.certified, w.closed, w.run_id) for w in found.windows] == [
        (500, True, True, "load-00000001"),
        (1_000, True, True, "load-00000002"),
    ]
    assert found.windows[0].ended == ""
    assert found.windows[1].ended == "it was the largest window that the plan allows"
    assert largest_of(found) == 1_000
    assert found.ledger().acknowledged == 1_500
    assert nothing_is_wrong(tried.truth())
    labels = {sample.label for sample in found.series["step_duration"]}
    assert {"500 land orders", "1000 certify turnover", "1000 close"} <= labels
    assert tried.said[:2] == ["sends 500 events", "takes 500 events with limits"]


def test_a_window_that_spills_too_much_ends_it_and_is_closed_without_the_limit(
    tmp_path: Path,
) -> None:
    # What is spilled is looked at twice a second: the window takes longer than that.
    tried = new_probe(tmp_path, first=80_000, at_most=80_000, spill_limit=1_000)

    found = tried.run()

    (window,) = found.windows
    limited, again = window.attempts
    assert (window.certified, window.closed, largest_of(found)) == (False, True, 0)
    assert (limited.how, limited.exit_code) == ("spill_exhausted", 1)
    assert limited.error.startswith("SpillExhausted: ")
    assert (again.how, again.limited, again.limit) == ("closed", False, "none")
    assert set(window.outputs) == {"orders", "turnover"}
    assert all(window.outputs.values()), "nothing of it may be readable"
    assert window.ended.startswith("spill exhausted, exit 1, by itself, SpillExhausted: ")
    assert nothing_is_wrong(tried.truth())


def test_a_window_that_is_killed_is_continued_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Watched, so that it ends in the same way on every machine; it is past its beginning by then.
    monkeypatch.setattr(attempts, "make_group", lambda _: None)
    tried = new_probe(tmp_path, memory_limit=100 * MIB)

    found = tried.run()

    (window,) = found.windows
    assert [(each.how, each.exit_code) for each in window.attempts] == [
        ("killed", 137),
        ("closed", 0),
    ]
    assert window.attempts[0].by == "the probe, as it held more than 104,857,600 bytes"
    assert (window.certified, window.closed) == (False, True)
    assert nothing_is_wrong(tried.truth())


def test_a_window_that_takes_too_long_ends_it(tmp_path: Path) -> None:
    tried = new_probe(tmp_path, window_seconds=1)

    found = tried.run()

    (window,) = found.windows
    assert [each.how for each in window.attempts] == ["timed_out", "closed"]
    assert window.ended.endswith("by the probe, when its time was over")
    assert largest_of(found) == 0
    assert nothing_is_wrong(tried.truth())
    write_windows(tmp_path, found.windows)
    assert read_windows((tmp_path / "windows.json").read_bytes()) == found.windows


def test_a_window_that_cannot_be_closed_without_limits_either_says_why(tmp_path: Path) -> None:
    tried = new_probe(tmp_path, window_seconds=1)
    functions = tried.home / "defs" / "load" / "defs.yaml"
    functions.write_text(functions.read_text().replace("turnover:turnover", "turnover:nothing"))

    found = tried.run()

    (window,) = found.windows
    assert (window.certified, window.closed) == (False, False)
    assert window.attempts[-1].exit_code > 0
    assert "nothing" in window.attempts[-1].error
    assert str(tmp_path) not in window.attempts[-1].error


def test_a_window_that_the_feed_cuts_is_not_one_of_that_size(tmp_path: Path) -> None:
    tried = new_probe(tmp_path)
    defs = tried.home / "defs" / "load" / "defs.yaml"
    document = yaml.safe_load(defs.read_text())
    document["attributes"]["window"]["max_records"] = 400
    defs.write_text(yaml.safe_dump(document))

    found = tried.run()

    (window,) = found.windows
    assert window.ended == "its run took 400 of 500 events"
    assert (window.certified, window.closed) == (False, True)
    assert nothing_is_wrong(tried.truth())


def test_a_window_that_cannot_be_sent_is_not_tried_and_what_stands_of_it_is_closed(
    tmp_path: Path,
) -> None:
    tried = new_probe(tmp_path)
    (topic,) = (tried.home / "data" / "load").iterdir()
    (topic / "2").rmdir()
    (topic / "2").write_text("no folder")

    found = tried.run()

    (window,) = found.windows
    assert window.ended.startswith("its events could not be sent: ")
    assert not window.certified
    assert not [each for each in window.attempts if each.limited]


def test_a_window_that_the_disk_has_no_room_for_is_not_begun(tmp_path: Path) -> None:
    tried = new_probe(tmp_path)
    (taken,) = DiskSizes((tmp_path / "work",), {}, tmp_path).look().values()
    tried.probe._disk = taken + 1_000  # what the first window takes is not known beforehand

    found = tried.run()

    first, second = found.windows
    assert (first.certified, second.certified, second.attempts) == (True, False, ())
    assert second.ended.startswith("it was not begun: ")
    assert largest_of(found) == 500
    assert found.ledger().sent == 500
