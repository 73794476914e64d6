"""An EMR Serverless application of moto's server, with a bucket to hand files over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from platform_assets.declarations.spark import EmrServerlessSettings
from platform_assets_tests.servers.leashed import moto_server

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = "arn:aws:iam::123456789012:role/spark"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as address:
        yield address


@pytest.fixture
def emr(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> EmrServerlessSettings:
    """An application, and a bucket to hand files over."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFALSEFORTESTS000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "false-secret-for-tests")
    where = {"region_name": "us-east-1", "endpoint_url": endpoint}
    boto3.client("s3", **where).create_bucket(Bucket="staging")  # again is no mistake there
    made = boto3.client("emr-serverless", **where).create_application(
        name="spark", releaseLabel="emr-6.9.0", type="SPARK"
    )
    return EmrServerlessSettings(
        application_id=made["applicationId"],
        execution_role=ROLE,
        entry_point="s3://code/job.py",
        staging="s3://staging/spark",
        environment="s3://code/environment.tar.gz",
        region="us-east-1",
        endpoint=endpoint,
        poll_seconds=0.05,
    )
