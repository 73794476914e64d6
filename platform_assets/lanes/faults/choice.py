"""Which fault there is for each kind."""

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
from platform_assets.lanes.fitting import BROKER, STORE
from platform_assets.lanes.stack import CODE_SERVER, DAEMON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from platform_assets.lanes.faults.fault import Injected
    from platform_assets.lanes.faults.ground import Ground
    from platform_assets.lanes.plan import FaultKind
    from platform_assets.lanes.stack import Stack


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


def _expired_credentials(stack: Stack) -> Injected:
    if stack.target.rotation is None:
        raise RuntimeError("the plan was not asked whether its faults fit its target")
    return ExpiredCredentials(stack.target.rotation, stack.services.folder)
