"""Jobs on EMR Serverless, against moto's server: what is asked of it, and what its answers mean.

moto runs no Spark: a job run of it has ended well at once and made nothing, or is in any state that it
was told. Nothing here was ever run against AWS.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from platform_assets.adapters.spark.emr_serverless import EmrServerlessLauncher, job_run
from platform_assets.adapters.spark.engine import SparkEngine
from platform_assets.adapters.spark.exchange import StagingBucket
from platform_assets.adapters.spark.subprocess_launcher import SubprocessLauncher
from platform_assets.declarations.spark import SparkSettings
from platform_assets.errors import EngineMissing, JobFailed
from platform_assets.pipeline import Platform, admit, build
from platform_assets_tests.spark_engine.application import ROLE
from platform_assets_tests.spark_engine.payments_home import (
    PRODUCT,
    RUN,
    admission,
    admitted_home,
    copied,
    judge_by_spark,
    landed_home,
    switch,
)
from platform_assets_tests.spark_engine.small_spark import MEMORY

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.declarations.spark import EmrServerlessSettings


def test_a_job_run_is_asked_for_as_it_is_declared(emr: EmrServerlessSettings) -> None:
    settings = SparkSettings(
        driver_memory="4g", properties={"spark.executor.cores": "4"}, emr_serverless=emr
    )
    launcher = EmrServerlessLauncher(settings, emr)
    launcher.run("payments-00000001-authorisations", "s3://staging/spark/x/job.json")
    client: Any = launcher._client
    (listed,) = client.list_job_runs(applicationId=emr.application_id)["jobRuns"]
    told = client.get_job_run(applicationId=emr.application_id, jobRunId=listed["id"])["jobRun"]
    submitted = told["jobDriver"]["sparkSubmit"]
    assert told["name"] == "payments-00000001-authorisations"
    assert told["executionRole"] == ROLE
    assert submitted["entryPoint"] == "s3://code/job.py"
    assert submitted["entryPointArguments"] == ["s3://staging/spark/x/job.json"]
    parameters = shlex.split(submitted["sparkSubmitParameters"])
    assert {
        "spark.driver.memory=4g",
        "spark.executor.cores=4",
        "spark.archives=s3://code/environment.tar.gz#environment",
        "spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python",
    } <= set(parameters)


def test_each_try_has_a_token_of_its_own(emr: EmrServerlessSettings) -> None:
    tokens = {job_run(SparkSettings(), emr, "n", "d")["clientToken"] for _ in range(2)}
    assert len(tokens) == 2


def test_a_job_run_that_cannot_be_started_says_why(emr: EmrServerlessSettings) -> None:
    gone = emr.model_copy(update={"application_id": "00gone"})
    launcher = EmrServerlessLauncher(SparkSettings(), gone)
    with pytest.raises(JobFailed, match=r"application 00gone.*not started.*ResourceNotFound"):
        launcher.run("n", "d")


def test_a_job_run_that_was_cancelled_is_no_success(
    emr: EmrServerlessSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = EmrServerlessLauncher(SparkSettings(), emr)
    client: Any = launcher._client
    start = client.start_job_run

    def started(**request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = start(**request)
        names = {key: answer[key] for key in ("applicationId", "jobRunId")}
        client.cancel_job_run(**names)  # as somebody would in the console
        return answer

    monkeypatch.setattr(client, "start_job_run", started)
    with pytest.raises(JobFailed, match="CANCELLED"):
        launcher.run("n", "d")


def test_a_job_that_ended_well_and_made_nothing_has_failed(
    emr: EmrServerlessSettings, tmp_path: Path
) -> None:
    home = admitted_home(tmp_path / "home")
    switch(home, spark=True)
    declared = emr.model_dump(exclude_none=True)
    (home / "platform.yaml").write_text(f"spark: {{emr_serverless: {declared}}}\n")
    with pytest.raises(JobFailed, match="none, though the job ended"):
        build(Platform.open(home), RUN, PRODUCT)
    left = boto3.client("s3", region_name="us-east-1", endpoint_url=emr.endpoint)
    assert not left.list_objects_v2(Bucket="staging").get("Contents"), "staged files are removed"
    assert not (home / "store" / "runs" / str(RUN) / "products").exists()


def test_files_go_through_the_bucket_and_back(emr: EmrServerlessSettings, tmp_path: Path) -> None:
    bucket = StagingBucket(emr, "job")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.parquet").write_bytes(name.encode())
    given = bucket.give([tmp_path / "a" / "part.parquet", tmp_path / "b" / "part.parquet"])
    assert given == [f"{bucket.folder}/given/{n:06d}-part.parquet" for n in range(2)]
    assert bucket.put("job.json", b"{}") == "s3://staging/spark/job/job.json"
    assert bucket.take(given[1], tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"b"
    assert not bucket.take(f"{bucket.folder}/result.json", tmp_path / "none")
    bucket.clear()
    assert not bucket.take(given[1], tmp_path / "again")


def test_landed_parts_are_judged_through_the_bucket(
    spark: str, emr: EmrServerlessSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a job run would do, in a process of this machine: all files go through S3."""
    here = landed_home(tmp_path / "here")
    there = copied(here, tmp_path / "there")
    admit(Platform.open(here), RUN, PRODUCT)
    judge_by_spark(there)
    declared = emr.model_dump(exclude_none=True)
    (there / "platform.yaml").write_text(f"spark: {{emr_serverless: {declared}}}\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(emr.endpoint))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    submitted = f"--master local[2] --driver-memory {MEMORY} --conf spark.ui.enabled=false"
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"{submitted} pyspark-shell")
    launcher = SubprocessLauncher(tmp_path / "logs")
    admit(replace(Platform.open(there), launcher=launcher), RUN, PRODUCT)
    assert admission(there) == admission(here)
    left = boto3.client("s3", region_name="us-east-1", endpoint_url=emr.endpoint)
    assert not left.list_objects_v2(Bucket="staging").get("Contents"), "staged files are removed"


def test_rows_of_a_strict_product_do_not_leave_this_machine(
    emr: EmrServerlessSettings, tmp_path: Path
) -> None:
    home = admitted_home(tmp_path / "home")
    declared = emr.model_dump(exclude_none=True)
    (home / "platform.yaml").write_text(f"spark: {{emr_serverless: {declared}}}\n")
    platform = Platform.open(home)
    from platform_assets.pipeline.spark import spark_engine  # noqa: PLC0415 - loads AWS's libraries

    with pytest.raises(EngineMissing, match=r"strict product.*copies in S3"):
        spark_engine(platform, RUN, PRODUCT, strict=True, spill=tmp_path)
    assert isinstance(
        spark_engine(platform, RUN, PRODUCT, strict=False, spill=tmp_path), SparkEngine
    )
