"""Dagster launches the job with Pipes, and shows what it reported beside the product's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from platform_assets.adapters.spark.emr_serverless import emr_client
from platform_assets.orchestration import definitions_for, failures, pipes_emr
from platform_assets.orchestration.execution import home_instance
from platform_assets_tests.spark_engine.payments_home import (
    PRODUCT,
    RUN,
    admitted_home,
    judge_by_spark,
    landed_home,
    log_of_job,
    manifest,
    switch,
)
from platform_assets_tests.spark_engine.small_spark import declare_spark

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from platform_assets.declarations.spark import EmrServerlessSettings

_PRODUCT = dg.AssetKey(["payments", PRODUCT])


def test_dagster_launches_the_job_and_shows_what_it_reported(
    spark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "OUTAGE_RETRIES", 1)
    monkeypatch.setattr(failures, "OUTAGE_WAIT_SECONDS", 0)
    home = admitted_home(tmp_path / "home")
    switch(home, spark=True)
    declare_spark(home, "local[2]", driver_memory="1k")
    failed = materialized(home)
    assert not failed.success
    (failure,) = [each for each in failed.all_events if each.is_step_failure]
    assert str(log_of_job(home)) in str(failure.step_failure_data)
    declare_spark(home, "local[2]")
    result = materialized(home)
    assert result.success
    (shown,) = [
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(["payments", PRODUCT])
    ]
    assert shown["job_rows"].value == shown["dagster/row_count"].value == manifest(home)["rows"]
    assert shown["job_spark_version"].value == spark.rsplit(maxsplit=1)[-1]
    assert shown["job_executors_lost"].value == 0
    assert shown["engine"].value == f"spark ({shown['job_spark_version'].value})"
    assert manifest(home)["code"]["engine"]["name"] == "spark"


def test_dagster_launches_the_job_that_judges_a_stream(spark: str, tmp_path: Path) -> None:
    home = landed_home(tmp_path / "home")
    judge_by_spark(home)
    declare_spark(home, "local[2]")
    key = dg.AssetKey(["payments", f"{PRODUCT}_admission"])
    result = materialized(home, key)
    assert result.success
    (shown,) = [
        event.materialization.metadata for event in result.get_asset_materialization_events()
    ]
    assert shown["job_landed_parts"].value == 4
    assert shown["job_spark_version"].value == spark.rsplit(maxsplit=1)[-1]


def test_dagster_launches_a_job_run_that_is_told_where_to_report(
    emr: EmrServerlessSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto's job run has ended well and made nothing. It knows no dashboards: that call is ours."""
    monkeypatch.setattr(failures, "OUTAGE_RETRIES", 0)
    client = emr_client(emr)
    monkeypatch.setattr(
        client, "get_dashboard_for_job_run", lambda **_: {"url": "x"}, raising=False
    )
    monkeypatch.setattr(pipes_emr, "emr_client", lambda _emr: client)
    home = admitted_home(tmp_path / "home")
    switch(home, spark=True)
    declared = emr.model_dump(exclude_none=True)
    (home / "platform.yaml").write_text(f"spark: {{emr_serverless: {declared}}}\n")
    failed = materialized(home)
    (failure,) = [each for each in failed.all_events if each.is_step_failure]
    assert "none, though the job ended" in str(failure.step_failure_data)
    (listed,) = client.list_job_runs(applicationId=emr.application_id)["jobRuns"]
    told = client.get_job_run(applicationId=emr.application_id, jobRunId=listed["id"])["jobRun"]
    submitted = told["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]
    assert "spark.emr-serverless.driverEnv.DAGSTER_PIPES_CONTEXT=" in submitted
    assert "spark.archives=s3://code/environment.tar.gz#environment" in submitted


def materialized(home: Path, asset: dg.AssetKey = _PRODUCT) -> dg.ExecuteInProcessResult:
    with home_instance(home) as instance:
        instance.add_dynamic_partitions("payments_runs", [str(RUN)])
        job = definitions_for(home).resolve_job_def("payments_run")
        return job.execute_in_process(
            instance=instance,
            partition_key=str(RUN),
            asset_selection=[asset],
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
