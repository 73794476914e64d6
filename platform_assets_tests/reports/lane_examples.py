"""Lanes as they could have been: a soak, a burst that failed, a recovery with 100 faults, a probe."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from platform_assets.reports.lane_model import FaultView, LaneReport, ProbeView, RunView, WindowView
from platform_assets.reports.model import RequirementView
from platform_assets_tests.reports.lane_loads import GIB, MIB, SECOND, WINDOW, Load
from platform_assets_tests.reports.lane_views import counts, report, threshold, truth_of

KINDS = (
    "kill_worker",
    "pause_worker",
    "kill_daemon",
    "pause_daemon",
    "kill_code_server",
    "kill_everything",
    "kill_broker",
    "restart_broker",
    "pause_broker",
    "restart_store",
    "pause_store",
    "full_disk",
    "expired_credentials",
    "clock_forward",
)


def soak() -> LaneReport:
    load = Load("soak", (("warm_up", 120, 20_000), ("steady", 2_520, 20_000)), 40, lambda _: 1.0)
    steady = {"phases": ("steady",)}
    size = {"dimension": "bytes", "unit": "MiB", "scale": MIB}
    return report(
        load,
        description="20,000 events a second for 42 minutes.",
        thresholds=(
            threshold(
                "certified_rate",
                "certified",
                "mean",
                value=20_004,
                limit=19_800,
                at_most=False,
                dimension="rate",
                unit="/s",
                scale=1,
                about="events that came into closed runs in the second",
                why="The offered rate, less one per cent for the borders of the phase.",
                **steady,
            ),
            threshold(
                "latency_p99",
                "latency",
                "p99",
                value=16_900_000,
                limit=30 * SECOND,
                samples=50_400_000,
                about="from the intended send time until the run that holds it was closed",
                why="Two windows of ten seconds, and the time of a run.",
                **steady,
            ),
            threshold(
                "latency_trend",
                "lag",
                "slope",
                value=40_000,
                limit=2 * SECOND,
                about="age of the oldest acknowledged event in no closed run",
                why="An hour may add two seconds.",
                **steady,
            ),
            threshold(
                "acknowledged_p99",
                "acknowledgement",
                "p99",
                value=62_100,
                limit=250_000,
                unit="ms",
                scale=1_000,
                samples=50_400_000,
                about="from the intended send time until it was acknowledged",
                **steady,
            ),
            threshold(
                "lag_bounded",
                "lag",
                "max",
                value=18 * SECOND,
                limit=30 * SECOND,
                about="age of the oldest acknowledged event in no closed run",
                why="A window, its run, and as much again.",
                **steady,
            ),
            threshold(
                "memory_within_budget",
                "memory",
                "max",
                value=1_320 * MIB,
                limit=2_048 * MIB,
                about="resident memory of all processes under load",
                why="The budget of the target.",
                **size,
            ),
            threshold(
                "memory_trend",
                "memory_floor",
                "slope",
                value=6.2 * MIB,
                limit=16 * MIB,
                samples=252,
                about="least held memory between two closures, per run",
                why="A leak of one MiB in each window would add 360 MiB an hour.",
                **size,
                **steady,
            ),
            threshold(
                "descriptor_trend",
                "descriptors",
                "slope",
                value=0.1,
                limit=2,
                dimension="count",
                unit="1",
                scale=1,
                about="open file descriptors",
                **steady,
            ),
            threshold(
                "log_trend",
                "log_size",
                "slope",
                value=5.1 * MIB,
                limit=20 * MIB,
                about="closure log, and logs of the processes",
                **size,
                **steady,
            ),
            *counts(),
        ),
    )


def failed_burst() -> LaneReport:
    load = Load(
        "burst",
        (("baseline", 120, 8_000), ("spike", 60, 24_000), ("return", 240, 8_000)),
        120,
        lambda begin: 3.1 if 120 <= begin < 180 else 1.3,
    )
    view = report(load, verdict="FAIL", ended_at="2026-03-01T08:09:31.000000Z", thresholds=())
    noisy = tuple(series for series in view.series if series.metric not in {"threads", "log_size"})
    runs = (*view.runs[:-1], _unclosed(view.runs[-1]))
    return replace(
        view,
        series=noisy,
        runs=runs,
        requirements=(
            *view.requirements[:3],
            RequirementView(
                "EveryRunClosed", satisfied=False, detail="load-00000042 is not CLOSED"
            ),
        ),
        truth=truth_of(runs[:-1], planned=view.truth.planned, lost=37, acknowledged=4_319_991),
        notes=(
            ("worker", "StoreUnreachable, once, at 2:31; tried again and went on"),
            ("not measured", "threads: the process ended while it was read"),
        ),
        thresholds=(
            threshold(
                "drained",
                "drain",
                "max",
                value=151_200_000,
                limit=120 * SECOND,
                phases=("return",),
                samples=1,
                about="from the end of a spike until all is steady again",
                why="Issue 6, acceptance A5.",
            ),
            threshold(
                "open_runs",
                "open_runs",
                "max",
                value=7,
                limit=4,
                dimension="count",
                unit="1",
                scale=1,
                samples=540,
                about="pinned runs that are not closed",
                why="The limit of open runs that the feed declares.",
            ),
            threshold(
                "latency_p99",
                "latency",
                "p99",
                value=84_000_000,
                limit=90 * SECOND,
                samples=4_320_000,
                phases=("spike", "return"),
                about="from the intended send time until the run that holds it was closed",
            ),
            threshold(
                "thread_trend",
                "threads",
                "slope",
                value=None,
                limit=1,
                dimension="count",
                unit="1",
                scale=1,
                samples=0,
                about="threads",
                reason="no samples",
            ),
            threshold(
                "memory_within_budget",
                "memory",
                "max",
                value=1_390 * MIB,
                limit=1_024 * MIB,
                dimension="bytes",
                unit="GiB",
                scale=GIB,
                about="resident memory of all processes under load",
                why="The budget of the target.",
            ),
            *counts(lost=37),
        ),
        memory_budget=GIB,
    )


def recovery() -> LaneReport:
    random = Random(11)  # noqa: S311 - made-up measurements
    faults: list[FaultView] = []
    at = 75.0
    for number in range(1, 101):
        kind = KINDS[random.randrange(len(KINDS))] if number > len(KINDS) else KINDS[number - 1]
        took = random.lognormvariate(2.0, 0.45) + (9 if "broker" in kind else 0)
        limit = 60 if kind != "full_disk" else 45
        steady: int | None = round((at + took) * SECOND)
        if number == 61:
            steady = round((at + 71) * SECOND)
        if number == 88:
            steady = None
        begun = round(at * SECOND)
        ended = round((at + min(took / 2, 10)) * SECOND)
        faults.append(
            FaultView(number, kind, begun, ended, steady, limit * SECOND, f"pid {3000 + number}")
        )
        at += 25.2

    def busy(begin: int) -> float:
        """What a run that a fault strikes takes longer."""
        struck = [f for f in faults if begin <= f.at / SECOND - WINDOW < begin + WINDOW]
        return 1.0 + sum(min(f.recovery or 90 * SECOND, 90 * SECOND) for f in struck) / SECOND / 2.6

    phases = (("warm_up", 60, 6_000), ("faults", 2_600, 6_000))
    load = Load("recovery", phases, 60, busy)
    view = report(load, verdict="FAIL", faults=tuple(faults), thresholds=())
    struck = sorted({fault.kind for fault in faults})
    judged = []
    for kind in struck:
        own = [fault for fault in faults if fault.kind == kind]
        worst = max((fault.recovery or 180 * SECOND) for fault in own)
        judged.append(
            threshold(
                f"recovers_from_{kind}",
                "recovery",
                "max",
                value=worst,
                limit=own[0].limit,
                label=kind,
                samples=len(own),
                about="from a fault until all is steady again, by its kind",
                why="Issue 6, acceptance A5.",
            )
        )
    return replace(
        view,
        thresholds=(*judged, *counts()),
        truth=truth_of(view.runs, ambiguous=41, refused=1_204),
        notes=tuple(
            (f"worker {n}", "ended by signal 9, started again after 0.4 s") for n in range(9)
        ),
    )


def probe() -> LaneReport:
    load = Load("probe", (("fill", 300, 30_000), ("windows", 900, 1_000)), 20, lambda _: 1.0)
    windows = []
    for power in range(8):
        events = 250_000 * 2**power
        windows.append(
            WindowView(
                events=events,
                run_id=f"load-{power + 1:08d}",
                certified=power < 7,
                ending="certified" if power < 7 else "killed: exit 137 in admission, out of memory",
                duration=round(events / 41_000 * SECOND) if power < 7 else None,
                memory=round(min(380 * MIB + events * 61, 2_048 * MIB)),
                spilled=max(events - 2_000_000, 0) * 120 if power < 7 else None,
            )
        )
    return report(
        load,
        probe=ProbeView(tuple(windows), 900 * SECOND, 2 * GIB, 8 * GIB),
        thresholds=(
            threshold(
                "largest_window",
                "largest_window",
                "max",
                value=16_000_000,
                limit=10_000_000,
                at_most=False,
                dimension="count",
                unit="1",
                scale=1,
                samples=8,
                about="events of the largest window that passed",
                why="A day of the largest feed in ten windows.",
            ),
            *counts(),
        ),
    )


def _unclosed(run: RunView) -> RunView:
    return RunView(
        run.run_id,
        run.pinned,
        None,
        run.delivered,
        run.admitted,
        run.duplicate,
        run.quarantined,
        None,
    )


ALL = {"soak": soak, "burst": failed_burst, "recovery": recovery, "probe": probe}
