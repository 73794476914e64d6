"""Ceph's object gateway as processes of the test run: an S3 server whose conditional writes are atomic.

One monitor, one store in memory and one gateway, without authentication among themselves; the gateway
asks its clients for signatures as S3 does. Everything listens on 127.0.0.1. From Debian's packages
``ceph-mon``, ``ceph-osd`` and ``radosgw``.

Run as ``python -m platform_assets_tests.servers.ceph`` it says what a client needs and serves until it
is interrupted.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Self

from platform_assets_tests.servers.processes import (
    ServerFailed,
    ServerProcess,
    free_ports,
    program,
    temporary_folder,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

ACCESS_KEY = "FALSEFORTESTS0000000"
SECRET_KEY = "false-secret-for-tests"  # noqa: S105 - of a server that lives as long as the tests
_START_SECONDS = 90
_PROGRAMS = ("monmaptool", "ceph-mon", "ceph-osd", "ceph", "radosgw", "radosgw-admin")
_IN_MEMORY = "osd_objectstore = memstore\nmemstore_device_bytes = {bytes}"
_SETTINGS = """\
[global]
fsid = {fsid}
mon_initial_members = a
mon_host = [v2:127.0.0.1:{mon},v1:127.0.0.1:{mon_v1}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
mon_data = {folder}/mon
mon_data_avail_crit = 0
mon_data_avail_warn = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
osd_data = {folder}/osd
{store}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_class_load_list = *
osd_class_default_list = *
run_dir = {folder}/run
pid_file = {folder}/run/$name.pid
admin_socket = {folder}/run/$name.$pid.asok
log_file = {folder}/run/$name.log
mon_cluster_log_file = {folder}/run/cluster.log
debug_default = 0
debug_rgw = 0
debug_ms = 0
debug_osd = 0
debug_mon = 0
"""


def settings(folder: Path, *, fsid: str, ports: tuple[int, int], store: str) -> str:
    """Return the configuration of one monitor, one store and one gateway in a folder.

    Args:
        folder: with folders ``mon``, ``osd`` and ``run``.
        fsid: the cluster's id.
        ports: the monitor's, in the newer and the older protocol.
        store: what the store keeps its objects in, as settings.
    """
    mon, mon_v1 = ports
    return _SETTINGS.format(fsid=fsid, mon=mon, mon_v1=mon_v1, folder=folder, store=store)


def gateway(port: int) -> tuple[str, ...]:
    """Return the call of a gateway that answers at a port of this machine."""
    # without the setting Nagle and delayed acknowledgements add 40 ms to every answer
    frontend = f"beast endpoint=127.0.0.1:{port} tcp_nodelay=1"
    return ("radosgw", "-n", "client.rgw", "--rgw_frontends", frontend)


class CephGateway:
    """A gateway to be started; as a context manager it is started and stopped."""

    kind = "radosgw"

    def __init__(self, *, memory_bytes: int = 8 << 30) -> None:
        self.access_key = ACCESS_KEY
        self.secret_key = SECRET_KEY
        self._memory_bytes = memory_bytes
        self._processes: list[ServerProcess] = []

    @property
    def endpoint(self) -> str:
        """Where it serves S3."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def version(self) -> str:
        """The version that the gateway says it is."""
        done = subprocess.run(
            [program("radosgw"), "--version"], capture_output=True, text=True, check=True
        )
        found = re.search(r"ceph version (\S+)", done.stdout)
        return f"radosgw {found[1] if found else 'of unknown version'}"

    def start(self) -> Self:
        """Format, start, and wait until it serves.

        Raises:
            NoServer: Ceph's programs are not on this machine.
            ServerFailed: it did not start; with the end of its log.
        """
        for name in _PROGRAMS:
            program(name)
        self._folder = temporary_folder("ceph")
        for name in ("mon", "osd", "run"):
            (self._folder / name).mkdir()
        mon, mon_v1, self.port = free_ports(3)
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        self._configuration = self._folder / "ceph.conf"
        store = _IN_MEMORY.format(bytes=self._memory_bytes)
        self._configuration.write_text(
            settings(self._folder, fsid=fsid, ports=(mon, mon_v1), store=store)
        )
        try:
            addresses = f"[v2:127.0.0.1:{mon},v1:127.0.0.1:{mon_v1}]"
            names = ("--create", "--addv", "a", addresses, "--fsid", fsid)
            monmap = str(self._folder / "monmap")
            self._run("monmaptool", *names, monmap, configured=False)
            self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
            self._serve("ceph-mon", "-i", "a")
            self._run("ceph", "--connect-timeout", str(_START_SECONDS), "osd", "new", osd)
            self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
            self._serve("ceph-osd", "-i", "0")
            user = ("user", "create", "--uid", "tests", "--display-name", "tests")
            keys = ("--access-key", self.access_key, "--secret-key", self.secret_key)
            self._run("radosgw-admin", *user, *keys)
            self._gateway = self._serve(*gateway(self.port))
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End its processes, the gateway first."""
        while self._processes:
            self._processes.pop().kill()  # nothing of it is to be kept

    def freeze(self) -> None:
        """Stop the gateway from running: connections stay open and nobody answers."""
        self._gateway.freeze()

    def thaw(self) -> None:
        """Let the gateway run again."""
        self._gateway.thaw()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _command(self, name: str, *arguments: str, configured: bool = True) -> list[str]:
        settings = ["-c", str(self._configuration)] if configured else []
        return [program(name), *settings, *arguments]

    def _run(self, name: str, *arguments: str, configured: bool = True) -> None:
        command = self._command(name, *arguments, configured=configured)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_START_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise ServerFailed(f"{name} did not end: {error}") from error
        if done.returncode:
            raise ServerFailed(f"{name} failed: {done.stdout}{done.stderr}")

    def _serve(self, name: str, *arguments: str) -> ServerProcess:
        log: Path = self._folder / f"{name}.out"
        process = ServerProcess(self._command(name, "-f", *arguments), log=log)
        self._processes.append(process)
        process.start()
        return process

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._gateway.alive:
            try:
                with urllib.request.urlopen(self.endpoint, timeout=5):  # noqa: S310 - http, as built above
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise ServerFailed(f"radosgw does not serve: {self._gateway.output()[-2000:]}")


def main() -> None:
    """Serve until interrupted."""
    with CephGateway() as gateway:
        said = {name: getattr(gateway, name) for name in ("endpoint", "access_key", "secret_key")}
        print(json.dumps(said), flush=True)  # noqa: T201 - it is what this program is for
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
