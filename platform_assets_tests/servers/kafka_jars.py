"""Apache Kafka's own jars, from Maven Central through Maven, kept in the user's cache folder.

What is needed stands in `kafka/pom.xml`. A folder of the cache is complete or absent: jars are gathered
beside it and renamed into place, by one process at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from platform_assets_tests.servers.processes import NoServer, program

KAFKA = Path(__file__).with_name("kafka")
_POM = KAFKA / "pom.xml"
_JAVA = 17
_DOWNLOAD_SECONDS = 600


def version() -> str:
    """Return the version of Kafka that the project's description of the jars names."""
    found = re.search(r"<artifactId>kafka_2\.13</artifactId>\s*<version>(.+?)<", _POM.read_text())
    assert found is not None
    return found[1]


def kafka_jars() -> Path:
    """Return the folder with the jars; fetch them if they are not there.

    Raises:
        NoServer: they are not there and cannot be fetched.
    """
    folder = _cache() / f"kafka-{version()}" / hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():  # nobody fetched them while this process waited
            _fetch(folder)
    return folder


def java() -> str:
    """Return the path of a Java that Kafka runs on.

    Raises:
        NoServer: there is none, or it is too old.
    """
    path = program("java")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _JAVA:
        raise NoServer(f"Kafka needs Java {_JAVA}; {path} says {said.strip()!r}")
    return path


def _fetch(folder: Path) -> None:
    maven = program("mvn")
    gathered = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder.parent))
    try:
        done = subprocess.run(
            [
                maven,
                "--batch-mode",
                "--quiet",
                "--file",
                str(_POM),
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={gathered}",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=_DOWNLOAD_SECONDS,
        )
        if done.returncode != 0:
            raise NoServer(f"Maven could not fetch Kafka's jars: {done.stdout[-2000:]}")
        gathered.rename(folder)
    except subprocess.TimeoutExpired:
        raise NoServer(f"Maven did not fetch Kafka's jars in {_DOWNLOAD_SECONDS} s") from None
    finally:
        shutil.rmtree(gathered, ignore_errors=True)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "platform-assets-tests"


if __name__ == "__main__":
    try:
        java()
        print(kafka_jars())  # noqa: T201 - `.ci/run` shows where they are
    except NoServer as missing:
        sys.exit(str(missing))
