"""docs/tutorial.md does what it says: a third data set becomes a feed, and its runs close."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from platform_assets.examples.home import create_home
from platform_assets.pipeline import Platform
from platform_assets_tests.examples import flights_feed

BIN = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(
    not flights_feed.FLIGHTS.exists(), reason=f"the flights are not at {flights_feed.FLIGHTS}"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("flights") / "flights-home"
    create_home(home, examples=())
    flights_feed.add_flights(home)
    return home


def call(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = command
    done = subprocess.run(
        [BIN / program, *arguments], cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_tutorial_writes_the_files_that_it_names() -> None:
    assert sorted(flights_feed.tutorial_files()) == [
        "defs/flights/defs.yaml",
        "routes.py",
        "schemas/events/flights/flight.v1.json",
        "schemas/events/flights/route_delay.v1.json",
        "write_flights.py",
    ]


def test_the_feed_opens_and_its_log_holds_20000_flights(home: Path) -> None:
    platform = Platform.open(home)
    source = platform.source(platform.feed("flights"), "flights")
    assert [(e.partition, e.end - e.start) for e in source.extents()] == [
        ("0", 10_000),
        ("1", 10_000),
    ]


def test_a10_a_new_users_feed_is_checked_run_closed_and_verified(home: Path) -> None:
    commands = flights_feed.tutorial_commands()
    assert commands[:2] == [["platform-assets", "init", "flights-home"], ["cd", "flights-home"]]
    assert commands[2][:2] == ["python", "write_flights.py"]
    for command in commands[3:]:
        call(home, *command)
    runs = json.loads(
        call(home, "platform-assets", "runs", "flights", "--json", "--home", ".").stdout
    )
    assert [(run["state"], run["admitted"]) for run in runs] == [
        ("CLOSED", 15_000),
        ("CLOSED", 5_000),
    ]


def test_row_numbers_identify_flights_where_columns_do_not() -> None:
    flights = pl.scan_parquet(flights_feed.FLIGHTS)
    rows, distinct = flights.select(pl.len(), d=pl.struct(pl.all()).n_unique()).collect().row(0)
    assert (rows, rows - distinct) == (3_000_000, 191)
