"""Plans from YAML: a document, one of its profiles merged over it, and a target merged over that.

Mappings are merged key by key; lists and single values replace what stood there, and so does a mapping
of another ``kind``, whose other keys would mean nothing. The result is validated as a whole, and every
mistake is reported with the file and the line where it stands. There is no profile by default.

``workload.sample`` names a file beside the document. Its text takes the name's place, so that a plan
holds all that decides what is sent. Limits of faults become thresholds (see `fault_limits`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError

from platform_assets.declarations.mistakes import found_among, suggestion
from platform_assets.declarations.yaml_positions import PositionedYaml
from platform_assets.errors import DeclarationInvalid, UnknownThing
from platform_assets.lanes.fault_limits import fault_limits
from platform_assets.lanes.plan import LANES, LanePlan, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic_core import ErrorDetails

    Location = tuple[str | int, ...]

_PLANS = Path(__file__).parent / "plans"
_PROFILES = "profiles"
_REMEDY = "Correct these lines, then call the lane again; nothing was pinned or sent."


class _Layer(NamedTuple):
    """A part of a file that is merged into a plan: where it stands there, and what it is part of."""

    document: PositionedYaml
    below: Location
    over: Location
    model: type[BaseModel]

    def depth(self, location: Location) -> int:
        """Return how much of a location of the plan stands in this part; 0 for nothing."""
        if location[: len(self.over)] != self.over:
            return 0
        _, steps = self.document.trace((*self.below, *location[len(self.over) :]))
        return len(steps) - len(self.below) + len(self.over)


def resolve(lane: str, profile: str, *, plan: Path | None, target: Path | None) -> LanePlan:
    """Return the plan of a lane in one profile.

    Args:
        lane: the lane.
        profile: a profile of the document.
        plan: the document; the shipped one if absent.
        target: what is merged over the plan's `target`: what is particular to a place.

    Raises:
        UnknownThing: there is no such lane.
        DeclarationInvalid: there is no such profile, or a file is no plan; it lists every mistake.
    """
    if lane not in LANES:
        raise UnknownThing(
            f"lane {lane}",
            expected=f"one of {', '.join(LANES)}",
            found=f"{lane!r}{suggestion(lane, LANES)}",
            remedy="Name a lane that there is.",
        )
    document = PositionedYaml.read(plan or _PLANS / f"{lane}.yaml")
    _require_plan_of(lane, document)
    chosen = _profile(document, profile)
    value = {key: part for key, part in document.value.items() if key != _PROFILES}
    value = merged(value, {**chosen, "profile": profile})
    value = merged(value, {"workload": _with_its_sample(document, value.get("workload"))})
    layers = [
        _Layer(document, (), (), LanePlan),
        _Layer(document, (_PROFILES, profile), (), LanePlan),
    ]
    if target is not None:
        particular = PositionedYaml.read(target, may_be_empty=True)
        value = merged(value, {"target": particular.value})
        layers.append(_Layer(particular, (), ("target",), Target))
    try:
        return _with_fault_limits(LanePlan.model_validate(value), document)
    except ValidationError as error:
        raise _invalid(error.errors(), layers) from error


def merged(base: Any, over: Any) -> Any:
    """Return a value with another one merged over it."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    if "kind" in over and over["kind"] != base.get("kind"):
        return over
    return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}


def _require_plan_of(lane: str, document: PositionedYaml) -> None:
    if document.value.get("lane") != lane:
        raise DeclarationInvalid(
            document.where(("lane",)),
            expected=f"lane: {lane}",
            found=repr(document.value.get("lane")),
            remedy="Give the plan of this lane, or call the lane that it is a plan of.",
        )


def _profile(document: PositionedYaml, name: str) -> dict[str, Any]:
    profiles = document.value.get(_PROFILES)
    known = [str(each) for each in profiles] if isinstance(profiles, dict) else []
    chosen = profiles.get(name) if isinstance(profiles, dict) else None
    if not isinstance(chosen, dict):
        found = f"{name!r}{suggestion(name, known)}" if known else "no profiles"
        raise DeclarationInvalid(
            document.where((_PROFILES, name)),
            expected=f"a profile of {', '.join(known) or 'the plan'}",
            found=found if name not in known else f"{name!r}, which is no mapping",
            remedy="Name one that there is, or declare it below `profiles`.",
        )
    return chosen


def _with_its_sample(document: PositionedYaml, workload: Any) -> Any:
    name = workload.get("sample") if isinstance(workload, dict) else None
    if not isinstance(name, str):
        return workload  # that it is missing is said with all other mistakes
    path = document.path.parent / name
    try:
        return {**workload, "sample": path.read_bytes().decode("utf-8")}
    except (OSError, ValueError) as error:
        raise DeclarationInvalid(
            document.where(("workload", "sample")),
            expected="a file of records, one a line, named as it stands beside this one",
            found=f"{path}: {getattr(error, 'strerror', None) or error}",
            remedy="Name a file that is there.",
        ) from error


def _with_fault_limits(plan: LanePlan, document: PositionedYaml) -> LanePlan:
    if plan.schedule is None:
        return plan
    record = plan.record()
    limits = fault_limits(record["schedule"]["faults"])
    for name in sorted(limits.keys() & plan.thresholds.keys()):
        raise DeclarationInvalid(
            document.where(("thresholds", name)),
            expected=f"the limit of {name} once, as recover_within_seconds of the fault",
            found=f"a threshold {name} besides",
            remedy="Remove this threshold, or give it another name if it asks for something else.",
        )
    return LanePlan.model_validate({**record, "thresholds": {**record["thresholds"], **limits}})


def _invalid(details: Sequence[ErrorDetails], layers: Sequence[_Layer]) -> DeclarationInvalid:
    """Return the error that lists every mistake at the place where it stands."""
    found = []
    for layer in layers:
        own = [_within(layer, each) for each in details if _layer_of(each, layers) is layer]
        mistakes = found_among(own, layer.document, layer.model, layer.below)
        found += [f"{layer.document.path}:{line}: {text}" for line, text in sorted(mistakes)]
    found += list(_of_the_whole(details, layers[0]))
    return DeclarationInvalid(
        found[0].partition(": ")[0],
        expected="a valid plan of a lane",
        found=found,
        remedy=_REMEDY,
    )


def _of_the_whole(details: Iterable[ErrorDetails], layer: _Layer) -> Iterable[str]:
    return (f"{layer.document.path}:1: {each['msg']}" for each in details if not each["loc"])


def _layer_of(detail: ErrorDetails, layers: Sequence[_Layer]) -> _Layer | None:
    """Return the part that holds most of a location; of several the one that is merged last."""
    if not detail["loc"]:
        return None
    return max(reversed(layers), key=lambda layer: layer.depth(detail["loc"]))


def _within(layer: _Layer, detail: ErrorDetails) -> ErrorDetails:
    return {**detail, "loc": detail["loc"][len(layer.over) :]}
