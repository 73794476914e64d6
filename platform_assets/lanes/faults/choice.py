"""Which fault there is for each kind, and which kinds do not fit a target."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from platform_assets.lanes.faults.clock import STEP_SECONDS, ClockStep
from platform_assets.lanes.faults.credentials import ExpiredCredentials
from platform_assets.lanes.faults.disk import FullDisk
from platform_assets.lanes.faults.processes import (
    KillEverything,
    KillProcess,
    PauseProcess,
    kill_worker,
    pause_worker,
)
from platform_assets.lanes.faults.services import EndService, PauseService
from platform_assets.lanes.stack import CODE_SERVER, DAEMON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from platform_assets.lanes.faults.fault import Injected
    from platform_assets.lanes.faults.ground import Ground
    from platform_assets.lanes.plan import FaultKind, LanePlan, Target
    from platform_assets.lanes.stack import Stack

BROKER = "broker"
STORE = "store"

_OF_DAGSTER = frozenset({"kill_daemon", "pause_daemon", "kill_code_server"})
#: Kinds that are nothing where they do not last.
_LASTING = frozenset(
    {
        *("pause_worker", "pause_daemon", "pause_broker", "pause_store"),
        *("full_disk", "expired_credentials", "clock_forward", "clock_back"),
    }
)


def injected(kind: FaultKind, stack: Stack, ground: Ground) -> Injected:
    """Return a fault of a kind, which has not struck yet.

    Raises:
        FaultNotInjected: what it needs cannot be had on this machine.
    """
    processes, services = stack.processes, stack.services
    kinds: Mapping[FaultKind, Callable[[], Injected]] = {
        "kill_worker": lambda: kill_worker(stack),
        "pause_worker": lambda: pause_worker(stack),
        "kill_daemon": lambda: KillProcess(processes[DAEMON]),
        "pause_daemon": lambda: PauseProcess(processes[DAEMON]),
        "kill_code_server": lambda: KillProcess(processes[CODE_SERVER]),
        "kill_everything": lambda: KillEverything(stack),
        "kill_broker": lambda: EndService(services, BROKER, signal.SIGKILL),
        "restart_broker": lambda: EndService(services, BROKER, signal.SIGTERM),
        "pause_broker": lambda: PauseService(services, BROKER),
        "restart_store": lambda: EndService(services, STORE, signal.SIGTERM),
        "pause_store": lambda: PauseService(services, STORE),
        "full_disk": lambda: FullDisk(ground.volume()),
        "expired_credentials": lambda: _expired_credentials(stack),
        "clock_forward": lambda: ClockStep(ground.clock(), STEP_SECONDS),
        "clock_back": lambda: ClockStep(ground.clock(), -STEP_SECONDS),
    }
    return kinds[kind]()


def unfit(plan: LanePlan) -> list[str]:
    """Return why faults of a plan cannot strike its target, one line each."""
    if plan.schedule is None:
        return []
    found = []
    for fault in plan.schedule.faults:
        lacking = _lacking(fault.kind, plan.target)
        if lacking:
            found.append(f"{fault.kind} needs {lacking}")
        if fault.kind in _LASTING and not fault.seconds:
            found.append(f"{fault.kind} needs `seconds`: it is nothing where it does not last")
    return found


def _lacking(kind: FaultKind, target: Target) -> str:
    if kind in _OF_DAGSTER and target.runner != "dagster":
        return "`target.runner: dagster`"
    for service in (BROKER, STORE):
        if kind.endswith(f"_{service}") and service not in target.services:
            return f"a service `{service}` of the target"
    if kind == "full_disk" and target.volume is None:
        return "`target.volume`"
    if kind == "expired_credentials" and target.rotation is None:
        return "`target.rotation`"
    return ""


def _expired_credentials(stack: Stack) -> Injected:
    if stack.target.rotation is None:
        raise RuntimeError("the plan was not asked whether its faults fit its target")
    return ExpiredCredentials(stack.target.rotation, stack.services.folder)
