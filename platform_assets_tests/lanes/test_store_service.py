"""The S3 service of lanes: its keys end and are made anew, it restarts on its data, it stalls.

An open store of the platform goes through all of it without being opened anew.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import DependencyUnreachable, StoreDenied
from platform_assets.lanes.faults.credentials import ExpiredCredentials
from platform_assets.lanes.faults.services import EndService, PauseService
from platform_assets.lanes.plan import Readiness, Rotation, Service
from platform_assets.lanes.services import Services
from platform_assets_tests.object_stores import open_object_store
from platform_assets_tests.servers.processes import NoServer, free_ports, program
from platform_assets_tests.servers.s3_service import PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.ports.store import Store

#: One after the other: each of them needs a machine of two cores.
pytestmark = pytest.mark.xdist_group("lanes under faults")

MODULE = ("python", "-m", "platform_assets_tests.servers.s3_service")
ROTATION = Rotation(
    expire=(*MODULE, "expire", "--data=store"), renew=(*MODULE, "renew", "--data=store")
)


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    for name in ("radosgw", "ceph-mon", "ceph-osd"):
        try:
            program(name)
        except NoServer as error:
            pytest.skip(f"no S3 server: {error}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return free_ports(1)[0]


@pytest.fixture
def services(port: int, tmp_path: Path) -> Iterator[Services]:
    command = (*MODULE, "serve", f"--port={port}", "--data=store", "--bucket=lanes")
    ready = Readiness(address=f"127.0.0.1:{port + 3}", within_seconds=180)
    services = Services({"store": Service(command=command, ready=ready)}, tmp_path / "s", tmp_path)
    try:
        services.start()
        yield services
    finally:
        services.stop()


def test_an_open_store_survives_rotation_restart_and_stall(
    services: Services, port: int, tmp_path: Path
) -> None:
    store = open_object_store(
        f"s3://lanes/{tmp_path.name}",
        tmp_path / "scratch",
        endpoint=f"http://127.0.0.1:{port}",
        allow_http=True,
        profile=PROFILE,
        timeout_seconds=3,
    )
    written = [created(store, "first")]

    rotation = ExpiredCredentials(ROTATION, services.folder)
    rotation.strike()
    with pytest.raises(StoreDenied):
        store.create("runs/refused", b"")
    rotation.heal()
    written.append(created(store, "rotated"))

    pause = PauseService(services, "store")
    pause.strike()
    with pytest.raises(DependencyUnreachable):
        store.list("runs")
    pause.heal()
    written.append(created(store, "paused"))

    restart = EndService(services, "store", signal.SIGTERM)
    restart.strike()
    with pytest.raises(DependencyUnreachable):
        store.list("runs")
    restart.heal()
    written.append(created(store, "restarted"))
    assert store.list("runs") == sorted(written)
    assert [end.how for end in services.processes["store"].ends] == ["exit 0"]


def created(store: Store, name: str) -> str:
    store.create(f"runs/{name}", name.encode())
    return f"runs/{name}"
