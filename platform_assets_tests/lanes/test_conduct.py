"""Whole lanes through the command line: to a verdict, or to an end that leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_assets.adapters.process_tree import with_descendants
from platform_assets.examples.home import create_home
from platform_assets.lanes.feed import SAMPLE_FILE, feed_folder
from platform_assets_tests.cli.calls import Called, call, start
from platform_assets_tests.lanes.plans import burst

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

RUN = "lane-burst-00000001"
THRESHOLDS: dict[str, Any] = {
    "schedule_kept": {"metric": "slip", "statistic": "p99_9", "at_most": 500, "unit": "ms"},
    "sent": {"metric": "acknowledged", "statistic": "mean", "at_least": 300, "unit": "/s"},
    "lag": {"metric": "lag", "statistic": "max", "at_most": 60, "unit": "s"},
    "latency": {"metric": "latency", "statistic": "p99", "at_most": 60, "unit": "s"},
    "drained": {"metric": "drain", "statistic": "max", "at_most": 60, "unit": "s"},
    "steps": {"metric": "step_duration", "statistic": "max", "at_most": 60, "unit": "s"},
    "memory": {"metric": "memory", "statistic": "max", "at_most": 3, "unit": "GiB"},
    "floor": {"metric": "memory_floor", "statistic": "max", "at_most": 3, "unit": "GiB"},
    "certified": {"metric": "certified", "statistic": "mean", "at_least": 1, "unit": "/s"},
    "truth": {"metric": "lost", "statistic": "sum", "at_most": 0, "unit": "1"},
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in use, with a feed and a store of its own, in which something was closed."""
    create_home(tmp_path / "home", ["earthquakes"])
    assert call("run", "earthquakes", "--home", tmp_path / "home", "--json").code == 0
    return tmp_path / "home"


def plan_file(folder: Path, **target: Any) -> Path:
    """Write a plan of two seconds of 500 events a second, five of 800, and eight of 500."""
    phases = [
        {"name": "warmup", "seconds": 2, "rate": 500},
        {"name": "spike", "seconds": 5, "rate": 800},
        {"name": "calm", "seconds": 8, "rate": 500},
    ]
    document = burst(of={"phases": phases}, **target).record()
    document |= {"thresholds": THRESHOLDS, "profiles": {"tiny": {}}}
    del document["profile"]
    document["workload"]["sample"] = str(feed_folder() / SAMPLE_FILE)
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def recovery_plan(folder: Path, kind: str) -> Path:
    """Write a plan in which one fault of a kind strikes three seconds after the load begins."""
    plan = plan_file(folder)
    document = yaml.safe_load(plan.read_text())
    phases = [("warmup", 3), ("faults", 12)]
    document["workload"]["phases"] = [
        {"name": name, "seconds": seconds, "rate": 300} for name, seconds in phases
    ]
    fault = {"kind": kind, "times": 1, "recover_within_seconds": 90}
    document |= {
        "lane": "recovery",
        "schedule": {
            "phase": "faults",
            "pause_seconds": 0,
            "give_up_seconds": 120,
            "faults": [fault],
        },
        "thresholds": {
            "steady_again": {
                "metric": "recovery",
                "statistic": "max",
                "label": kind,
                "at_most": 90,
                "unit": "s",
            },
            "struck": {"metric": "faults", "statistic": "sum", "at_least": 1, "unit": "1"},
        },
    }
    plan.write_text(yaml.safe_dump(document))
    return plan


