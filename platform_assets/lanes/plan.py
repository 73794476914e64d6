"""The plan of a lane: what is sent, to what, what has to hold, and what it may cost.

A plan is resolved before it is pinned: nothing of it is decided while it runs. Its digest covers every
value, so that an edited plan is another plan. There are no defaults that a later release could change
behind a pinned plan: what is pinned is written out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import ByteSize, Field, model_validator

from platform_assets.canonical import digest
from platform_assets.declarations.model import Declaration, Name
from platform_assets.declarations.rules import ADDRESS
from platform_assets.declarations.sources import SourceDeclaration  # noqa: TC001 - read at run time
from platform_assets.lanes.metrics import METRICS, UNITS
from platform_assets.lanes.workload import (  # noqa: TC001 - read at run time
    Count,
    Number,
    Positive,
    Workload,
)
from platform_assets.settings import ObjectStoreSettings


class Readiness(Declaration):
    """How it is known that a service serves: it accepts connections at an address."""

    address: Annotated[str, Field(pattern=ADDRESS)]
    within_seconds: Positive = 60


class Service(Declaration):
    """A server that the lane starts and supervises: a broker, a store."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    ready: Readiness


class Rotation(Declaration):
    """Commands that make the credentials of the home's store expire, and that bring new ones."""

    expire: Annotated[tuple[str, ...], Field(min_length=1)]
    renew: Annotated[tuple[str, ...], Field(min_length=1)]


class Volume(Declaration):
    """A file system of its own for the lane's scratch folder, which can be full (needs root)."""

    size: ByteSize


class Target(Declaration):
    """What is put under load: a feed as it is declared, on a home that is the lane's own.

    Source and store take the place of the feed's own, so that nothing of a production feed is touched.
    The feed is one of the home in use, or ``load``, which ships with the lanes.
    """

    feed: Name
    source: SourceDeclaration
    store: str = "store"
    object_store: ObjectStoreSettings = ObjectStoreSettings()
    runner: Literal["follow", "dagster"]
    engine: Literal["embedded", "spark"] = "embedded"
    memory_budget: ByteSize
    cores: Positive | None = None
    max_records: Positive
    max_age_seconds: Positive
    max_open_runs: Positive
    services: dict[Name, Service] = Field(default_factory=dict)
    rotation: Rotation | None = None
    volume: Volume | None = None


class Threshold(Declaration):
    """What one statistic of one metric may be at most, or has to be at least.

    ``phases`` names the phases whose samples count, ``drain`` among them, the time from the end of the
    load until everything is settled; without any, all samples count. ``label`` restricts it to samples
    of one label, for example of one kind of fault.
    """

    metric: str
    statistic: Literal["max", "min", "mean", "sum", "last", "p50", "p95", "p99", "p99_9", "slope"]
    at_most: Number | None = None
    at_least: Number | None = None
    unit: str
    phases: tuple[Name, ...] = ()
    label: str | None = None
    why: Annotated[str, Field(description="Where the limit comes from.")] = ""

    @model_validator(mode="after")
    def _is_one_of_what_there_is(self) -> Self:
        if self.metric not in METRICS:
            raise ValueError(f"{self.metric!r} is no metric; there are {', '.join(METRICS)}")
        kind, dimension = METRICS[self.metric].kind, METRICS[self.metric].dimension
        if kind == "histogram" and self.statistic in {"sum", "last"}:
            raise ValueError(f"{self.metric} is held in histograms, which have no {self.statistic}")
        if self.unit not in UNITS[dimension]:
            known = ", ".join(UNITS[dimension])
            raise ValueError(f"{self.unit!r} is no unit of {self.metric}; there are {known}")
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("a threshold has one limit: at_most or at_least")
        return self

    @property
    def limit(self) -> Decimal:
        """The limit in the metric's base unit; a slope's is per hour."""
        given = self.at_most if self.at_most is not None else self.at_least
        if given is None:
            raise RuntimeError("a threshold was validated without a limit")
        return Decimal(given) * UNITS[METRICS[self.metric].dimension][self.unit]


class Budgets(Declaration):
    """What a lane may take before it is ended: time after the load, and bytes on disk.

    ``cost`` says in words what it would cost where it is paid for.
    """

    drain_seconds: Positive
    disk: ByteSize
    cost: str = ""


