"""The feed that ships with the lanes: declared as any other, shown to nobody, and it holds its load."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import platform_assets
from platform_assets.declarations.loading import load_feeds
from platform_assets.examples.home import create_home
from platform_assets.lanes.feed import FEED, SAMPLE_FILE, feed_folder
from platform_assets.lanes.rendering import Rendering
from platform_assets.lanes.schedule import REASONS, Kind
from platform_assets.pipeline import Platform, finish, next_run, open_product
from platform_assets.pipeline.produce import create_streams
from platform_assets.resources import schemas_folder
from platform_assets_tests.lanes.workloads import PREFIX, workload

if TYPE_CHECKING:
    from platform_assets.identifiers import RunId
    from platform_assets.lanes.schedule import Events

EVENTS = 2_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has the feed, as a lane's home does."""
    home = tmp_path_factory.mktemp("load") / "home"
    create_home(home, [])
    shutil.copytree(schemas_folder() / "events" / FEED, home / "schemas" / "events" / FEED)
    (home / "defs" / FEED).mkdir(parents=True)
    shutil.copy(feed_folder() / "defs.yaml", home / "defs" / FEED / "defs.yaml")
    return home


@pytest.fixture(scope="module")
def closed(home: Path) -> tuple[Platform, RunId, Events, list[dict[str, Any]]]:
    """A closed run of the feed, the events of it, and what those that are good say."""
    platform = Platform.open(home)
    load = workload(duplicates="2%", late="2%", invalid="3%")
    declared = platform.feed(FEED)
    rendering = Rendering(load, PREFIX, declared.streams["orders"].events, platform.contracts)
    events = rendering.schedule.of(np.arange(EVENTS))
    records = rendering.outgoing(events, time.time_ns() // 1_000)
    create_streams(platform, FEED, {"orders": load.partitions})
    sink = platform.sink(declared, "orders")
    assert sink.send(records).total == EVENTS
    run = next_run(platform, FEED)
    assert run is not None
    assert finish(platform, run)["verdict"] == "CLOSED"
    good = [
        json.loads(record.value or b"")
        for record, kind in zip(records, events.kinds.tolist(), strict=True)
        if kind in {Kind.GOOD, Kind.LATE}
    ]
    return platform, run, events, good


def test_dagster_accepts_it(home: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dg")), "check", "defs"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_no_example_and_in_no_new_home(tmp_path: Path) -> None:
    shown = load_feeds(Path(platform_assets.__file__).parent / "examples")
    assert FEED not in shown
    create_home(tmp_path / "home")
    assert FEED not in Platform.open(tmp_path / "home").feeds


def test_every_good_event_has_its_row_and_every_other_one_its_reason(
    closed: tuple[Platform, RunId, Events, list[dict[str, Any]]],
) -> None:
    platform, run, events, good = closed
    with open_product(platform, run, "orders") as product:
        ids = product.scan().collect()["order_id"].to_list()
    assert Counter(ids) == Counter(order["order_id"] for order in good)
    path = platform.home / "store" / "runs" / str(run) / "admission" / "orders.json"
    receipt = json.loads(path.read_bytes())
    planted = Counter(events.kinds.tolist())
    assert sum(each["duplicate"] for each in receipt["partitions"]) == planted[Kind.DUPLICATE]
    assert receipt["reasons"] == {REASONS[kind].value: planted[kind] for kind in REASONS}


def test_turnover_is_what_the_orders_add_up_to(
    closed: tuple[Platform, RunId, Events, list[dict[str, Any]]],
) -> None:
    platform, run, _, good = closed
    expected: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), ""])
    for order in good:
        sums = expected[order["account_id"], order["currency"]]
        sums[0] += 1
        sums[1] += sum(line["units"] for line in order["lines"])
        sums[2] += Decimal(order["amount"])
        sums[3] = max(sums[3], order["placed_at"])
    with open_product(platform, run, "turnover") as product:
        rows = product.scan().collect().rows(named=True)
    assert {
        (row["account_id"], row["currency"]): [
            row["orders"],
            row["units"],
            row["amount"],
            row["last_placed_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        ]
        for row in rows
    } == dict(expected)


def test_samples_are_of_the_size_of_real_records_and_differ_in_shape() -> None:
    lines = (feed_folder() / SAMPLE_FILE).read_text().splitlines()
    assert all(250 <= len(line) <= 350 for line in lines)
    records = [json.loads(line) for line in lines]
    assert {len(record["lines"]) for record in records} == {1, 2}
    assert None in [record["ship_to"]["postcode"] for record in records]
