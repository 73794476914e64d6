"""``run FEED --follow`` as a process: what it tells, its signals, its death and its next life."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.flow.anchors import verify_chain
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, is_closed, open_product, runs
from platform_assets.pipeline.closure_log import is_logged
from platform_assets_tests.cli.calls import call, start
from platform_assets_tests.shop import append, make_shop, order, redeclare, refunded

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

R1 = RunId("shop", 1)
KILLS = 6
ORDERS = 400


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a shop of ten orders whose windows are due at once."""
    home = make_shop(tmp_path / "home", orders=10)
    redeclare(home, lambda feed: feed["window"].update(max_age_seconds=0))
    return home


class Worker:
    """The command, and the file to which it appends what happens."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home, self.file = home, home.parent / "events.ndjson"
        given = ("run", "shop", "--follow", "--events", self.file, "--home", home, *options)
        self.process: subprocess.Popen[str] = start(*given)

    def events(self) -> list[dict[str, Any]]:
        lines = self.file.read_bytes().split(b"\n") if self.file.exists() else []
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def of(self, name: str) -> list[dict[str, Any]]:
        mine = [event for event in self.events() if event["pid"] == self.process.pid]
        return [event for event in mine if event["event"] == name]

    def until(self, holds: Callable[[], object]) -> None:
        while not holds():
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def ended(self, number: signal.Signals) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


def order_ids(home: Path) -> list[str]:
    platform = Platform.open(home)
    closed = [run for run in runs(platform, "shop") if is_closed(platform, run)]
    frames = [open_product(platform, run, "orders").scan() for run in closed]
    return [i for frame in frames for i in frame.collect()["order_id"].to_list()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_tells_what_it_does_and_stops_when_it_is_told(
    home: Path, number: signal.Signals
) -> None:
    worker = Worker(home)
    worker.until(lambda: worker.of("closed"))
    append(home, "orders", 0, [order(100)])
    worker.until(lambda: len(worker.of("closed")) == 2)
    code, out, err = worker.ended(number)
    assert (code, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()[:2]] == [
        f"{R1} CLOSED",
        "shop-00000002 CLOSED",
    ]
    assert "12 delivered, 12 admitted, 0 duplicate, 0 quarantined" in out
    assert "13 delivered" in out.splitlines()[2]
    events = worker.events()
    names = [event["event"] for event in events if event["event"] != "step"]
    assert names == ["started", "pinned", "closed", "pinned", "closed", "stopped"]
    assert [event["monotonic_us"] for event in events] == sorted(e["monotonic_us"] for e in events)
    assert all(event["at"].endswith("Z") and len(event["at"]) == 27 for event in events)
    closed = worker.of("closed")[0]
    counts = {name: closed[name] for name in ("delivered", "admitted", "duplicate", "quarantined")}
    assert counts == {"delivered": 12, "admitted": 12, "duplicate": 0, "quarantined": 0}
    assert (closed["run_id"], closed["pinned_at"]) == (str(R1), worker.of("pinned")[0]["pinned_at"])
    steps = [(step["step"], step["thing"]) for step in worker.of("step")]
    assert steps.count(("land", "orders")) == steps.count(("close", "")) == 2
    assert worker.of("step")[0]["peak_rss_bytes"] > 0
    assert (worker.of("stopped")[0]["runs"], worker.of("stopped")[0]["outages"]) == (2, 0)


def test_json_is_one_document_at_the_end(home: Path) -> None:
    worker = Worker(home, "--json")
    worker.until(lambda: worker.of("closed"))
    code, out, err = worker.ended(signal.SIGTERM)
    assert (code, err) == (0, "")
    done = json.loads(out)
    assert (done["feed"], done["runs"], done["totals"]["admitted"]) == ("shop", 1, 12)


def test_a_signal_in_the_middle_of_a_function_stops_at_once_and_cleanly(home: Path) -> None:
    functions = home / "shop_functions.py"
    ready = functions.read_text()
    waits = "    pathlib.Path(__file__).with_name('here').touch(); time.sleep(3600)\n"
    functions.write_text(
        "import pathlib, time\n" + ready.replace("parameters):\n", f"parameters):\n{waits}")
    )
    worker = Worker(home)
    worker.until((home / "here").exists)
    code, _, err = worker.ended(signal.SIGTERM)
    assert (code, err) == (0, "")
    assert (len(worker.of("stopped")), worker.of("closed")) == (1, [])
    assert list((home / "scratch").iterdir()) == []
    functions.write_text(ready)
    worker = Worker(home)
    worker.until(lambda: worker.of("closed"))
    assert worker.ended(signal.SIGTERM)[0] == 0
    assert worker.of("pinned") == []


def test_an_outage_is_told_when_it_begins_and_when_it_is_over(home: Path) -> None:
    worker = Worker(home)
    worker.until(lambda: worker.of("closed"))
    (home / "data").rename(home / "data.away")
    worker.until(lambda: worker.of("outage"))
    (home / "data.away").rename(home / "data")
    worker.until(lambda: worker.of("recovered"))
    append(home, "orders", 0, [order(100)])
    worker.until(lambda: len(worker.of("closed")) == 2)
    code, _, err = worker.ended(signal.SIGTERM)
    assert code == 0
    assert err.count("SourceUnreachable: file log") == 1
    assert "The outage is over after" in err
    assert (len(worker.of("outage")), len(worker.of("recovered"))) == (1, 1)
    assert worker.of("outage")[0]["error"] == "SourceUnreachable"
    assert worker.of("recovered")[0]["lasted_us"] > 0


def test_a_failed_check_is_told_and_the_worker_does_not_exit(home: Path) -> None:
    append(home, "changes", 0, [refunded(0, cents=0)])
    worker = Worker(home, "--json")
    worker.until(lambda: worker.of("refused"))
    code, out, err = worker.ended(signal.SIGTERM)
    assert code == 0
    assert "CertificationFailed" in err
    assert "refund_size" in err
    assert [each["refused"] for each in json.loads(out)["refused"]] == [str(R1)]
    assert worker.of("refused")[0]["run_id"] == str(R1)


def test_a_mistake_in_a_declaration_ends_the_worker_with_its_code(home: Path) -> None:
    worker = Worker(home)
    worker.until(lambda: worker.of("closed"))
    redeclare(home, lambda feed: feed["window"].update(max_records="many"))
    _, err = worker.process.communicate(timeout=60)
    assert worker.process.returncode == 2
    assert "DeclarationInvalid" in err
    assert worker.of("stopped")[0]["error"] == "DeclarationInvalid"


def test_i15_a_worker_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing(
    home: Path,
) -> None:
    """Orders come all the time; the worker is killed at any moment and started again."""
    (home / "platform.yaml").write_text("claim_ttl_seconds: 1.0\n")
    chance = random.Random(6)  # noqa: S311 - no secret depends on it
    over = threading.Event()

    def shop() -> None:
        for number in range(100, 100 + ORDERS, 4):
            append(home, "orders", number % 2, [order(number + n) for n in range(4)])
            over.wait(0.1)

    customers = threading.Thread(target=shop)
    customers.start()
    try:
        for _ in range(KILLS):
            worker = Worker(home)
            worker.until(lambda worker=worker: worker.of("step"))
            time.sleep(chance.random() * 1.5)
            assert worker.ended(signal.SIGKILL)[0] == -signal.SIGKILL
    finally:
        over.set()
        customers.join()
    worker = Worker(home)
    expected = {f"o-{number}" for number in (*range(10), *range(100, 100 + ORDERS))}
    platform = Platform.open(home)
    worker.until(
        lambda: (
            (every := runs(platform, "shop"))
            and all(is_closed(platform, run) for run in every)
            and len(order_ids(home)) >= len(expected)
        )
    )
    assert worker.ended(signal.SIGTERM)[0] == 0
    every = runs(platform, "shop")
    assert sorted(order_ids(home)) == sorted(expected)
    verify_chain([platform.anchors(run) for run in every])
    assert all(is_logged(platform, run) for run in every)
    assert len({event["pid"] for event in worker.events()}) == KILLS + 1


def test_two_workers_of_one_feed_close_every_window_once(home: Path) -> None:
    redeclare(home, lambda feed: feed["window"].update(max_records=4))
    workers = [Worker(home), Worker(home)]
    platform = Platform.open(home)
    expected = {f"o-{number}" for number in range(10)}
    for worker in workers:
        worker.until(
            lambda: (
                len(runs(platform, "shop")) == 3
                and all(is_closed(platform, run) for run in runs(platform, "shop"))
            )
        )
    assert [worker.ended(signal.SIGTERM)[0] for worker in workers] == [0, 0]
    assert sorted(order_ids(home)) == sorted(expected)
    assert all(is_logged(platform, run) for run in runs(platform, "shop"))


def test_a_line_that_was_cut_spoils_no_other(home: Path) -> None:
    file = home.parent / "events.ndjson"
    file.write_text('{"event": "closed", "run')
    worker = Worker(home)
    worker.until(lambda: b'"started"' in file.read_bytes())
    assert worker.ended(signal.SIGTERM)[0] == 0
    lines = file.read_text().splitlines()
    assert lines[0] == '{"event": "closed", "run'
    assert json.loads(lines[1])["event"] == "started"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--follow", "--until-caught-up"), "--follow --until-caught-up"),
        (("--follow", "--parallel", "2"), "--follow --parallel 2"),
        (("--follow", "--supersede", str(R1), "--reason", "x"), "--follow --supersede"),
        (("--events", "events.ndjson"), "--events events.ndjson"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    home: Path, options: tuple[str, ...], says: str
) -> None:
    refused = call("run", "shop", *options, "--home", home, "--json")
    assert refused.code == 2
    assert refused.document["error"] == "Usage"
    assert says in refused.document["thing"]
    assert not (home / "store").exists()


def test_an_event_file_that_cannot_be_is_refused_before_anything_is_done(home: Path) -> None:
    for place in (home / "nowhere" / "events", home / "store" / "events", home):
        (home / "store").mkdir(exist_ok=True)
        refused = call("run", "shop", "--follow", "--events", place, "--home", home, "--json")
        assert (refused.code, refused.document["thing"]) == (2, f"--events {place}")
    assert list((home / "store").iterdir()) == []
