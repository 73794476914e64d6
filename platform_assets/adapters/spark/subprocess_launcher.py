"""Spark jobs as a process that is started here: on this machine, or as the driver of a cluster.

PySpark and Java are looked for before anything starts, because Spark's own words for their absence
help nobody. The log of a job stays after it, under the job's name. A job ends with whoever launched it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.errors import EngineMissing, JobFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_assets.declarations.spark import SparkSettings

#: Where the logs of jobs stay, in the home's scratch folder.
LOGS = "spark-logs"
JOB_MODULE = "platform_assets.adapters.spark.job"

#: What is left behind of a log in an error.
_SAID = 300
#: How long a job may take to end when it is asked to.
STOP_SECONDS = 20


class SubprocessLauncher:
    """Runs each job as ``python -m``, in a process group of its own."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs

    def run(self, name: str, description: str) -> None:
        """Run a job to its end.

        Raises:
            EngineMissing: PySpark or Java is not installed.
            JobFailed: the process ended with another code than 0.
        """
        require_spark()
        log = log_of(self._logs, name)
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - our own module
                job_command(description), stdout=file, stderr=file, start_new_session=True
            )
            with _ended(process):
                code = process.wait()
        if code:
            raise job_failed(name, f"exit code {code}", log)


def job_command(description: str) -> list[str]:
    """Return the command that runs a job."""
    return [sys.executable, "-m", JOB_MODULE, description]


def log_of(logs: Path, name: str) -> Path:
    """Return the file that the log of a job goes to; it tells the newest attempt."""
    logs.mkdir(parents=True, exist_ok=True)
    return logs / f"{name}.log"


def job_failed(name: str, ended: str, log: Path) -> JobFailed:
    """Return the error of a job that ended otherwise than well, with what it said last."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    said = [line for line in lines if line and not line.startswith(("\t", " ", "\x1b"))]
    last = f": {said[-1].strip()[:_SAID]}" if said else ""
    return JobFailed(
        f"Spark job {name}",
        expected="it ends well",
        found=f"{ended}{last}",
        remedy=f"Nothing was published. Read its log, {log}, mend the cause, then run the step "
        "again.",
    )


def require_spark() -> None:
    """Require what a Spark job needs on this machine.

    Raises:
        EngineMissing: PySpark or Java is not installed.
    """
    home = os.environ.get("JAVA_HOME")
    java = Path(home) / "bin" / "java" if home else shutil.which("java")
    missing = [
        text
        for there, text in (
            (find_spec("pyspark"), "no PySpark; install it: pip install 'platform-assets[spark]'"),
            (java and Path(java).exists(), "no Java; install version 17, or set JAVA_HOME"),
        )
        if not there
    ]
    if missing:
        raise EngineMissing(
            "engine spark",
            expected="PySpark and Java on this machine",
            found=missing,
            remedy="Install what is missing, declare spark.emr_serverless in platform.yaml, or "
            "declare engine: embedded for the product or stream.",
        )


def session_properties(settings: SparkSettings, spill: Path) -> Mapping[str, str]:
    """Return the properties of the session that a job opens for itself."""
    master = settings.master or "local[*]"
    local = master.startswith("local")
    own = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    return {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        **(own if local else {}),
        **settings.properties,
        "spark.master": master,
        "spark.driver.memory": settings.driver_memory,
        "spark.executor.memory": settings.executor_memory,
        "spark.local.dir": str(spill),
    }


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a job where its launcher is interrupted."""
    try:
        yield
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group, with the executors that it started, unless it has ended."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
