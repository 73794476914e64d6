"""What a product of a day is made of: the runs that count, cut into days, and nothing else.

Of each window its newest closed run counts. One that was revoked, or deleted by a teardown, is left out
and named. The checkpoint says which runs were looked at: those up to a sequence that were closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.errors import ColumnsDiffer, GateRefusal, ProductRemoved, RunOpen
from platform_assets.flow.compaction import Slices, common_columns, merged
from platform_assets.flow.day_gate import identify_day
from platform_assets.pipeline.corrections import corrections_of, newest_closed
from platform_assets.pipeline.day_standing import collect_day, has_product, why_left_out
from platform_assets.pipeline.slices import cut
from platform_assets.pipeline.standing import declared_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.contracts.columns import Column
    from platform_assets.flow.content_digest import ContentDigest
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """The runs of a feed that were looked at for one product, in the order of their windows.

    Attributes:
        runs: those that count and may be read, cut into days.
        left_out: those that count and may not, with the code of the refusal.
        checkpoint: up to which sequence runs were looked at, and which of them were not closed.
    """

    feed: str
    product: str
    runs: Sequence[Slices]
    left_out: Mapping[RunId, str]
    checkpoint: Mapping[str, Any]

    def days(self) -> set[str]:
        """Return every day that has rows."""
        return {day for slices in self.runs for day in slices.days}

    def of_day(self, day: str) -> DayInputs:
        """Return what a day is made of.

        Raises:
            ColumnsDiffer: rows of the day have columns that do not fit together.
        """
        runs = [slices for slices in self.runs if day in slices.days]
        columns = common_columns([slices.columns for slices in runs or self.runs[-1:]])
        if columns is None:
            last = runs[-1]
            other = next(s for s in runs if common_columns([s.columns, last.columns]) is None)
            raise ColumnsDiffer(
                f"{self.product} of {self.feed} of {day}",
                expected=f"the columns of {last.run} in every run of the day",
                found=f"other columns in {other.run}: the contract was changed in between",
                remedy="Correct the runs of the old contract under the new one: platform-assets run "
                f"{self.feed} --supersede {other.run} --reason TEXT. Or read them run by run.",
            )
        return DayInputs(day, runs, columns)


@dataclass(frozen=True, slots=True)
class DayInputs:
    """The runs with rows of one day, in the order of their windows, and the columns of them all."""

    day: str
    runs: Sequence[Slices]
    columns: tuple[Column, ...]

    def digest(self) -> ContentDigest:
        """Return what the slices of the day merge to."""
        return merged(self.columns, (slices.days[self.day] for slices in self.runs))

    def listed(self) -> list[dict[str, Any]]:
        """Return the inputs as the day's manifest lists them."""
        return [
            {
                "run_id": str(slices.run),
                "generation": slices.generation,
                "manifest_digest": slices.manifest_digest,
                "certificate_digest": slices.certificate_digest,
                "slices_digest": digest(slices.as_record()),
                "rows": slices.days[self.day].rows,
                "sums": [str(word) for word in slices.days[self.day].sums],
            }
            for slices in self.runs
        ]


def considered(platform: Platform, feed: str, product: str) -> Considered:
    """Look at every run of a feed that counts; cut those that nobody cut yet.

    Raises:
        RunOpen: no run with the product is closed yet.
        GateRefusal: one may not be read, for another reason than that it was revoked or removed.
        CompactionInconsistent: slices do not merge to what is certified.
        UnknownThing, Usage: there is no such product, or it cannot be cut into days.
    """
    declared_output(platform, feed, product)
    known = corrections_of(platform, feed)
    runs: list[Slices] = []
    left_out: dict[RunId, str] = {}
    not_closed: list[int] = []
    for chain in known.chains():
        run = newest_closed(platform, chain)
        counting = run.sequence if run is not None else 0
        not_closed += [each.sequence for each in chain if each.sequence > counting]
        if run is None or not has_product(platform, run, product):
            continue
        why = why_left_out(platform, run, product)
        if why is not None:
            left_out[run] = why
        else:
            runs.append(cut(platform, run, product))
    if not runs:
        raise RunOpen(
            f"compaction of {product} of {feed}",
            expected="a closed run whose product may be read",
            found="none",
            remedy=f"Take the first window to its closure: platform-assets run {feed}",
        )
    checkpoint = {"sequence": known.last, "open": sorted(not_closed)}
    return Considered(
        feed=feed, product=product, runs=runs, left_out=left_out, checkpoint=checkpoint
    )


def require_nothing_removed(platform: Platform, looked: Considered, day: str) -> None:
    """Refuse to replace a generation of a day by one without rows that it is the last to hold.

    Raises:
        ProductRemoved: a teardown deleted a run whose rows the standing generation has.
    """
    removed = [run for run, why in looked.left_out.items() if why == ProductRemoved.__name__]
    if not removed:
        return
    found = collect_day(platform, looked.feed, looked.product, day)
    try:
        standing = identify_day(found).manifest
    except GateRefusal:
        return
    rows = {given["run_id"]: given["rows"] for given in standing["inputs"]}
    lost = [f"{run} with {rows[str(run)]:,} rows of it" for run in removed if str(run) in rows]
    if lost:
        raise ProductRemoved(
            found.thing,
            expected=f"the runs that generation {standing['generation']} was made of",
            found=[f"{each} was deleted by a teardown" for each in lost],
            remedy="That generation keeps their rows and is not replaced. Read what came later run "
            f"by run: platform-assets read {looked.product} --run RUN",
        )
