"""A home's budget: where a step spills, and what is left of one that needs more than it may have."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import DependencyUnreachable, SettingsInvalid
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, build, caught_up, land, noted, pin
from platform_assets.pipeline.run import Silence
from platform_assets_tests.cli.calls import start
from platform_assets_tests.crashes.job import StandingClock
from platform_assets_tests.shop import make_shop
from platform_assets_tests.stores_that_fail.small_disk import SmallDisk, small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = RunId("shop", 1)
_PATIENCE = 120

#: A consumer that takes a gigabyte and a half, every page of it, and lets it go before it answers.
HUNGRY = """
import time
import polars as pl


def turnover(inputs, parameters):
    taken = bytearray(1536 * 1024**2)
    taken[::4096] = b"x" * len(range(0, len(taken), 4096))
    time.sleep(0.5)
    del taken
    none = pl.lit(0).cast(pl.Int64)
    orders = inputs["orders"].group_by("customer").agg(pl.col("cents").sum().alias("ordered"))
    return orders.with_columns(none.alias("refunded"))
"""


def home_with(folder: Path, settings: str) -> Path:
    home = make_shop(folder / "home", orders=6)
    with (home / "platform.yaml").open("a") as file:
        file.write(settings)
    return home


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small") as disk:
        yield disk


def spilled_to(home: Path) -> Path:
    return Platform.open(home).budget.spill_dir


def test_steps_spill_where_the_settings_say_and_leave_nothing_there(
    tmp_path: Path, disk: SmallDisk
) -> None:
    home = home_with(tmp_path, f"spill_dir: {disk.folder / 'spill'}\n")
    platform = Platform.open(home)
    with noted() as steps, platform.spill() as folder:
        assert folder.parent == disk.folder / "spill"
        assert folder.stat().st_dev != platform.home.stat().st_dev
        list(caught_up(platform, "shop", Silence()))
    assert [step.name.step for step in steps].count("certify") == 4
    assert list(spilled_to(home).iterdir()) == []


def test_a_spill_disk_that_is_full_is_an_outage_and_relief_lets_the_step_go_on(
    tmp_path: Path, disk: SmallDisk
) -> None:
    home = home_with(tmp_path, f"spill_dir: {disk.folder / 'spill'}\n")
    platform = Platform.open(home)
    (disk.folder / "spill").mkdir()
    disk.fill(free_pages=2)
    with pytest.raises(DependencyUnreachable, match="no space left on the disk") as caught:  # noqa: SIM117
        with platform.spill() as folder:
            (folder / "run-1").write_bytes(b"x" * 100_000)
    assert caught.value.exit_code == 3
    assert str(disk.folder / "spill") in caught.value.thing
    assert "`spill_dir`" in caught.value.remedy
    assert list((disk.folder / "spill").iterdir()) == []
    disk.relieve()
    with platform.spill() as folder:
        (folder / "run-1").write_bytes(b"x" * 100_000)


def test_a_spill_folder_that_cannot_be_made_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    home = home_with(tmp_path, f"spill_dir: {tmp_path}/file\n")
    with pytest.raises(SettingsInvalid, match="`spill_dir`"), Platform.open(home).spill():
        pass


def test_what_a_killed_step_spilled_is_swept_by_a_step_that_does_not_spill(tmp_path: Path) -> None:
    home = home_with(tmp_path, f"spill_dir: {tmp_path}/spill\n")
    script = (
        "import os, sys; from pathlib import Path; from platform_assets.pipeline import Platform\n"
        "with Platform.open(Path(sys.argv[1])).spill() as folder:\n"
        "    (folder / 'run-1').write_text('left'); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, home], timeout=_PATIENCE, check=False)
    assert done.returncode == -9
    assert len(list(spilled_to(home).iterdir())) == 1
    platform = Platform.open(home)
    assert pin(platform, "shop") == RUN
    land(platform, RUN, "orders")
    assert list(spilled_to(home).iterdir()) == []


def test_a_step_that_takes_more_memory_than_its_budget_publishes_nothing(tmp_path: Path) -> None:
    home = home_with(tmp_path, "memory_budget: 1GiB\n")
    (home / "shop_functions.py").write_text(HUNGRY)
    refused = start("run", "shop", "--home", home, "--json")
    out, err = refused.communicate(timeout=_PATIENCE)
    answer = json.loads(out)
    assert (refused.returncode, answer["error"]) == (1, "MemoryExceeded"), err
    assert answer["thing"] == "consume turnover of shop-00000001"
    assert "1.00 GiB of memory (memory_budget)" in answer["expected"]
    assert answer["products"]["turnover"]["generation"] is None
    assert answer["products"]["orders"]["readable"]
    assert list((home / "scratch").iterdir()) == []

    (home / "platform.yaml").write_text("memory_budget: 3GiB\n")
    closed = start("run", "shop", "--home", home, "--json")
    out, err = closed.communicate(timeout=_PATIENCE)
    assert closed.returncode == 0, err
    (hungry,) = (step for step in json.loads(out)["steps"] if step["step"] == "consume")
    assert hungry["peak_rss_bytes"] > 1536 * 1024**2


def test_i15_budgets_leave_no_trace_in_the_records(tmp_path: Path) -> None:
    left = []
    for name, settings in (("a", ""), ("b", "memory_budget: 1GiB\ncores: 1\nspill_limit: 1GiB\n")):
        home = home_with(tmp_path / name, settings)
        platform = Platform.open(home, clock=StandingClock())
        assert pin(platform, "shop") == RUN
        for stream in ("orders", "changes"):
            land(platform, RUN, stream)
            admit(platform, RUN, stream)
        for product in ("orders", "cancellations", "refunds"):
            build(platform, RUN, product)
        store = home / "store"
        files = [path for path in store.rglob("*") if path.is_file()]
        left.append({str(path.relative_to(store)): path.read_bytes() for path in files})
    assert len(left[0]) > 10
    assert left[0] == left[1]
