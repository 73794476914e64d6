"""Turns a judged lane into the values of its report, and judges nothing itself.

Verdicts and statistics are those of the judgement; a run is closed if its closure verifies. The key of
the lane's own home is made for the lane and named by its pin; whether it is a development key says
nothing, unlike that of the home in use, which signed pin and verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.adapters.object_address import is_address
from platform_assets.canonical import rfc3339
from platform_assets.lanes.distributions import distribution
from platform_assets.lanes.metrics import METRICS, UNITS
from platform_assets.lanes.outcomes import faults_of, notes_of, probe_of, runs_of, truth_of
from platform_assets.lanes.verdict import DRAIN
from platform_assets.reports import wording
from platform_assets.reports.lane_model import (
    LaneKeyView,
    LaneReport,
    PhaseView,
    PinView,
    SeriesView,
    ThresholdView,
)
from platform_assets.reports.model import RequirementView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from platform_assets.flow.verification import BundleFiles
    from platform_assets.lanes.judging import JudgedLane
    from platform_assets.lanes.measured import Measured
    from platform_assets.lanes.pin import Pin
    from platform_assets.lanes.plan import LanePlan, Target
    from platform_assets.lanes.verdict import Judged

#: Metrics whose samples are one series, though each is labelled with its run.
_EACH_RUN = frozenset({"run_duration", "run_events", "quarantined", "memory_floor"})
_HISTOGRAMS = tuple(name for name, metric in METRICS.items() if metric.kind == "histogram")


def report_view(
    judged: JudgedLane, files: BundleFiles, *, ended_at: datetime, keys: Mapping[str, bool]
) -> LaneReport:
    """Return the values of a lane's report.

    Args:
        judged: the lane with its verdict.
        files: its evidence.
        ended_at: the moment at which it ended.
        keys: id of each key that signed, and whether it is a development key.
    """
    recorded, plan = judged.recorded, judged.recorded.plan
    pin, measured = recorded.pin.record, recorded.measured
    environment = pin["environment"]
    return LaneReport(
        lane_run=pin["lane_run"],
        lane=plan.lane,
        profile=plan.profile,
        description=plan.description,
        verdict=judged.verdict.value,
        begun_at=rfc3339(judged.judging.begun_at),
        ended_at=rfc3339(ended_at),
        machine=_machine(environment),
        system=_system(plan.target),
        cores=plan.target.cores or int(environment["cores"]),
        memory_budget=int(plan.target.memory_budget),
        truth=truth_of(recorded),
        phases=tuple(_phases(plan, measured)),
        thresholds=tuple(_threshold(each, measured) for each in judged.judgement.thresholds),
        requirements=tuple(
            RequirementView(each.name, each.satisfied, each.detail) for each in judged.requirements
        ),
        series=tuple(_series(measured)),
        distributions=tuple(
            distribution(name, measured.histograms.get(name, ())) for name in _HISTOGRAMS
        ),
        runs=tuple(runs_of(recorded)),
        faults=tuple(faults_of(recorded)),
        probe=probe_of(plan, files, pin["lane_run"]),
        pin=_pin(recorded.pin),
        keys=tuple(_keys(recorded.pin, keys)),
        environment=tuple(_environment(environment)),
        notes=tuple(notes_of(files, pin["lane_run"])),
        commands=lane_commands(pin["lane_run"]),
        package=pin["code"]["package"],
    )


def _machine(environment: Mapping[str, Any]) -> str:
    cores = wording.plural(int(environment["cores"]), "core")
    memory = wording.size(int(environment["memory"]))
    return f"{cores}, {memory} of memory, {environment['kernel']}"


def _environment(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        yield name, wording.size(int(value)) if name == "memory" else str(value)


def _system(target: Target) -> str:
    store = target.store.partition("://")[0] if is_address(target.store) else "local disk"
    return (
        f"feed {target.feed} from {target.source.kind}, runner {target.runner}, {target.engine} "
        f"engine, store on {store}, memory budget {wording.size(int(target.memory_budget))}"
    )


def _phases(plan: LanePlan, measured: Measured) -> Iterator[PhaseView]:
    rates = {phase.name: phase.rate for phase in plan.workload.phases}
    for name, (begin, end) in sorted(measured.phases.items(), key=lambda item: item[1]):
        yield PhaseView(name, begin, end, rates.get(name))


def _threshold(judged: Judged, measured: Measured) -> ThresholdView:
    threshold = judged.threshold
    metric = METRICS[threshold.metric]
    phases = threshold.phases
    if not phases and threshold.statistic == "slope":  # as it was judged: without warming up
        load = [name for name in measured.phases if name != DRAIN]
        phases = tuple(load[1:] or load)
    return ThresholdView(
        name=judged.name,
        metric=threshold.metric,
        about=metric.about,
        dimension=metric.dimension,
        statistic=threshold.statistic,
        phases=phases,
        label=threshold.label,
        at_most=threshold.at_most is not None,
        limit=float(threshold.limit),
        unit=threshold.unit,
        scale=UNITS[metric.dimension][threshold.unit],
        value=judged.value,
        samples=judged.samples,
        verdict=judged.verdict.value,
        reason=judged.reason,
        why=threshold.why,
    )


def _series(measured: Measured) -> Iterator[SeriesView]:
    for metric, samples in sorted(measured.series.items()):
        by_label: dict[str, list[tuple[int, int]]] = {}
        for sample in samples:
            label = "" if metric in _EACH_RUN else sample.label
            by_label.setdefault(label, []).append((sample.at, sample.value))
        for label, points in sorted(by_label.items()):
            yield SeriesView(metric, label, tuple(sorted(points)))


def _keys(pin: Pin, keys: Mapping[str, bool]) -> Iterator[LaneKeyView]:
    for keyid, development in keys.items():
        if keyid == pin.record["keyid"]:
            yield LaneKeyView(keyid, "runs of the lane", development=False)
        else:
            yield LaneKeyView(keyid, "pin and verdict", development=development)


def _pin(pin: Pin) -> PinView:
    said, code = pin.record, pin.record["code"]
    return PinView(
        digest=pin.digest,
        plan_digest=said["plan_digest"],
        configuration_digest=said["config_digest"],
        nonce=said["nonce"],
        pinned_at=said["pinned_at"],
        policies=tuple(sorted(said["policies"].items())),
        code=(
            ("Package", code["package"]),
            ("Source revision", code["revision"] or "not recorded"),
            ("Image", code["image"] or "none"),
            ("Sources that judge", said["judge"]),
        ),
    )


def lane_commands(lane_run: str) -> tuple[str, ...]:
    """Return how a lane's evidence is verified, with comments, as lines of a shell."""
    return (
        "# where the lane ran",
        f"platform-assets verify {lane_run}",
        f"platform-assets export {lane_run} --out {lane_run}.tar",
        "# anywhere, with a public key that you were given by other means",
        f"platform-assets verify {lane_run}.tar --key KEY.pem",
    )
