"""I4: what executors judge is what this process judges, to the byte, whatever dies on the way."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from platform_assets.adapters import landing_parts
from platform_assets.adapters.judged_parts import judge_part
from platform_assets.adapters.set_aside import set_aside
from platform_assets.adapters.spark.judges import SparkJudges
from platform_assets.errors import EngineMissing, JobFailed
from platform_assets.pipeline import Platform, admit, land, next_run
from platform_assets_tests.shop import redeclare
from platform_assets_tests.spark_engine import in_this_process as launchers
from platform_assets_tests.spark_engine.executors import kill_an_executor_at_work, outcome_of
from platform_assets_tests.spark_engine.payments_home import (
    PRODUCT,
    RUN,
    admission,
    copied,
    how_jobs_went,
    judge_by_spark,
    landed_home,
    log_of_job,
)
from platform_assets_tests.spark_engine.small_spark import declare_spark
from platform_assets_tests.strict.planted_shop import make_planted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

    from platform_assets.declarations.spark import EmrServerlessSettings
    from platform_assets.identifiers import RunId
    from platform_assets.ports.jobs import JobLauncher

_SECONDS = 300
_STREAM = PRODUCT


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has landed many parts of a stream with duplicates, mismatches and junk."""
    return _landed(tmp_path_factory.mktemp("landed") / "home", part_rows=400)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has landed the same in one part for each partition."""
    return _landed(tmp_path_factory.mktemp("few") / "home", part_rows=10_000)


def _landed(home: Path, part_rows: int) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing_parts, "PART_ROWS", part_rows)
        return landed_home(home)


@pytest.fixture(scope="module")
def expected(landed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What admission by this process and its workers leaves."""
    home = copied(landed, tmp_path_factory.mktemp("embedded") / "home")
    receipt = admit(Platform.open(home), RUN, _STREAM)
    assert all(receipt[kind] for kind in ("events", "duplicates", "quarantine"))
    return admission(home)


def by_spark(landed: Path, home: Path, launcher: JobLauncher) -> Platform:
    """Return a copy of the home whose stream executors judge, with what runs their jobs."""
    copied(landed, home)
    judge_by_spark(home)
    return replace(Platform.open(home), launcher=launcher)


def test_i04_executors_leave_what_this_process_leaves(
    session: SparkSession, landed: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    launcher = launchers.InThisProcess(session)
    platform = by_spark(landed, tmp_path / "home [1]", launcher)
    admit(platform, RUN, _STREAM)
    assert launcher.result is not None
    assert len(launcher.result.judged) > 20
    assert admission(platform.home) == expected
    assert not list(platform.scratch_root.glob("*.*.*")), "nothing is left of what was exchanged"


def test_i04_attempts_that_nobody_names_change_nothing(
    session: SparkSession, landed: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    platform = by_spark(landed, tmp_path / "home", launchers.Twice(session))
    admit(platform, RUN, _STREAM)
    assert admission(platform.home) == expected


def test_i04_an_executor_that_is_killed_midway_changes_nothing(
    spark: str, landed: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    home = copied(landed, tmp_path / "home")
    judge_by_spark(home)
    declare_spark(home, "local-cluster[2,1,1024]")
    ended: list[object] = []
    admitting = threading.Thread(
        target=lambda: ended.append(outcome_of(lambda: admit(Platform.open(home), RUN, _STREAM))),
        daemon=True,
    )
    admitting.start()
    kill_an_executor_at_work(home, admitting, "scratch/*/exchange/attempt-*/told.json")
    admitting.join(_SECONDS)
    (outcome,) = ended
    assert isinstance(outcome, dict), outcome
    (told,) = how_jobs_went(log_of_job(home, f"{RUN}-admission-{_STREAM}"))
    assert told["executors_lost"] >= 1
    assert told["landed_parts"] > 20
    assert admission(home) == expected


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("attempt-*/told.json", r"told\.json of \d+ bytes, sha256"),
        ("attempt-*/accepted/*/*.parquet", r"part-\d+\.parquet of \d+ bytes, sha256"),
        ("attempt-*/*.hashes", r"authorisation-\d+\.hashes of \d+ bytes, sha256"),
        ("attempt-*/refused-*.arrow", r"refused-\d+\.arrow of \d+ bytes, sha256"),
    ],
)
def test_a_file_that_is_not_what_its_writer_hashed_is_not_taken(
    session: SparkSession, few: Path, tmp_path: Path, pattern: str, says: str
) -> None:
    platform = by_spark(few, tmp_path / "home", launchers.Damaged(session, pattern))
    with pytest.raises(JobFailed, match=says):
        admit(platform, RUN, _STREAM)
    assert not platform.store.exists(f"runs/{RUN}/admission/{_STREAM}.json")


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (launchers.one_less, JobFailed, r"expected \d+ judged parts"),
        (launchers.swapped, JobFailed, "expected part 0 with.*found part 1"),
        (launchers.by_others, EngineMissing, r"'polars': '1\.0\.0'"),
    ],
    ids=["one-less", "swapped", "other-libraries"],
)
def test_a_result_that_does_not_fit_is_not_taken(
    session: SparkSession,
    few: Path,
    tmp_path: Path,
    change: Callable[[launchers.JobResult], launchers.JobResult],
    error: type[Exception],
    says: str,
) -> None:
    platform = by_spark(few, tmp_path / "home", launchers.Changed(session, change))
    with pytest.raises(error, match=says):
        admit(platform, RUN, _STREAM)
    assert not platform.store.exists(f"runs/{RUN}/admission/{_STREAM}.json")


def test_other_tasks_are_not_for_executors() -> None:
    judges = SparkJudges(None, None, {})  # type: ignore[arg-type] - neither is looked at
    with pytest.raises(RuntimeError, match="worker processes"):
        list(judges.map(set_aside, []))  # type: ignore[arg-type] - that is the mistake
    assert list(judges.map(judge_part, [])) == [], "nothing landed needs no job"


def test_i04_what_a_strict_product_is_made_of_is_judged_alike_and_stored_encrypted(
    session: SparkSession, tmp_path: Path
) -> None:
    home, run = _landed_strict(tmp_path / "here")
    there = copied(home, tmp_path / "there")
    redeclare(there, lambda declared: declared["streams"]["orders"].update(engine="spark"))
    launcher = launchers.InThisProcess(session)
    receipt = admit(replace(Platform.open(there), launcher=launcher), run, "orders")
    assert launcher.result is not None, "executors judged"
    assert receipt == admit(Platform.open(home), run, "orders")
    assert all("plaintext" in part for part in receipt["events"]["placed"]["parts"])


def test_what_a_strict_product_is_made_of_does_not_leave_this_machine(
    emr: EmrServerlessSettings, tmp_path: Path
) -> None:
    home, run = _landed_strict(tmp_path / "home")
    redeclare(home, lambda declared: declared["streams"]["orders"].update(engine="spark"))
    settings = yaml.safe_load((home / "platform.yaml").read_text())
    settings["spark"] = {"emr_serverless": emr.model_dump(exclude_none=True)}
    (home / "platform.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(EngineMissing, match=r"admission of orders.*strict product.*copies in S3"):
        admit(Platform.open(home), run, "orders")


def _landed_strict(home: Path) -> tuple[Path, RunId]:
    make_planted(home, strict=True)
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    land(platform, run, "orders")
    return home, run
