"""Faults of every sort strike real systems under load: all is steady again, and nothing is lost.

What a fault does is in `test_faults`; here it is what becomes of the system, and of every event.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import FaultNotInjected
from platform_assets.lanes.faults.volume import Volume
from platform_assets_tests.lanes.recoveries import recovered, recovery
from platform_assets_tests.servers.kafka_jars import java, kafka_jars
from platform_assets_tests.servers.processes import NoServer, free_ports

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.lanes.plan import LanePlan
    from platform_assets_tests.lanes.recoveries import Recovered


#: One after the other: each of them needs a machine of two cores.
pytestmark = pytest.mark.xdist_group("lanes under faults")


def require_recovery(plan: LanePlan, found: Recovered) -> None:
    """Assert that each fault struck, that all was steady after each, and that truth is intact."""
    assert plan.schedule is not None
    assert found.not_injected == []
    assert sorted(fault.kind for fault in found.struck) == sorted(
        fault.kind for fault in plan.schedule.faults
    )
    for fault in found.struck:
        assert fault.ended_us is not None
        assert fault.steady_us is not None, f"never steady again: {fault}"
        assert fault.at_us <= fault.ended_us <= fault.steady_us
    assert found.drained
    assert (found.lost, found.doubled, found.unexpected, found.refused) == (0, 0, 0, {})
    assert found.runs >= len(found.struck)


def broker() -> dict[str, Any]:
    try:
        java()
        kafka_jars()
    except NoServer as error:
        pytest.skip(f"no Kafka: {error}")
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    module = "platform_assets_tests.servers.kafka_service"
    command = ["python", "-m", module, "--port", str(port), "--data", "broker"]
    ready = {"address": address, "within_seconds": 180}
    return {
        "source": {"kind": "kafka", "bootstrap": [address]},
        "services": {"broker": {"command": command, "ready": ready}},
    }


def of_the_machine(folder: Path) -> list[str]:
    """Return the kinds that need a right or a program which not every machine has."""
    kinds, volume = ["full_disk", "clock_forward", "clock_back"], Volume(folder / "volume", 4096)
    try:
        volume.mount()
        volume.unmount()
    except FaultNotInjected:
        kinds.remove("full_disk")
    return kinds if shutil.which("cc") else [kind for kind in kinds if kind == "full_disk"]


def test_a_worker_on_kafka_recovers_from_every_sort_of_fault(tmp_path: Path) -> None:
    plan = recovery(
        *("kill_worker", "pause_worker", "kill_broker", "pause_broker"),
        *of_the_machine(tmp_path),
        seconds=2,
        volume={"size": "256MiB"},
        **broker(),
    )
    found = recovered(plan, tmp_path)
    require_recovery(plan, found)
    assert {end.name for end in found.ends} == {"worker", "broker"}


def test_dagster_recovers_when_a_run_and_when_everything_is_killed(tmp_path: Path) -> None:
    plan = recovery("kill_worker", "kill_everything", runner="dagster", max_open_runs=1)
    found = recovered(plan, tmp_path)
    require_recovery(plan, found)
    assert {"daemon", "code_server"} <= {end.name for end in found.ends}
