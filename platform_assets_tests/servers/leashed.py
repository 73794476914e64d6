"""Starts the test servers that run in Node, and moto: as containers, or as processes of this machine.

A server binds this machine's loopback on a port that it chooses itself and tells in its first line.
It ends with its standard input: the pipe closes when the process that started it ends, even by a kill,
so that nothing is left behind. Only processes started here are ended here, by their id.

Node packages are installed with ``npm ci`` from the lock file, once, into a folder of the user's cache
that is named by the lock file's digest. The folder appears by one rename, so that two test runs at
once cannot see half of it; the one that comes second throws its copy away.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from platform_assets_tests.servers.containers import engine_answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NODE_SOURCES = Path(__file__).with_name("node")
_NODE_IMAGE = "node:22-slim"
_START_SECONDS = 90
_INSTALL_SECONDS = 300
_STOP_SECONDS = 10
_LISTENING = re.compile(rb"^listening on port (\d+)$", re.MULTILINE)

#: moto's server on any free port of the loopback; it ends with its standard input.
_MOTO = """
import os, sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("listening on port", server.get_host_and_port()[1], flush=True)
sys.stdin.buffer.read()
os._exit(0)
"""


class ServerUnavailableError(Exception):
    """The server cannot be had on this machine; the message says why."""


@contextmanager
def node_server(script: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run ``node/<script>`` and yield its address.

    Raises:
        ServerUnavailableError: neither an engine for containers nor node with npm is there, or the
            packages cannot be installed.
    """
    if engine_answers():
        with _container(script, environment or {}) as address:
            yield address
        return
    packages = node_packages()
    command = [_program("node"), str(NODE_SOURCES / script)]
    variables = {**(environment or {}), "NODE_PATH": str(packages / "node_modules")}
    with _leashed(command, variables) as address:
        yield address


@contextmanager
def moto_server() -> Iterator[str]:
    """Run moto's server, which is installed with the test dependencies, and yield its address."""
    with _leashed([sys.executable, "-c", _MOTO], {}) as address:
        yield address


def node_packages(sources: Path = NODE_SOURCES, name: str = "servers") -> Path:
    """Return the folder that holds ``node_modules``; install it if it is not there.

    Args:
        sources: the folder of ``package.json`` and ``package-lock.json``.
        name: what the packages are for; the folder is named by it.

    Raises:
        ServerUnavailableError: node or npm is missing, or npm cannot install the packages.
    """
    npm = _program("npm")
    _program("node")
    lock = (sources / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "platform-assets-tests" / f"{name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".installing-") as scratch:
        building = Path(scratch) / "packages"
        building.mkdir()
        for file in ("package.json", "package-lock.json"):
            shutil.copy(sources / file, building)
        _install(npm, building)
        try:
            building.rename(folder)
        except OSError:
            if not folder.is_dir():  # another run was first, or the disk refuses
                raise
    return folder


def locked_version(package: str) -> str:
    """Return the version of a package of the Node servers."""
    packages = json.loads((NODE_SOURCES / "package-lock.json").read_bytes())["packages"]
    return str(packages[f"node_modules/{package}"]["version"])


def _install(npm: str, folder: Path) -> None:
    # Optional packages are compiled ones for storage on disk; no script of a package is run.
    options = ["--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(
            [npm, "ci", *options],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ServerUnavailableError(f"npm ci took more than {_INSTALL_SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        raise ServerUnavailableError(f"npm ci failed: {error.stderr[-500:]}") from error


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ServerUnavailableError(f"{name} is not on this machine")
    return found


@contextmanager
def _leashed(command: list[str], environment: Mapping[str, str]) -> Iterator[str]:
    # The log is a file and not a pipe: nobody reads it, and a full pipe would stop the server.
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        try:
            yield f"http://127.0.0.1:{_port(server, log)}"
        finally:
            _stop(server)


def _port(server: subprocess.Popen[bytes], log: IO[bytes]) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        ended = server.poll() is not None
        said = os.pread(log.fileno(), 65_536, 0)
        found = _LISTENING.search(said)
        if found:
            return int(found[1])
        if ended:
            break
        time.sleep(0.02)
    raise AssertionError(f"{server.args!r} does not listen:\n{said.decode('utf-8', 'replace')}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.stdin is not None:
        server.stdin.close()
    try:
        server.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:  # a test may have frozen it
        server.kill()
        server.wait()


@contextmanager
def _container(script: str, environment: Mapping[str, str]) -> Iterator[str]:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.waiting_utils import wait_for_logs  # noqa: PLC0415

    install = "cp -r /sources /server && cd /server && npm ci --omit=optional --ignore-scripts"
    container = DockerContainer(_NODE_IMAGE).with_exposed_ports(4567)
    container.with_volume_mapping(str(NODE_SOURCES), "/sources", "ro")
    container.with_command(["sh", "-c", f"{install} && exec node {script}"])
    settings = {"SERVER_HOST": "0.0.0.0", "SERVER_PORT": "4567", "SERVER_LEASH": "none"}  # noqa: S104
    for name, value in {**settings, **environment}.items():
        container.with_env(name, value)
    with container:
        wait_for_logs(container, "listening on port", timeout=_INSTALL_SECONDS)
        yield f"http://{container.get_container_host_ip()}:{container.get_exposed_port(4567)}"
