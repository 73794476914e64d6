"""What stands in the store for a product of a day, and what became of its runs since.

Which run counts for a window is told by the feed's log (`corrections`). Of an input, only what can
have changed is asked: whether a closed run corrects it, and whether it was revoked. Of the closed runs
that a day does not cover, whether they have rows of it: their slices say so, or else their rows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platform_assets.errors import CertificateRevoked, ObjectMissing, ProductRemoved
from platform_assets.flow.compaction import check_day, day_policy
from platform_assets.flow.day_gate import FoundDay, Since
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.corrections import corrections_of, newest_closed
from platform_assets.pipeline.reading import verify_product
from platform_assets.pipeline.slices import looked_at
from platform_assets.pipeline.standing import (
    declared_output,
    newest_in,
    newest_number,
)
from platform_assets.pipeline.state import sealed_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.pipeline.corrections import Corrections
    from platform_assets.pipeline.platform import Platform

#: Refusals of a run that leave its rows out of a day, and name it; any other stops the compaction.
_LEFT_OUT = (CertificateRevoked, ProductRemoved)


def collect_day(platform: Platform, feed: str, product: str, day: str) -> FoundDay:
    """Return the bytes from which the gate decides on a product of a day.

    Raises:
        InvalidName: the day is none.
        UnknownThing: the feed declares no such product.
    """
    folder = layout.day_folder(feed, product, check_day(day))
    policy = day_policy(product, declared_output(platform, feed, product).checks)
    generation = newest_number(platform, folder)
    manifest = certificate = None
    if generation is not None:
        manifest = _read(platform, layout.manifest_in(layout.numbered(folder, generation)))
        certificates = layout.day_certificate_folder(feed, product, day, generation)
        certificate = newest_in(platform, certificates)
    return FoundDay(
        feed=feed,
        product=product,
        day=day,
        generation=generation,
        manifest=manifest,
        certificate=certificate,
        policy=policy,
    )


def since_compacted(platform: Platform, manifest: Mapping[str, Any]) -> Since:
    """Return what became of the runs since a day was compacted."""
    feed, product, day = (manifest[key] for key in ("feed", "product", "day"))
    inputs = [RunId.parse(given["run_id"]) for given in manifest["inputs"]]
    known = corrections_of(platform, feed)
    later = _uncovered(platform, known, manifest["checkpoint"])
    windows = {known.window_of(run): run for run in later}
    newer = {run: windows[w] for run in inputs if (w := known.window_of(run)) in windows}
    return Since(
        superseded={str(run): str(by) for run, by in newer.items()},
        revoked={
            str(run): why
            for run in inputs
            if (why := why_left_out(platform, run, product)) == CertificateRevoked.__name__
        },
        later={
            str(run): rows
            for run in later
            if run not in inputs and (rows := _rows_of(platform, run, product, day))
        },
    )


def compacted_days(platform: Platform, feed: str, product: str) -> list[str]:
    """Return every day of which anything stands, in order; undated rows come last."""
    folder = layout.compactions_folder(feed, product)
    days = {
        match[1]
        for path in platform.store.list(folder)
        if (match := re.match(r"/([0-9-]{10}|undated)/", path.removeprefix(folder)))
    }
    return sorted(days)


def has_product(platform: Platform, run: RunId, product: str) -> bool:
    """Tell whether a closed run has the product; one that was closed before it was declared has not."""
    bundle = sealed_bundle(platform, run)
    return bundle is not None and product in bundle["products"]


def why_left_out(platform: Platform, run: RunId, product: str) -> str | None:
    """Return the code of the refusal for which nobody reads a product of a run; None for none.

    Raises:
        GateRefusal: it may not be read for another reason, which is none to go on without it.
    """
    folders = (layout.revocation_folder(run, product), layout.teardown_folder(run))
    if not any(map(platform.store.list, folders)):
        return None
    try:
        verify_product(platform, run, product)
    except _LEFT_OUT as error:
        return error.code
    return None


def _uncovered(
    platform: Platform, known: Corrections, checkpoint: Mapping[str, Any]
) -> list[RunId]:
    """Return the run that counts of each window that a checkpoint does not cover."""
    was_open = set(checkpoint["open"])

    def not_covered(run: RunId) -> bool:
        return run.sequence > checkpoint["sequence"] or run.sequence in was_open

    chains = [chain for chain in known.chains() if any(map(not_covered, chain))]
    counting = (newest_closed(platform, chain) for chain in chains)
    return [run for run in counting if run is not None and not_covered(run)]


def _rows_of(platform: Platform, run: RunId, product: str, day: str) -> int:
    """Return how many readable rows of a day a run has."""
    if not has_product(platform, run, product) or why_left_out(platform, run, product):
        return 0
    found = looked_at(platform, run, product).days.get(day)
    return found.rows if found is not None else 0


def _read(platform: Platform, path: str) -> bytes | None:
    try:
        return platform.store.read(path)
    except ObjectMissing:
        return None
