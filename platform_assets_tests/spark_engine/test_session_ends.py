"""A job waits for its JVM, so that the system counts what Spark took as the job's."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from platform_assets_tests.spark_engine.small_spark import PROPERTIES, settings_of

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
import json, sys
from platform_assets.adapters.spark.session import close_session, open_session
session = open_session("ending", json.loads(sys.argv[1]))
assert session.range(7).count() == 7
jvm = session.sparkContext._gateway.proc
close_session(session)
assert jvm.returncode == 0, jvm.returncode
"""


def test_the_jvm_has_ended_and_was_waited_for(spark: str, tmp_path: Path) -> None:
    properties = {**settings_of("local[1]"), **PROPERTIES, "spark.local.dir": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", JOB, json.dumps(properties)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
