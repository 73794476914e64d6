"""The results of ``python -m benchmarks``: measurements, ratios, slope, and the goals."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Measurement, Phase
from benchmarks.sizes import label
from benchmarks.tables import GIB, MIB, machine

if TYPE_CHECKING:
    from pathlib import Path

OURS = "platform"
#: Steps that make the product of landed rows.
PRODUCT_STEPS = ("admit", "build", "certify")
_MOST_MEMORY = 2 * GIB
_MOST_PRODUCT_SECONDS = 600
_MOST_SLOPE = 1.3
_MOST_OF_DUCKDB = 1.8
_OF_DUCKDB = {"duckdb_copy": "one COPY of DuckDB", "duckdb": "DuckDB at its best"}
_MOST_DIGEST = 0.15
#: A sliced peer, how it is called, and how many times faster the platform should be.
_LEAST_OF = (("loop", "the plain loop", 20.0), ("dlt", "dlt", 5.0))
_LARGE = 100_000_000


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure held against what it should be."""

    words: str
    reached: bool


@dataclass(slots=True)
class Results:
    """Measurements by size and contender; those of slices apart."""

    sizes: dict[int, dict[str, Measurement]] = field(default_factory=dict)
    slices: dict[str, Measurement] = field(default_factory=dict)
    skipped: dict[int, dict[str, str]] = field(default_factory=dict)
    digest_cpu: dict[int, float] = field(default_factory=dict)
    machine: str = field(default_factory=machine)

    @property
    def ours(self) -> dict[int, Measurement]:
        """What the platform took, by size, the smallest first."""
        return {events: runs[OURS] for events, runs in sorted(self.sizes.items()) if OURS in runs}

    def disturbance(self) -> float:
        """Return the largest share of the machine that other processes took meanwhile."""
        every = [run for runs in self.sizes.values() for run in runs.values()]
        return max((run.other_cpu_share for run in (*every, *self.slices.values())), default=0.0)

    def times_faster(self, peer: Measurement, events: int | None = None) -> float:
        """Return our records per second over a peer's, at a size or at our largest."""
        ours = self.ours
        return ours[events or max(ours)].records_per_second / peer.records_per_second

    def slope(self) -> float:
        """Return our time per row at the largest size over that at the smallest, by its steps alone."""
        sizes = list(self.ours.values())
        each = [sum(step.wall_seconds for step in run.phases) / run.records for run in sizes]
        return each[-1] / each[0]

    def digest_share(self, events: int) -> float:
        """Return which part of our CPU time the content digest has, computed twice."""
        run = self.ours[events]
        return self.digest_cpu[events] * run.rows / run.cpu_seconds

    def goals(self) -> list[Goal]:
        """Hold what was measured against the goals."""
        ours = self.ours
        if not ours:
            return []
        found = [_memory(max(ours), ours[max(ours)])]
        if _LARGE in ours:
            found.append(_product(ours[_LARGE]))
        if len(ours) > 1:
            least, most = label(min(ours)), label(max(ours))
            slope = self.slope()
            words = f"time per row at {most}: {slope:.2f}x that at {least}"
            found.append(_at_most(words, slope, _MOST_SLOPE))
        for events in ours:
            for name, title in _OF_DUCKDB.items():
                if name in self.sizes[events]:
                    ratio = 1 / self.times_faster(self.sizes[events][name], events)
                    words = f"{ratio:.2f}x the time of {title} at {label(events)}"
                    found.append(_at_most(words, ratio, _MOST_OF_DUCKDB))
        for name, title, least_ratio in _LEAST_OF:
            if name in self.slices:
                ratio = self.times_faster(self.slices[name])
                words = f"{ratio:.1f}x the speed of {title}, at least {least_ratio:.0f}x"
                found.append(Goal(words, ratio >= least_ratio))
        for events in sorted(self.digest_cpu.keys() & ours.keys()):
            share = self.digest_share(events)
            words = f"the content digest has {share:.1%} of the CPU time at {label(events)}"
            found.append(_at_most(words, share, _MOST_DIGEST, "15%"))
        return found

    def write(self, path: Path) -> None:
        """Write every measurement, and the goals, as JSON."""
        document = {
            "machine": self.machine,
            "sizes": {
                str(events): {name: asdict(run) for name, run in runs.items()}
                for events, runs in sorted(self.sizes.items())
            },
            "slices": {name: asdict(run) for name, run in self.slices.items()},
            "skipped": {str(events): names for events, names in self.skipped.items()},
            "digest_cpu_seconds_per_row": {str(n): cpu for n, cpu in self.digest_cpu.items()},
            "digest_share": {
                str(events): self.digest_share(events)
                for events in self.digest_cpu.keys() & self.ours.keys()
            },
            "slope": self.slope() if len(self.ours) > 1 else None,
            "goals": [asdict(goal) for goal in self.goals()],
        }
        path.write_text(json.dumps(document, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what `write` wrote."""
        document = json.loads(path.read_text())
        return cls(
            sizes={
                int(events): {name: _measurement(run) for name, run in runs.items()}
                for events, runs in document["sizes"].items()
            },
            slices={name: _measurement(run) for name, run in document["slices"].items()},
            skipped={int(events): names for events, names in document["skipped"].items()},
            digest_cpu={
                int(events): cpu for events, cpu in document["digest_cpu_seconds_per_row"].items()
            },
            machine=document["machine"],
        )


def product_seconds(run: Measurement) -> float:
    """Return what the product took, from landed rows to certified."""
    return sum(step.wall_seconds for step in run.phases if step.name in PRODUCT_STEPS)


def _measurement(document: dict[str, Any]) -> Measurement:
    phases = tuple(Phase(**phase) for phase in document["phases"])
    return Measurement(**(document | {"phases": phases}))


def _memory(events: int, run: Measurement) -> Goal:
    words = (
        f"all processes together had {run.peak_rss_bytes / MIB:,.0f} MiB at {label(events)}"
        f" ({run.peak_pss_bytes / MIB:,.0f} MiB with shared pages counted once), under 2,048 MiB"
    )
    return Goal(words, run.peak_rss_bytes < _MOST_MEMORY)


def _product(run: Measurement) -> Goal:
    seconds = product_seconds(run)
    words = f"landed rows to certified product at {label(_LARGE)}: {seconds:,.0f} s, under 600 s"
    return Goal(words, seconds < _MOST_PRODUCT_SECONDS)


def _at_most(words: str, found: float, most: float, said: str = "") -> Goal:
    return Goal(f"{words}, at most {said or f'{most}x'}", found <= most)