class Steady(Declaration):
    """When the system counts as steady: no acknowledged event waits for longer than this."""

    lag_seconds: Positive


FaultKind = Literal[
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
    "clock_back",
]


class Fault(Declaration):
    """A kind of fault, how often it strikes, how long it lasts, and how soon all is steady again."""

    kind: FaultKind
    times: Positive
    seconds: Annotated[int, Field(ge=0, strict=True, description="How long it lasts.")] = 0
    recover_within_seconds: Positive


class FaultSchedule(Declaration):
    """Faults, dealt over a phase in an order that the seed decides, one after the other.

    The next one strikes when the system is steady again and ``pause_seconds`` have passed; one that is
    not over after its limit fails its threshold, and the next one strikes at ``give_up_seconds``.
    Faults that do not fit the target are a mistake, or are left out; ``left_out`` names those kinds.
    """

    phase: Name
    pause_seconds: Count
    give_up_seconds: Positive
    faults: Annotated[tuple[Fault, ...], Field(min_length=1)]
    unfit: Literal["refuse", "leave_out"] = "refuse"
    left_out: tuple[FaultKind, ...] = ()

    @model_validator(mode="after")
    def _names_each_kind_once(self) -> Self:
        kinds = [fault.kind for fault in self.faults]
        twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice; how often it strikes is `times`")
        return self

    @property
    def total(self) -> int:
        """How many faults strike."""
        return sum(fault.times for fault in self.faults)


class Doubling(Declaration):
    """How a probe looks for the limit: windows of so many events, doubled until one does not pass.

    All of them together are the load of the plan, sent by one process as fast as the stream takes it: a
    probe asks how much, and not how soon.
    """

    first: Positive
    at_most: Positive
    window_seconds: Annotated[int, Field(gt=0, description="How long one window may take.")]
    memory_limit: ByteSize
    spill_limit: ByteSize

    @property
    def windows(self) -> tuple[int, ...]:
        """How many events each window has."""
        found = [self.first]
        while found[-1] * 2 <= self.at_most:
            found.append(found[-1] * 2)
        return tuple(found)


Lane = Literal["burst", "soak", "recovery", "probe"]
LANES: tuple[Lane, ...] = get_args(Lane)


class LanePlan(Declaration):
    """A resolved plan of one lane in one profile."""

    lane: Lane
    profile: Name
    description: str
    workload: Workload
    target: Target
    steady: Steady
    thresholds: Annotated[dict[Name, Threshold], Field(min_length=1)]
    budgets: Budgets
    schedule: FaultSchedule | None = None
    doubling: Doubling | None = None

    @model_validator(mode="after")
    def _has_what_its_lane_needs(self) -> Self:
        phases = {phase.name for phase in self.workload.phases}
        if (self.lane == "recovery") != (self.schedule is not None):
            raise ValueError(
                "a recovery lane has a `schedule` of faults, and no other lane has one"
            )
        if (self.lane == "probe") != (self.doubling is not None):
            raise ValueError("a probe has `doubling`, and no other lane has it")
        if self.doubling is not None:
            self._require_windows(self.doubling)
        if self.schedule is not None and self.schedule.phase not in phases:
            raise ValueError(f"faults strike in phase {self.schedule.phase}, which there is not")
        for name, threshold in self.thresholds.items():
            unknown = set(threshold.phases) - phases - {"drain"}
            if unknown:
                raise ValueError(f"threshold {name} names phases that are none: {sorted(unknown)}")
        return self

    def _require_windows(self, doubling: Doubling) -> None:
        windows, workload = sum(doubling.windows), self.workload
        if (workload.events, workload.processes) != (windows, 1):
            raise ValueError(
                f"the windows of a probe hold {windows:,} events together, sent by one process; its "
                f"workload has {workload.events:,}, sent by {workload.processes}"
            )
        if self.target.max_records < doubling.windows[-1]:
            raise ValueError(
                f"a window of {doubling.windows[-1]:,} events is more than target.max_records allows"
            )

    def record(self) -> dict[str, Any]:
        """Return the plan as record values, every default written out."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def digest(self) -> str:
        """The digest of the plan."""
        return digest(self.record())
