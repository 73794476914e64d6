"""A small lane over a real home: what it measured is made up, and its runs were really closed.

The home in use is the shop; the lane's own home is a copy of it as a lane makes one. Forty orders are
processed there in two runs. Ledgers, samples and histograms say what the lane would have measured.
"""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.canonical import digest_bytes
from platform_assets.identifiers import LaneRunId, RunId
from platform_assets.lanes.evidence import seal_lane
from platform_assets.lanes.evidence_files import (
    MadeRun,
    StruckFault,
    ledger_path,
    run_paths,
    write_faults,
    write_runs,
)
from platform_assets.lanes.home import make_lane_home
from platform_assets.lanes.judging import judge_lane
from platform_assets.lanes.ledger import ProcessLedger, Sending
from platform_assets.lanes.measured import Measured, Sample
from platform_assets.lanes.measured_files import write_histograms, write_samples
from platform_assets.lanes.pin import make_pin, write_pin
from platform_assets.lanes.plan import LanePlan
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.verification import own_keys, verify_lane
from platform_assets.pipeline import Platform, export_run, finish, next_run
from platform_assets_tests.lanes.measurements import measured_well, threshold
from platform_assets_tests.shop import make_shop, order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.lanes.judging import JudgedLane
    from platform_assets.lanes.pin import Pin
    from platform_assets.lanes.verification import LaneVerification

LANE_RUN = LaneRunId("burst", 1)
PINNED_AT = datetime(2026, 1, 6, 12, tzinfo=UTC)
BEGUN_AT = PINNED_AT + timedelta(seconds=2)
ENDED_AT = BEGUN_AT + timedelta(minutes=1)
EVENTS = 40
_TRUTHS = ("lost", "doubled", "unexpected", "quarantine_error", "failed_runs", "errors")

THRESHOLDS = {
    "slip": threshold("slip", "p99_9", at_most=500_000),
    "lag": threshold("lag", "max", at_most=100),
    "latency": threshold("latency", "p99", at_most=100, phases=["spike"]),
    "memory": threshold("memory", "slope", at_most=100),
    "durations": threshold("run_duration", "max", at_most=10 * SECOND),
    "lost": threshold("lost", "sum", at_most=0),
    "ambiguous": threshold("ambiguous", "sum", at_most=0),
}


def plan_of_shop(thresholds: dict[str, Any] | None = None, **changed: Any) -> LanePlan:
    """Return a plan of twelve seconds that the shop's orders fit."""
    return LanePlan.model_validate(
        {
            "lane": "burst",
            "profile": "small",
            "description": "Forty orders.",
            "workload": {
                "seed": 1,
                "stream": "orders",
                "sample": json.dumps(order(1)),
                "processes": 2,
                "partitions": 2,
                "phases": [
                    {"name": "baseline", "seconds": 2, "rate": 5},
                    {"name": "spike", "seconds": 10, "rate": 3},
                ],
                "keys": {"count": 7},
                "key_field": "customer",
                "duplicates": "0%",
                "duplicate_distance": 10,
                "late": "0%",
                "late_by_seconds": 60,
                "invalid": "0%",
            },
            "target": {
                "feed": "shop",
                "source": {"kind": "file_log", "path": "data/lane"},
                "runner": "follow",
                "memory_budget": "1GiB",
                "max_records": 1000,
                "max_age_seconds": 1,
                "max_open_runs": 3,
            },
            "steady": {"lag_seconds": 5},
            "thresholds": thresholds or THRESHOLDS,
            "budgets": {"drain_seconds": 10, "disk": "1GiB"},
            **changed,
        }
    )


@dataclass(frozen=True)
class Homes:
    """The home in use, the lane's own, and what its two runs left; made once."""

    in_use: Platform
    lane: Platform
    closed: Path


def make_homes(folder: Path) -> Homes:
    """Make both homes, and close two runs of twenty orders in the lane's."""
    in_use = Platform.open(make_shop(folder / "home", orders=10))
    home = make_lane_home(plan_of_shop(), in_use, folder / "lane", LANE_RUN)
    lane = Platform.open(home)
    topic = lane.feeds["shop"].streams["orders"].topic
    for partition in range(2):
        (home / "data" / "lane" / str(topic) / str(partition)).mkdir(parents=True)
    (home / "data" / "lane" / str(lane.feeds["shop"].streams["changes"].topic) / "0").mkdir(
        parents=True
    )
    for number in (1, 2):
        for partition in range(2):
            path = home / "data" / "lane" / str(topic) / str(partition) / f"{0:020d}.ndjson"
            first = number * 100 + partition * 10
            with path.open("a") as file:
                file.writelines(json.dumps(order(n)) + "\n" for n in range(first, first + 10))
        run = RunId("shop", number)
        assert next_run(lane, "shop") == run
        finish(lane, run)
        export_run(lane, run, folder / "closed" / str(run))
    return Homes(in_use, lane, folder / "closed")


