"""`dg dev` on a home, for as long as a test lasts. It binds this machine's loopback only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS = 180
_STOP_SECONDS = 30


@contextmanager
def dagster_dev(home: Path, log: Path) -> Iterator[str]:
    """Start the UI and the daemon on a home's own instance, and yield the UI's address."""
    port = _free_port()
    command = [Path(sys.executable).with_name("dg"), "dev", "--host", "127.0.0.1"]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "PLATFORM_HOME": str(home),
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*map(str, command), "--port", str(port)],
            cwd=home,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_it_answers(address, server, log)
            yield address
        finally:
            _stop(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310 - http
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"dg dev did not answer:\n{log.read_text('utf-8', 'replace')[-4000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    # dg dev starts the UI, the daemon and code servers; all of them are in its session
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
