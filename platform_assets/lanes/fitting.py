"""Which faults of a plan can strike its target, told before anything is started.

A plan either means each of its faults, and is refused where one does not fit, or it lists all that
there are, and those strike that fit (``unfit: leave_out``). What is left out is written into the
resolved plan, so that it is pinned, signed and shown; thresholds about it are left out with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.errors import DeclarationInvalid
from platform_assets.lanes.plan import LanePlan

if TYPE_CHECKING:
    from platform_assets.lanes.plan import FaultKind, Target

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


def fitted(plan: LanePlan) -> LanePlan:
    """Return a plan with the faults that fit its target.

    Raises:
        DeclarationInvalid: one does not, and the plan means each of them; or none is left.
    """
    schedule = plan.schedule
    if schedule is None:
        return plan
    needs = {fault.kind: lacking(fault.kind, plan.target) for fault in schedule.faults}
    fit = tuple(fault for fault in schedule.faults if not needs[fault.kind])
    out = sorted(kind for kind, need in needs.items() if need)
    left_out = tuple(sorted({*schedule.left_out, *out}))
    problems = [
        f"{fault.kind} needs `seconds`: it is nothing where it does not last"
        for fault in schedule.faults
        if fault.kind in _LASTING and not fault.seconds
    ]
    if schedule.unfit == "refuse" or not fit:
        problems += [f"{kind} needs {needs[kind]}" for kind in out]
    if problems:
        raise DeclarationInvalid(
            f"plan of lane {plan.lane}, profile {plan.profile}",
            expected="faults that can strike its target",
            found=problems,
            remedy="Give a target that has them (--target FILE), or another profile.",
        )
    kept = schedule.model_copy(update={"faults": fit, "left_out": left_out})
    asked = {name: each for name, each in plan.thresholds.items() if each.label not in left_out}
    changed = plan.model_copy(update={"schedule": kept, "thresholds": asked})
    return LanePlan.model_validate(changed.record())


def lacking(kind: FaultKind, target: Target) -> str:
    """Return what a target lacks so that a kind of fault can strike it, nothing where it fits."""
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