@dataclass
class SmallLane:
    """A lane whose evidence lies in a folder; tests change something of it, and go on.

    ``write`` writes all but what is signed last; ``judge`` and ``seal`` do what the lane would.
    """

    homes: Homes
    folder: Path
    plan: LanePlan
    pin: Pin
    measured: Measured
    ledgers: list[ProcessLedger]
    runs: list[MadeRun]
    faults: list[StruckFault]
    begun_at: datetime = BEGUN_AT

    @property
    def files(self) -> DirectoryBundle:
        return DirectoryBundle(self.folder)

    def write(self) -> SmallLane:
        write_samples(self.folder / "samples.ndjson", self.measured.series)
        write_histograms(self.folder / "histograms", self.measured.histograms)
        (self.folder / "ledger").mkdir()
        for ledger in self.ledgers:
            (self.folder / ledger_path(ledger.process)).write_bytes(ledger.encoded())
        write_runs(self.folder, self.runs)
        write_faults(self.folder, self.faults)
        for run in self.runs:
            for path in run_paths(run.run_id):
                target = self.folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if (self.homes.closed / run.run_id).exists():
                    shutil.copy(self.homes.closed / run.run_id / target.name, target)
        return self

    def judge(self, **code: Any) -> JudgedLane:
        own = {**self.homes.in_use.code(), **code}
        return judge_lane(self.files, self.pin, begun_at=self.begun_at, code=own)

    def seal(self, judged: JudgedLane | None = None) -> SmallLane:
        (self.folder / "report.html").write_text("<p>A report.</p>")
        signer = self.homes.in_use.signer
        seal_lane(self.folder, judged or self.judge(), signer, ended_at=ENDED_AT)
        return self

    def verify(self, *, self_asserted: bool = False) -> LaneVerification:
        trust = own_keys(self.files) if self_asserted else self.homes.in_use.trust
        return verify_lane(self.files, trust, self_asserted=self_asserted)


def small_lane(homes: Homes, folder: Path, plan: LanePlan | None = None) -> SmallLane:
    """Return a lane that went well, pinned in an empty folder; nothing else is written yet."""
    plan = plan or plan_of_shop()
    folder.mkdir(parents=True, exist_ok=True)
    pin = make_pin(plan, LANE_RUN, homes.in_use, homes.lane, PINNED_AT)
    write_pin(folder, pin, homes.in_use, homes.lane)
    zeros = [Sample(1, run, 0) for run in ("shop-00000001", "shop-00000002")]
    well = measured_well(plan)
    measured = replace(well, series={**well.series, **dict.fromkeys(_TRUTHS, zeros)})
    ledgers = [ledger_of(process, pin.prefix) for process in range(2)]
    runs = [_made(homes, number) for number in (1, 2)]
    return SmallLane(homes, folder, plan, pin, measured, ledgers, runs, [])


def ledger_of(process: int, prefix: str, **changed: Any) -> ProcessLedger:
    """Return the ledger of a process that sent its twenty events, all acknowledged."""
    sending = Sending(process, 20, 20, digest_bytes(b""), "")
    values: dict[str, Any] = {
        "prefix": prefix,
        "process": process,
        "processes": 2,
        "events": 20,
        "sent": 20,
        "acknowledged": 20,
        "ambiguous": (),
        "refused": (),
        "first_sent_us": 100 + process,
        "last_sent_us": 12 * SECOND,
        "sendings": (sending,),
    }
    return ProcessLedger(**{**values, **changed})


def _made(homes: Homes, number: int) -> MadeRun:
    run = f"shop-{number:08d}"
    bundle = (homes.closed / run / "bundle.json").read_bytes()
    counts = {"delivered": 20, "admitted": 20, "duplicate": 0, "quarantined": 0, "gaps": 0}
    pinned, closed = 5 * number * SECOND, (6 * number + 3) * SECOND
    return MadeRun(run, pinned, closed, counts, digest_bytes(bundle))


def all_findings(result: LaneVerification) -> str:
    return "\n".join(f"{finding.where}: {finding.problem}" for finding in result.findings)


def unmet(judged: JudgedLane) -> Sequence[str]:
    return [each.name for each in judged.requirements if not each.satisfied]


def verdicts(judged: JudgedLane) -> dict[str, str]:
    """Return name -> verdict of each threshold."""
    return {each.name: str(each.verdict) for each in judged.judgement.thresholds}


def sealed_and_verified(lane: SmallLane) -> JudgedLane:
    """Return what a lane was judged to be, once its evidence, which says so, verifies."""
    judged = lane.judge()
    lane.seal(judged)
    result = lane.verify()
    problems = [f"{where}: {problem}" for where, problem in judged.recorded.problems]
    assert all_findings(result).splitlines() == problems, "what is signed follows from the rest"
    assert result.facts["verdict"] == judged.verdict
    return judged


def payload(data: bytes) -> Any:
    """Return the statement in a signed file."""
    return json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"]))
