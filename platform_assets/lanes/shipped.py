"""What the shipped plans ask for, as far as it is shown before a lane runs.

A plan is valid or refused when it is resolved (see `plan_loading`). That takes longer than those may
wait who only name the lanes that there are; here the documents are read and nothing is decided. The
thresholds of a lane are those of all profiles of its plan: what one profile leaves out, another has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.lanes.fault_limits import fault_limits
from platform_assets.lanes.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLANS = Path(__file__).parent / "plans"
#: The one in C takes a tenth of the time; not every build of the library has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class ShippedLane:
    """A lane that ships with the platform.

    Attributes:
        description: what it does, in a sentence.
        thresholds: name -> what is measured, in a sentence.
    """

    description: str
    thresholds: Mapping[str, str]


def shipped_lanes() -> dict[str, ShippedLane]:
    """Return every lane that has a shipped plan, by name."""
    return {path.stem: _lane(path) for path in sorted(_PLANS.glob("*.yaml"))}


def _lane(path: Path) -> ShippedLane:
    document = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506 - a safe loader
    thresholds: dict[str, Any] = {}
    for layer in (document, *document["profiles"].values()):
        for name, changed in layer.get("thresholds", {}).items():
            thresholds[name] = {**thresholds.get(name, {}), **changed}
        thresholds |= fault_limits(layer.get("schedule", {}).get("faults", ()))
    about = {name: _about(threshold) for name, threshold in thresholds.items()}
    return ShippedLane(document["description"], about)


def _about(threshold: Mapping[str, Any]) -> str:
    metric, statistic = threshold["metric"], threshold["statistic"]
    of = f"{metric} of {threshold['label']}" if "label" in threshold else metric
    phases = threshold.get("phases", ())
    within = f" ({', '.join(phases)})" if phases else ""
    return f"{statistic.replace('_', '.')} of {of}{within}: {METRICS[metric].about}."
