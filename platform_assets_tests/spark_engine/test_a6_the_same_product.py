"""A6: a window that Spark makes is the window that this process makes, whatever dies on the way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import JobFailed
from platform_assets.pipeline import Platform, build, open_product
from platform_assets_tests.cli.calls import call
from platform_assets_tests.spark_engine.executors import kill_an_executor_at_work, outcome_of
from platform_assets_tests.spark_engine.payments_home import (
    PRODUCT,
    RUN,
    admitted_home,
    copied,
    generations,
    how_it_went,
    log_of_job,
    manifest,
    switch,
)
from platform_assets_tests.spark_engine.small_spark import declare_spark

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 300


@pytest.fixture(scope="module")
def admitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return admitted_home(tmp_path_factory.mktemp("admitted") / "home")


@pytest.fixture(scope="module")
def embedded(admitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home in which this process made the product, and the run is closed."""
    home = copied(admitted, tmp_path_factory.mktemp("embedded") / "home")
    assert call("run", "payments", "--home", home).code == 0
    return home


def test_a06_a_run_whose_product_spark_makes_is_closed_with_the_same_content(
    spark: str, admitted: Path, embedded: Path, tmp_path: Path
) -> None:
    home = copied(admitted, tmp_path / "home [1]")
    switch(home, spark=True)
    declare_spark(home, "local[2]")
    closed = call("run", "payments", "--home", home)
    assert closed.code == 0, closed.err
    found, expected = manifest(home), manifest(embedded)
    assert found["code"]["engine"] == {"name": "spark", "version": spark.rsplit(maxsplit=1)[-1]}
    assert expected["code"]["engine"]["name"] == "embedded"
    assert found["content_digest"] == expected["content_digest"]
    assert found["parts"] == expected["parts"]
    assert len(found["parts"]) > 3
    rows = [
        open_product(Platform.open(each), RUN, PRODUCT).scan().collect()
        for each in (home, embedded)
    ]
    assert rows[0].equals(rows[1])
    assert rows[0].height == found["rows"]
    replayed = call("replay", RUN, "--from", "landing", "--home", home)
    assert replayed.code == 0, replayed.err
    assert not list((home / "scratch").glob("*.*.*")), "nothing is left of what was exchanged"


def test_a06_an_executor_that_is_killed_midway_changes_nothing(
    spark: str, admitted: Path, embedded: Path, tmp_path: Path
) -> None:
    """The product stands already, made by this process: Spark's converges on it, byte for byte."""
    home = copied(admitted, tmp_path / "home")
    assert build(Platform.open(home), RUN, PRODUCT)["generation"] == 1
    switch(home, spark=True)
    declare_spark(home, "local-cluster[2,1,1024]", partitions=48)
    made: list[object] = []
    building = threading.Thread(
        target=lambda: made.append(outcome_of(lambda: build(Platform.open(home), RUN, PRODUCT))),
        name="building",
        daemon=True,
    )
    building.start()
    kill_an_executor_at_work(home, building, "scratch/*/exchange/run-*")
    building.join(_SECONDS)
    (outcome,) = made
    assert isinstance(outcome, dict), outcome
    told = how_it_went(home)
    assert told["executors_lost"] >= 1
    assert told["executors"] >= 2
    assert outcome["content_digest"] == manifest(embedded)["content_digest"]
    assert outcome["parts"] == manifest(embedded)["parts"]
    assert generations(home) == ["0001"]
    switch(home, spark=False)
    assert build(Platform.open(home), RUN, PRODUCT) == outcome


def test_a_job_that_cannot_start_says_which_log_to_read(
    spark: str, admitted: Path, tmp_path: Path
) -> None:
    home = copied(admitted, tmp_path / "home")
    switch(home, spark=True)
    declare_spark(home, "local[2]", driver_memory="1k")
    refused = call("materialize", PRODUCT, "--run", RUN, "--home", home, "--json")
    assert refused.code == JobFailed.exit_code == 3
    assert refused.document["error"] == "JobFailed"
    assert str(log_of_job(home)) in refused.document["remedy"]
    assert "Too small maximum heap" in log_of_job(home).read_text()
    assert not (home / "store" / "runs" / str(RUN) / "products").exists()
