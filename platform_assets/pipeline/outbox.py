"""What of a feed is left to be announced: what its records say, and no announcement record says yet.

A product is announced once the gate opens it, a closure once its seal verifies. A closed run does not
change: once all of it is announced, and all of the runs before it, a record says so, and it is not
looked at again. These records are written in order, without a hole, so that the last one is found
without a look at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platform_assets.errors import (
    CertificateRevoked,
    GateRefusal,
    ProductRemoved,
    Refusal,
)
from platform_assets.flow.announcements import Announcement, product_ready, run_closed
from platform_assets.flow.gate import decide
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.corrections import corrected_run
from platform_assets.pipeline.pinned_runs import runs
from platform_assets.pipeline.reading import verify_product
from platform_assets.pipeline.standing import collect
from platform_assets.pipeline.state import sealed_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.state import SealedRun


@dataclass(slots=True)
class Outbox:
    """What is to be announced, and the closed runs of which nothing is left after that.

    Attributes:
        first: the sequence of the first run that was looked at.
        due: what is to be announced, by run in their order.
        closed: closed runs of which nothing is left once this is announced.
        withheld: subject -> why something of a closed run cannot be announced now.
    """

    first: int
    due: list[Announcement] = field(default_factory=list)
    closed: dict[RunId, SealedRun] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)


def outbox_of(platform: Platform, feed: str) -> Outbox:
    """Return what of a feed is left to be announced."""
    outbox = Outbox(_first_unsettled(platform, feed))
    for run in runs(platform, feed):
        if run.sequence >= outbox.first:
            _look(platform, run, outbox)
    return outbox


def is_announced(platform: Platform, announcement: Announcement) -> bool:
    """Tell whether the acknowledgement of an announcement is recorded."""
    return platform.store.exists(layout.announcement_path(announcement.run, announcement.id))


def _look(platform: Platform, run: RunId, outbox: Outbox) -> None:
    """Put what is left of a run into the outbox."""
    try:
        sealed = sealed_run(platform, run)
    except Refusal as error:
        outbox.withheld[str(run)] = f"{error.code}: {error.found}"
        return
    products = sealed.bundle["products"] if sealed else platform.feed(run.feed).outputs()
    whole = True
    for product in products:
        try:
            ready = _ready(platform, run, product)
        except (CertificateRevoked, ProductRemoved):
            continue
        except GateRefusal as error:
            whole = False
            if sealed is not None:
                outbox.withheld[f"{run}/{product}"] = f"{error.code}: {error.found}"
            continue
        if ready is not None:
            outbox.due.append(ready)
    if sealed is not None:
        closed_at = sealed.bundle["closed_at"]
        closed = run_closed(run, sealed.bundle_digest, closed_at, corrected_run(platform, run))
        if not is_announced(platform, closed):
            _make_durable(platform, [layout.closure_folder(run)])
            _make_durable(platform, [layout.evidence_folder(run, sealed.epoch)])
            outbox.due.append(closed)
        if whole:
            outbox.closed[run] = sealed


def _ready(platform: Platform, run: RunId, product: str) -> Announcement | None:
    """Return the announcement of a product that may be read, None where it was announced.

    Raises:
        GateRefusal: it may not be read.
    """
    permit = decide(collect(platform, run, product), platform.trust)
    ready = product_ready(
        run,
        product,
        permit.manifest_digest,
        permit.certificate_digest,
        permit.certificate["issued_at"],
        supersedes=corrected_run(platform, run),
    )
    if is_announced(platform, ready):
        return None
    verified = verify_product(platform, run, product)  # its parts too are what was certified
    if (verified.manifest_digest, verified.certificate_digest) != tuple(ready.digests.values()):
        return None  # it was certified anew meanwhile; the next call announces that
    folders = [
        layout.generation_folder(run, product, verified.generation),
        layout.certificate_folder(run, product, verified.generation),
    ]
    _make_durable(platform, folders)
    return ready


def _first_unsettled(platform: Platform, feed: str) -> int:
    """Return the sequence of the first run of which something may be left, by doubling and halving.

    The records that say so are written in order, without a hole.
    """

    def settled(sequence: int) -> bool:
        return platform.store.exists(layout.announced_path(RunId(feed, sequence)))

    low, high = 0, 1
    while settled(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if settled(middle) else (low, middle)
    return high


def _make_durable(platform: Platform, folders: Iterable[str]) -> None:
    for folder in folders:
        platform.store.make_durable(folder)
