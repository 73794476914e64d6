"""Spark for tests: skipped with the reason where there is no Java or no PySpark.

All of them share a worker, because a second Spark at the same time helps nobody.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.spark.engine import installed_version
from platform_assets.adapters.spark.subprocess_launcher import require_spark
from platform_assets.errors import EngineMissing
from platform_assets_tests.spark_engine.application import emr, endpoint
from platform_assets_tests.spark_engine.small_spark import PROPERTIES, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

__all__ = ["emr", "endpoint", "session", "spark"]  # fixtures of this folder

_FIXTURES = frozenset({"spark", "session"})


@pytest.fixture(scope="session")
def spark() -> str:
    """The version of Spark that is on this machine."""
    try:
        require_spark()
    except EngineMissing as error:
        pytest.skip(f"no Spark: {error.found}")
    return f"Apache Spark {installed_version()}"


@pytest.fixture(scope="session")
def session(spark: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session of two threads in this process, for jobs that are called and not launched."""
    from platform_assets.adapters.spark.session import open_session  # noqa: PLC0415 - needs Spark

    before = dict(os.environ)
    local = {"spark.local.dir": str(tmp_path_factory.mktemp("spark"))}
    opened = open_session("tests", {**settings_of("local[2]"), **PROPERTIES, **local})
    yield opened
    opened.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses Spark, and keep it together under xdist."""
    for item in items:
        if _FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("spark")
            item.add_marker(pytest.mark.xdist_group("spark"))


def pytest_runtest_call(item: pytest.Item) -> None:
    """Report the version with the test, so that it comes from a worker to the summary."""
    if item.get_closest_marker("spark") is not None:
        item.user_properties.append(("spark", f"Apache Spark {installed_version()}"))
