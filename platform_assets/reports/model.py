"""What a run's report shows, as plain values.

A report is a function of these values and of nothing else: no clock, no store, no environment. Every
text may come from a user or from a stream, so none is taken for HTML. Samples of quarantined records
arrive here masked; an unmasked value has no field to stand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from platform_assets.reports.drift_plots import DriftPlot

#: An offset, or a position wider than 53 bits as text.
Position = int | str


@dataclass(frozen=True, slots=True)
class GapView:
    """Offsets ``[start, end)`` that held no record, and why."""

    start: Position
    end: Position
    kind: str
    proof: str


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One partition of a stream: its anchors, its gaps and what became of its records.

    ``pinned`` is what else the anchors say of it, as name and value: its cluster, its id, its places.
    """

    partition: str
    start: Position
    end: Position
    origin: str
    pinned: tuple[tuple[str, str], ...]
    gaps: tuple[GapView, ...]
    delivered: int
    admitted: int
    duplicate: int
    quarantined: int

    @property
    def balances(self) -> bool:
        """Whether every delivered record is accounted for."""
        return self.delivered == self.admitted + self.duplicate + self.quarantined


@dataclass(frozen=True, slots=True)
class SettlementView:
    """Where a run that went side by side with others stands, and whose admissions counted for it."""

    number: int
    consulted: tuple[tuple[int, str], ...]  # number, run


@dataclass(frozen=True, slots=True)
class StreamView:
    """One stream of the run."""

    stream: str
    kind: str
    partitions: tuple[PartitionView, ...]
    delivered: int
    admitted: int
    duplicate: int
    quarantined: int
    landed_bytes: int
    events: tuple[tuple[str, int], ...]
    columnar: int
    one_by_one: int
    settled: SettlementView | None = None

    @property
    def balances(self) -> bool:
        """Whether stream and partitions account for every delivered record."""
        whole = self.delivered == self.admitted + self.duplicate + self.quarantined
        parts = self.delivered == sum(part.delivered for part in self.partitions)
        return whole and parts and all(part.balances for part in self.partitions)


@dataclass(frozen=True, slots=True)
class ReasonView:
    """How many records carry one reason code, per stream and in all."""

    code: str
    meaning: str
    count: int
    streams: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class SampleView:
    """One quarantined record with its values masked."""

    stream: str
    partition: str
    offset: Position
    event: str
    size: int | None
    reasons: tuple[tuple[str, str, str], ...]  # code, where, detail
    masked: str


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check of a certificate: what was demanded and what was seen."""

    name: str
    check: str
    outcome: str
    observed: str
    expected: str
    detail: str


@dataclass(frozen=True, slots=True)
class PartView:
    """One file of a product."""

    name: str
    size: int
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class InputView:
    """One record from which a product was made."""

    kind: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class ProductView:
    """One product: its bytes, its origin and its certificate."""

    product: str
    generation: int
    producer_kind: str
    producer: str
    rows: int
    parts: tuple[PartView, ...]
    columns: tuple[tuple[str, str, bool], ...]  # name, type, nullable
    sort: tuple[str, ...]
    inputs: tuple[InputView, ...]
    content_digest: str
    manifest_digest: str
    certificate_digest: str
    policy_digest: str
    verdict: str
    issued_at: str
    checks: tuple[CheckView, ...]
    drifts: tuple[DriftPlot, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(check.outcome == "PASS" for check in self.checks)


@dataclass(frozen=True, slots=True)
class ReadView:
    """One certified product that a consumer opened."""

    product: str
    run_id: str
    generation: int
    rows: int
    manifest_digest: str
    certificate_digest: str


@dataclass(frozen=True, slots=True)
class ConsumerView:
    """What one consumer read and what it made of it."""

    consumer: str
    recorded_at: str
    output_generation: int
    output_digest: str
    reads: tuple[ReadView, ...]


@dataclass(frozen=True, slots=True)
class RequirementView:
    """One requirement of the closure, as evaluated."""

    name: str
    satisfied: bool
    detail: str


@dataclass(frozen=True, slots=True)
class MomentView:
    """Something that a record dates."""

    at: str
    what: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record of the run, by role, name and digest."""

    role: str
    name: str
    digest: str
    note: str


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key that signed evidence of the run."""

    keyid: str
    development: bool


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """The closed run that this one corrects, why, and which streams were copied from its landing."""

    run_id: str
    bundle_digest: str
    reason: str
    copied: tuple[tuple[str, str], ...]  # stream, why the source did not serve


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything that the report of one run shows."""

    run_id: str
    feed: str
    description: str
    sequence: int
    config_digest: str
    predecessor: str | None
    epoch: int
    closed_at: str
    pinned_at: str
    streams: tuple[StreamView, ...]
    reasons: tuple[ReasonView, ...]
    samples: tuple[SampleView, ...]
    products: tuple[ProductView, ...]
    consumers: tuple[ConsumerView, ...]
    requirements: tuple[RequirementView, ...]
    timeline: tuple[MomentView, ...]
    records: tuple[RecordView, ...]
    package: str
    revision: str | None
    image: str | None
    engines: tuple[tuple[str, str], ...]
    keys: tuple[KeyView, ...]
    commands: tuple[str, ...]
    samples_withheld: bool = False
    corrects: CorrectionView | None = None

    @property
    def delivered(self) -> int:
        """Records delivered by all streams."""
        return sum(stream.delivered for stream in self.streams)

    @property
    def admitted(self) -> int:
        """Records admitted into products."""
        return sum(stream.admitted for stream in self.streams)

    @property
    def duplicate(self) -> int:
        """Records that repeat an event which counts already."""
        return sum(stream.duplicate for stream in self.streams)

    @property
    def quarantined(self) -> int:
        """Records set aside with their reasons."""
        return sum(stream.quarantined for stream in self.streams)

    @property
    def balances(self) -> bool:
        """Whether every delivered record of every stream is accounted for."""
        return bool(self.streams) and all(stream.balances for stream in self.streams)

    @property
    def closes(self) -> bool:
        """Whether all requirements were met; no requirement at all is a failure."""
        return bool(self.requirements) and all(each.satisfied for each in self.requirements)

    @property
    def development_key(self) -> bool:
        """Whether a key that was made on first use signed the evidence."""
        return any(key.development for key in self.keys)
