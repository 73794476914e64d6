"""Making what a ledger and a slice are declared to be, of certified products.

A ledger: the rows of its run become entries, and are held against those that stand in earlier runs. Of
these only the runs are recorded as read that hold an entry of the same identity or subject, or one that
is named: the others change nothing.

A slice: what the ledger knew of its targets, of the runs that were known at its knowledge cutoff. All
of them are recorded, because that there is no other answer rests on each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.column_types import resolve
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.canonical import rfc3339
from platform_assets.errors import ConsumerFailed
from platform_assets.flow.corrections import window_of
from platform_assets.flow.slices_in_evidence import checkpoint_of, named_slice
from platform_assets.identifiers import RunId
from platform_assets.pipeline.known_runs import entries_in, known_products, pinned_at
from platform_assets.truth.arriving import arriving
from platform_assets.truth.as_of import Cutoffs, Policy, as_of
from platform_assets.truth.entries import ENTRY
from platform_assets.truth.ledger import EARLIER, entered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.declarations import ConsumerDeclaration
    from platform_assets.declarations.ledgers import LedgerDeclaration, SliceDeclaration
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.reading import CertifiedProduct

_SUBJECT = tuple(column for column in ENTRY if column.name == "subject")


@dataclass(frozen=True, slots=True)
class Made:
    """Rows that were made, what was read for them beside the products of the run, and how.

    ``as_of`` is what a record says of it: moments, counts, and what it was made from.
    """

    rows: pl.DataFrame | pl.LazyFrame
    read: Sequence[CertifiedProduct]
    as_of: dict[str, Any]


def entries_of(
    platform: Platform,
    run: RunId,
    name: str,
    ledger: LedgerDeclaration,
    frames: Mapping[str, pl.LazyFrame],
) -> Made:
    """Return the entries that a run brings into a ledger.

    Args:
        platform: the opened home.
        run: the run.
        name: the ledger's name.
        ledger: how it is declared.
        frames: the products that it is made of, by name.

    Raises:
        PredecessorOpen: a run before it is open.
        GateRefusal: the ledger of a run before may not be read.
    """
    observed = pinned_at(platform, run)
    came = pl.concat(arriving(frames[each.product], each) for each in ledger.entries).collect()
    before = known_products(platform, run, name, name, observed)
    earlier = _concerned(before, came)
    window = RunId.parse(window_of(platform.anchors(run))).sequence
    made = entered(came, earlier, ledger=name, observed_at=observed, window=window)
    concerned = set(earlier["_run"])
    return Made(
        made.entries,
        [opened for opened in before if str(opened.run) in concerned],
        {
            "observed_at": rfc3339(observed),
            "window": window,
            "entries": made.entries.height,
            "converged": made.converged,
        },
    )


def answers_of(
    platform: Platform,
    run: RunId,
    name: str,
    declared: SliceDeclaration,
    targets: pl.LazyFrame,
) -> Made:
    """Return what a ledger knew of targets.

    Args:
        platform: the opened home.
        run: the run.
        name: the slice's name.
        declared: how it is declared.
        targets: the rows whose subjects are asked for.

    Raises:
        PredecessorOpen: a run that counts is open.
        GateRefusal: the ledger of one may not be read.
        ConsumerFailed: a cutoff lies behind the moment at which the run was pinned.
    """
    pinned = pinned_at(platform, run)
    effective = pinned if declared.effective == "pinned" else declared.effective
    knowledge = pinned if declared.knowledge == "pinned" else declared.knowledge
    if knowledge > pinned:
        raise ConsumerFailed(
            f"slice {name} of {run}",
            expected=f"a knowledge cutoff until {rfc3339(pinned)}, when the run was pinned",
            found=rfc3339(knowledge),
            remedy="Declare a cutoff in the past, or `knowledge: pinned`.",
        )
    ledger = known_products(platform, run, name, declared.ledger, knowledge)
    subject = resolve(targets.collect_schema(), declared.targets.subject)[0].cast(pl.String)
    asked = targets.select(subject=subject).unique().collect(engine="streaming")
    cutoffs = Cutoffs(effective, knowledge)
    answers = as_of(entries_in(ledger), asked.lazy(), cutoffs, Policy(declared.policy))
    identity = {
        "ledger": declared.ledger,
        "targets": content_digest(asked, _SUBJECT).value,
        "effective": rfc3339(effective),
        "knowledge": rfc3339(knowledge),
        "policy": declared.policy,
        "checkpoint": checkpoint_of({str(each.run): each.manifest_digest for each in ledger}),
    }
    return Made(answers, ledger, named_slice(identity))


def _concerned(before: Sequence[CertifiedProduct], came: pl.DataFrame) -> pl.DataFrame:
    """Return the earlier entries that what arrives is held against, each with its run."""
    identities = pl.concat([came["entry_id"], came["target"].drop_nulls()]).unique()
    rows = entries_in(before).select(*EARLIER, "_run")
    same = pl.col("subject").is_in(came["subject"].unique().implode())
    return rows.filter(same | pl.col("entry_id").is_in(identities.implode())).collect(
        engine="streaming"
    )


def made_as_declared(
    platform: Platform,
    run: RunId,
    name: str,
    declared: ConsumerDeclaration,
    frames: Mapping[str, pl.LazyFrame],
) -> Made:
    """Return what a consumer is that no function makes.

    Raises:
        as `entries_of` and `answers_of`.
    """
    if declared.ledger is not None:
        return entries_of(platform, run, name, declared.ledger, frames)
    assert declared.slice is not None  # a consumer is made in one way
    return answers_of(platform, run, name, declared.slice, frames[declared.slice.targets.product])
