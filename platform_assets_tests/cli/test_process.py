"""The command as a process: its streams, its signals, and the demonstration from nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from platform_assets_tests.cli.calls import start
from platform_assets_tests.cli.conftest import CLOSED, OPEN
from platform_assets_tests.shop import make_shop

FULL = Path("/dev/full")


def test_the_installed_command_answers_and_refuses(failing: Path) -> None:
    shown = start("runs", "shop", "--home", failing, "--json")
    refused = start("run", "shop", "--home", failing, "--json")
    wrong = start("run", "--json")
    out, err = shown.communicate()
    assert (shown.returncode, len(json.loads(out)), err) == (0, 2, "")
    out, err = refused.communicate()
    assert (refused.returncode, json.loads(out)["run_id"], err) == (1, OPEN, "")
    out, err = wrong.communicate()
    assert (wrong.returncode, json.loads(out)["error"], err) == (2, "Usage", "")


def test_a_reader_that_went_away_is_no_refusal_and_no_trace(failing: Path) -> None:
    ends = os.pipe()
    os.close(ends[0])
    shown = start("show", CLOSED, "--home", failing, stdout=ends[1])
    os.close(ends[1])
    _, err = shown.communicate()
    assert (shown.returncode, err) == (3, "")


@pytest.mark.skipif(not FULL.exists(), reason="there is no full device on this system")
def test_an_answer_that_cannot_be_written_is_unreachable(failing: Path) -> None:
    with FULL.open("w") as full:
        shown = start("show", CLOSED, "--home", failing, "--json", stdout=full)
        _, err = shown.communicate()
    assert shown.returncode == 3
    assert "StoreUnwritable: stdout" in err


def test_an_interrupted_run_is_unknown_and_goes_on_when_called_again(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    waiting = "import pathlib, time\n"
    waits = "    pathlib.Path(__file__).with_name('here').touch(); time.sleep(60)\n"
    functions = home / "shop_functions.py"
    ready = functions.read_text()
    functions.write_text(waiting + ready.replace("parameters):\n", f"parameters):\n{waits}"))
    stopped = start("run", "shop", "--home", home, "--json")
    while not (home / "here").exists():
        assert stopped.poll() is None, stopped.communicate()
        time.sleep(0.05)
    stopped.send_signal(signal.SIGINT)
    out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 3, err
    assert json.loads(out)["error"] == "UnknownOutcome"
    assert "Traceback" not in err
    functions.write_text(ready)
    out, _ = start("run", "shop", "--home", home, "--json").communicate()
    assert json.loads(out)["runs"][0]["run_id"] == CLOSED


def test_a1_the_demonstration_closes_every_window_and_then_finds_nothing_new(
    tmp_path: Path,
) -> None:
    done = start("demo", "--json", cwd=tmp_path, env={**os.environ, "PLATFORM_HOME": ""})
    out, err = done.communicate()
    told = json.loads(out)
    assert (done.returncode, err) == (0, "")
    assert [run["run_id"] for run in told["runs"]] == [
        "earthquakes-00000001",
        "earthquakes-00000002",
    ]
    assert told["totals"]["delivered"] == told["totals"]["admitted"] == 1707
    assert all(Path(run["report"]).is_relative_to(tmp_path / ".platform") for run in told["runs"])
    assert all(result["verified"] for result in told["verified"].values())
    again = start("demo", "--home", tmp_path / ".platform", "--json")
    out, _ = again.communicate()
    assert (again.returncode, json.loads(out)["caught_up"]) == (0, True)
