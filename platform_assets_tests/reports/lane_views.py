"""The values of a lane's report, of which a test says only what it is about."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from platform_assets.reports.lane_model import (
    LaneKeyView,
    LaneReport,
    PinView,
    RunView,
    ThresholdView,
    TruthView,
)
from platform_assets.reports.model import RequirementView
from platform_assets_tests.reports.lane_loads import (
    GIB,
    SECOND,
    Load,
    latency_of,
    quick,
    runs_of,
    series_of,
    sha,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def threshold(name: str, metric: str, statistic: str, **given: Any) -> ThresholdView:
    """A threshold; its verdict follows from its value unless it is given."""
    at_most = given.pop("at_most", True)
    value, limit = given.pop("value"), given.pop("limit")
    kept = value is not None and (value <= limit if at_most else value >= limit)
    defaults: dict[str, Any] = {
        "about": "what is measured, as the list of metrics has it",
        "dimension": "time",
        "phases": (),
        "label": None,
        "unit": "s",
        "scale": SECOND,
        "samples": 2_400,
        "verdict": "NO_DATA" if value is None else "PASS" if kept else "FAIL",
    }
    return ThresholdView(
        name=name,
        metric=metric,
        statistic=statistic,
        at_most=at_most,
        value=value,
        limit=limit,
        **(defaults | given),
    )


def truth_of(runs: Sequence[RunView], **changed: Any) -> TruthView:
    events = sum(run.delivered for run in runs)
    given: dict[str, Any] = {
        "planned": events,
        "sent": events,
        "acknowledged": events,
        "ambiguous": 0,
        "refused": 0,
        "closed": events,
        "certified": sum(run.admitted for run in runs),
        "duplicate": sum(run.duplicate for run in runs),
        "quarantined": sum(run.quarantined for run in runs),
        "lost": 0,
        "doubled": 0,
        "unexpected": 0,
    }
    return TruthView(**(given | changed))


PIN = PinView(
    digest=sha("pin"),
    plan_digest=sha("plan"),
    configuration_digest=sha("configuration"),
    nonce="9f3c51d27a6be804",
    pinned_at="2026-03-01T07:59:58.120000Z",
    policies=(("readings", sha("policy readings")), ("alarms", sha("policy alarms"))),
    code=(("Package", "platform-assets 0.1.0"), ("Source revision", sha("revision")[7:47])),
)
ENVIRONMENT = (
    ("Cores", "2"),
    ("Memory", "23.4 GiB"),
    ("Kernel", "Linux 6.8.0"),
    ("Python", "3.11.7"),
    ("DuckDB, Polars, PyArrow", "2.0.0, 2.1.0, 26.0.1"),
)


def counts(lost: int = 0, doubled: int = 0) -> tuple[ThresholdView, ...]:
    """Thresholds on the truth, which have no slack."""
    unit = {"dimension": "count", "unit": "1", "scale": 1, "samples": 1}
    return (
        threshold(
            "nothing_lost",
            "lost",
            "sum",
            value=lost,
            limit=0,
            about="acknowledged events that stand in no closed run",
            why="An event that was acknowledged is ours to keep.",
            **unit,
        ),
        threshold(
            "nothing_doubled",
            "doubled",
            "sum",
            value=doubled,
            limit=0,
            about="events that stand in closed runs more than once",
            why="An event counts once.",
            **unit,
        ),
    )


REQUIREMENTS = tuple(
    RequirementView(name, satisfied=True, detail=detail)
    for name, detail in [
        ("WellFormed", "61204 samples, 264 runs, 0 faults"),
        ("PinnedFirst", "pinned at 2026-03-01T07:59:58.120000Z, first event at 08:00:00.000031Z"),
        ("JudgedByPinnedCode", f"judged by {sha('judge')}"),
        ("EveryRunClosed", "264 of 264 runs CLOSED"),
        ("ChecksAsDeclared", "2 outputs of 264 runs as pinned"),
    ]
)


def report(load: Load, **given: Any) -> LaneReport:
    """A lane's report; what is not given follows from its load."""
    random = Random(load.seed)  # noqa: S311 - made-up measurements
    runs = given.pop("runs", None) or runs_of(load, random)
    defaults: dict[str, Any] = {
        "lane_run": f"lane-{load.lane}-00000003",
        "lane": load.lane,
        "profile": "standard",
        "description": "",
        "verdict": "PASS",
        "begun_at": "2026-03-01T08:00:00.000000Z",
        "ended_at": "2026-03-01T08:45:12.300000Z",
        "machine": "2 cores, 23.4 GiB of memory, Linux 6.8.0",
        "system": "feed load from Kafka, runner follow, store on local disk, embedded engine",
        "cores": 2,
        "memory_budget": 2 * GIB,
        "truth": truth_of(runs),
        "phases": load.views(),
        "requirements": REQUIREMENTS,
        "series": series_of(load, runs, random),
        "distributions": (
            latency_of(load, runs, random),
            quick("acknowledgement", load, 9_000, random),
            quick("slip", load, 400, random),
        ),
        "runs": tuple(runs),
        "faults": (),
        "probe": None,
        "pin": PIN,
        "keys": (
            LaneKeyView(sha("home")[7:], "pin and verdict", development=False),
            LaneKeyView(sha("lane home")[7:], "runs of the lane", development=False),
        ),
        "environment": ENVIRONMENT,
        "notes": (),
        "commands": (
            "# where the platform runs",
            f"platform-assets verify lane-{load.lane}-00000003",
            "# anywhere, with a public key that you were given by other means",
            f"platform-assets verify lane-{load.lane}-00000003.tar --key KEY.pem",
        ),
        "package": "platform-assets 0.1.0",
    }
    return LaneReport(**(defaults | given))