def fingerprints(home: Path) -> dict[str, str]:
    """Return what every file of a home holds, but for those of its lanes."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.relative_to(home).parts[0] != "lanes"
    }


def started(home: Path, plan: Path) -> tuple[Popen[str], set[int]]:
    """Start a lane, and return it with all of its processes once its load is under way."""
    lane = start("lane", "burst", "--profile", "tiny", "--plan", plan, "--home", home, "--json")
    closed = home / "lanes" / RUN / "evidence" / "runs"
    while not closed.exists():
        assert lane.poll() is None, lane.communicate()
        time.sleep(0.1)
    pids = set(with_descendants(lane.pid))
    assert len(pids) >= 4, "the lane itself, its worker and two generators"
    return lane, pids


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if os.path.exists(f"/proc/{pid}")}  # noqa: PTH110 - of a process


def state_of(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((home / "lanes" / RUN / "state.json").read_text())
    return told


def assert_passed(done: Called) -> None:
    """Require a PASS, unless this machine was so busy that the load could not be sent on time."""
    busy = [
        each["name"]
        for each in done.document["thresholds"]
        if each["reason"].startswith("the load was not as planned: sent")
    ]
    assert (done.code, done.document["verdict"]) == ((1, "NO_DATA") if busy else (0, "PASS")), done
    judged = {each["name"]: each["verdict"] for each in done.document["thresholds"]}
    assert {verdict for name, verdict in judged.items() if name not in busy} == {"PASS"}
    assert all(each["satisfied"] for each in done.document["requirements"])


def test_a_lane_comes_to_its_verdict_and_touches_nothing_of_the_home_in_use(
    home: Path, tmp_path: Path
) -> None:
    before = fingerprints(home)
    plan = plan_file(tmp_path)
    done = call("lane", "burst", "--profile", "tiny", "--plan", plan, "--home", home, "--json")
    assert_passed(done)
    assert {each["name"] for each in done.document["thresholds"]} == set(THRESHOLDS)
    assert fingerprints(home) == before
    verified = call("verify", RUN, "--home", home, "--json")
    assert (verified.code, verified.document["verified"]) == (0, True)
    assert verified.document["verdict"] == done.document["verdict"]
    assert verified.document["sent"] == 9_000
    assert not (home / "lanes" / RUN / "work").exists()
    [listed] = call("lane", "list", "--home", home, "--json").document
    told = (listed["lane_run"], listed["state"], listed["verdict"])
    assert told == (RUN, "judged", done.document["verdict"])
    assert RUN in call("lane", "list", "--home", home).out


def test_a_lane_that_does_not_keep_a_limit_fails(home: Path, tmp_path: Path) -> None:
    plan = plan_file(tmp_path)
    document = yaml.safe_load(plan.read_text())
    document["thresholds"] = {
        "too_much": {"metric": "run_events", "statistic": "max", "at_most": 1, "unit": "1"},
        "unheard_of": {"metric": "recovery", "statistic": "max", "at_most": 1, "unit": "s"},
    }
    document["workload"]["phases"] = [{"name": "short", "seconds": 3, "rate": 100}]
    plan.write_text(yaml.safe_dump(document))
    done = call("lane", "burst", "--profile", "tiny", "--plan", plan, "--home", home, "--keep")
    assert done.code == 1
    assert "too_much" in done.out
    assert "NO_DATA" in done.out
    assert f"{RUN} FAIL" in done.out
    assert (home / "lanes" / RUN / "work" / "home").is_dir()
    assert call("verify", RUN, "--home", home).code == 0


def test_a_lane_that_takes_more_disk_than_planned_is_ended(home: Path, tmp_path: Path) -> None:
    plan = plan_file(tmp_path)
    document = yaml.safe_load(plan.read_text())
    document["budgets"]["disk"] = "200KiB"
    plan.write_text(yaml.safe_dump(document))
    done = call("lane", "burst", "--profile", "tiny", "--plan", plan, "--home", home, "--json")
    assert (done.code, done.document["error"]) == (1, "LaneEnded")
    assert "at most 204,800 bytes on disk" in done.document["expected"]
    assert state_of(home)["state"] == "ended"
    assert (home / "lanes" / RUN / "work" / "measured" / "samples.ndjson").stat().st_size
    assert not (home / "lanes" / RUN / "evidence" / "lane.json").exists()
    assert call("verify", RUN, "--home", home, "--json").code == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_lane_leaves_no_process_behind(
    home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    lane, pids = started(home, plan_file(tmp_path))
    lane.send_signal(number)
    out, err = lane.communicate(timeout=120)
    assert (lane.returncode, json.loads(out)["error"]) == (3, "LaneInterrupted"), err
    assert "Traceback" not in err
    assert alive(pids) == set()
    assert state_of(home)["state"] == "interrupted"
    assert (home / "lanes" / RUN / "work" / "measured" / "samples.ndjson").stat().st_size


def test_a_killed_lane_takes_its_processes_with_it(home: Path, tmp_path: Path) -> None:
    lane, pids = started(home, plan_file(tmp_path))
    lane.kill()
    lane.communicate()
    deadline = time.monotonic() + 30
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive(pids) == set()
    [listed] = call("lane", "list", "--home", home, "--json").document
    assert listed["state"] == "gone"


def test_a_worker_that_was_killed_under_load_loses_and_doubles_nothing(
    home: Path, tmp_path: Path
) -> None:
    plan = recovery_plan(tmp_path, "kill_worker")
    done = call("lane", "recovery", "--profile", "tiny", "--plan", plan, "--home", home, "--json")
    assert_passed(done)
    evidence = home / "lanes" / "lane-recovery-00000001" / "evidence"
    [fault] = json.loads((evidence / "faults.json").read_text())["faults"]
    assert fault["kind"] == "kill_worker"
    assert fault["at_us"] >= 3_000_000
    assert fault["steady_us"] > fault["ended_us"]
    [end] = json.loads((evidence / "notes.json").read_text())["ends"]
    assert (end["name"], end["how"]) == ("worker", "SIGKILL")
    assert call("verify", "lane-recovery-00000001", "--home", home).code == 0


def test_faults_that_do_not_fit_the_target_are_a_mistake_and_begin_no_lane(
    home: Path, tmp_path: Path
) -> None:
    plan = recovery_plan(tmp_path, "kill_broker")
    done = call("lane", "recovery", "--profile", "tiny", "--plan", plan, "--home", home, "--json")
    assert (done.code, done.document["error"]) == (2, "DeclarationInvalid")
    assert "kill_broker needs a service `broker`" in done.document["found"]
    assert not (home / "lanes").exists()


def test_a_service_that_does_not_serve_is_unreachable(home: Path, tmp_path: Path) -> None:
    ready = {"address": "127.0.0.1:1", "within_seconds": 1}
    plan = plan_file(tmp_path, services={"broker": {"command": ["sleep", "600"], "ready": ready}})
    done = call("lane", "burst", "--profile", "tiny", "--plan", plan, "--home", home, "--json")
    assert (done.code, done.document["error"]) == (3, "DependencyUnreachable")
    assert state_of(home)["state"] == "ended"


def test_a_profile_that_there_is_not_is_a_mistake_and_begins_no_lane(home: Path) -> None:
    done = call("lane", "burst", "--profile", "tiniest", "--home", home, "--json")
    assert done.code == 2
    assert not (home / "lanes").exists()
