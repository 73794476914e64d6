"""One Spark application for the jobs of many runs: each run is made, or fails, by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from platform_assets.adapters.spark.kept_launcher import SERVING_MODULE, KeptLauncher
from platform_assets.errors import JobFailed
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, build, land, pin
from platform_assets_tests.cli.calls import call
from platform_assets_tests.examples.generated_payments import WINDOW, payments_home
from platform_assets_tests.spark_engine.in_this_process import InThisProcess
from platform_assets_tests.spark_engine.payments_home import (
    PRODUCT,
    copied,
    how_jobs_went,
    judge_by_spark,
    log_of_job,
    switch,
)
from platform_assets_tests.spark_engine.small_spark import PROPERTIES, declare_spark, settings_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RUNS = [RunId("payments", number) for number in (1, 2, 3)]
WINDOWS = "    max_records: 1000\n    max_open_runs: 3\n"
HORIZON = "    horizon_runs: 30\n"
EACH = [word for run in RUNS for word in ("--run", run)]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three windows in its log, none of which looks back."""
    folder = tmp_path_factory.mktemp("logged")
    windows = {WINDOW: WINDOWS, HORIZON: "    horizon_runs: 0\n"}
    return payments_home(folder / "home", records=3_000, declared=windows)


@pytest.fixture(scope="module")
def admitted(logged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home with all three pinned, landed and admitted."""
    home = copied(logged, tmp_path_factory.mktemp("admitted") / "home")
    platform = Platform.open(home)
    for run in RUNS:
        assert pin(platform, "payments") == run
        land(platform, run, PRODUCT)
        admit(platform, run, PRODUCT)
    return home


def alter_an_admitted_part(home: Path, run: RunId) -> None:
    folder = home / "store" / "runs" / str(run) / "admission"
    part = min(folder.rglob("part-*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.chmod(0o600)
    part.write_bytes(content)


def test_runs_are_made_by_one_application_and_a_refused_one_keeps_none_from_it(
    spark: str, admitted: Path, tmp_path: Path
) -> None:
    here, there = copied(admitted, tmp_path / "here"), copied(admitted, tmp_path / "there")
    alter_an_admitted_part(there, RUNS[1])
    expected = call("materialize", PRODUCT, *EACH, "--home", here, "--json")
    assert expected.code == 0, expected.err
    switch(there, spark=True)
    declare_spark(there, "local[2]")
    answered = call("materialize", PRODUCT, *EACH, "--home", there, "--json")
    assert answered.code == 1
    made, failed = answered.document["made"], answered.document["failed"]
    assert [each["run_id"] for each in made] == [str(RUNS[0]), str(RUNS[2])]
    assert [(each["run_id"], each["error"]) for each in failed] == [
        (str(RUNS[1]), "AdmissionInconsistent")
    ]
    first, _, third = expected.document["made"]
    assert [each["parts"] for each in made] == [first["parts"], third["parts"]]
    assert {each["code"]["engine"]["name"] for each in made} == {"spark"}
    told = how_jobs_went(log_of_job(there, f"{PRODUCT}-of-3-runs"))
    assert len(told) == 2
    assert len({each["application"] for each in told}) == 1
    assert serving() == [], "the application has ended with the command"


def test_windows_are_judged_and_made_by_one_application(
    spark: str, logged: Path, tmp_path: Path
) -> None:
    home = copied(logged, tmp_path / "home")
    switch(home, spark=True)
    judge_by_spark(home)
    declare_spark(home, "local[2]")
    closed = call("run", "payments", "--until-caught-up", "--home", home, "--json")
    assert closed.code == 0, closed
    assert [each["run_id"] for each in closed.document["runs"]] == [str(run) for run in RUNS]
    told = how_jobs_went(log_of_job(home, "payments"))
    assert len({each["application"] for each in told}) == 1
    assert ["landed_parts" in each for each in told] == [True, False] * 3
    assert serving() == []


def test_a_job_that_ends_its_application_fails_alone(spark: str, tmp_path: Path) -> None:
    properties = {**settings_of("local[1]"), **PROPERTIES, "spark.local.dir": str(tmp_path)}
    with KeptLauncher("several", tmp_path / "logs", properties) as kept:
        for number in (1, 2):
            with pytest.raises(JobFailed, match=rf"job-{number}.*exit code 1.*none\.json") as error:
                kept.run(f"job-{number}", str(tmp_path / "none.json"))
            assert str(tmp_path / "logs" / "several.log") in error.value.remedy
        assert kept.started == 2
    assert serving() == []


def test_what_a_job_shuffled_goes_before_the_next_jobs_do(
    session: SparkSession, admitted: Path, tmp_path: Path
) -> None:
    from platform_assets.adapters.spark import serving  # noqa: PLC0415 - needs Spark

    home = copied(admitted, tmp_path / "home")
    switch(home, spark=True)
    platform = replace(Platform.open(home), launcher=InThisProcess(session))
    build(platform, RUNS[0], PRODUCT)
    local = Path(session.sparkContext.getConf().get("spark.local.dir", ""))
    assert list(local.rglob("shuffle_*"))
    until = time.monotonic() + 60
    while list(local.rglob("shuffle_*")) and time.monotonic() < until:
        serving._let_go(session)  # Spark does it in a thread of its own, when it comes to it
        time.sleep(0.2)
    assert not list(local.rglob("shuffle_*"))


def test_an_application_does_not_outlive_who_sends_its_jobs(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; "
        "from platform_assets.adapters.spark import kept_launcher as kept; "
        "it = kept._Application('idle', {}, Path(sys.argv[1]), 'wb'); "
        "print(it._process.pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        application = psutil.Process(int(sender.stdout.readline()))
        sender.kill()
    application.wait(timeout=60)


def test_several_runs_of_a_product_are_told_of_one_after_another(
    admitted: Path, tmp_path: Path
) -> None:
    home = copied(admitted, tmp_path / "home")
    alter_an_admitted_part(home, RUNS[1])
    shown = call("materialize", PRODUCT, *EACH, "--run", RUNS[0], "--home", home)
    assert shown.code == 1
    assert shown.out.count("generation 1") == 2
    assert f"Next: platform-assets certify {PRODUCT} --run {RUNS[2]}" in shown.out
    assert shown.err.count("AdmissionInconsistent") == 1
    unknown = call("materialize", "ordres", *EACH, "--home", home, "--json")
    assert unknown.code == 2
    assert unknown.document["made"] == []
    assert [each["error"] for each in unknown.document["failed"]] == ["UnknownThing"] * 3
    nowhere = call("materialize", PRODUCT, *EACH, "--run", "payments-00000009", "--home", home)
    assert nowhere.code == 2, "a run that does not exist is a mistake of the call"


def serving() -> list[int]:
    """Return the applications that this test started and that live yet."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # ended, whether or not somebody has asked for how
            if SERVING_MODULE in child.cmdline():
                found.append(child.pid)
    return found
