"""The record beside a closed run that a later one corrects it: written after the correction's seal.

Like the entry in the log of closures it follows from the seal, and is mended by whoever looks next. Two
that write it write the same, unless the signing key was changed in between; then the first one stands.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from platform_assets.errors import EvidenceInconsistent, ObjectMissing, RecordConflict
from platform_assets.flow.signing import sign_statement
from platform_assets.flow.supersession import opened_supersession, supersession_statement
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.corrections import corrected_run
from platform_assets.pipeline.records import write_bytes
from platform_assets.pipeline.state import sealed_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.pipeline.corrections import Corrections
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.state import SealedRun


def record_supersession(platform: Platform, run: RunId, sealed: SealedRun) -> None:
    """Record beside the run that a closed one corrects that it is superseded; else do nothing.

    Raises:
        UnknownOutcome: the store does not say what it wrote; whoever looks next mends it.
    """
    old = corrected_run(platform, run)
    if old is None:
        return
    statement = supersession_statement(
        platform.anchors(old)["config_digest"],
        platform.anchors(run),
        bundle_digest=sealed.bundle_digest,
        closed_at=sealed.bundle["closed_at"],
    )
    with suppress(RecordConflict):  # under another key; whoever verifies it looks at what it says
        path = layout.supersession_path(old)
        write_bytes(platform.store, path, sign_statement(platform.signer, statement))


def mend_supersessions(platform: Platform, corrections: Corrections) -> None:
    """Record what the closers of a feed's corrections did not come to record."""
    for sequence in corrections.windows:
        correction = RunId(corrections.feed, sequence)
        old = corrected_run(platform, correction)
        if old is not None and not platform.store.exists(layout.supersession_path(old)):
            sealed = sealed_run(platform, correction)
            if sealed is not None:
                record_supersession(platform, correction, sealed)


def standing_supersession(platform: Platform, run: RunId) -> bytes | None:
    """Return the signed record that a run is superseded, None where there is none."""
    with suppress(ObjectMissing):
        return platform.store.read(layout.supersession_path(run))
    return None


def superseded_by(platform: Platform, run: RunId, sealed: SealedRun) -> Mapping[str, Any] | None:
    """Return what a closed run is superseded by, None where nothing says so.

    Raises:
        EvidenceInconsistent: a record says so, and does not verify.
    """
    data = standing_supersession(platform, run)
    if data is None:
        return None
    opened = opened_supersession(data, platform.trust, str(run), sealed.bundle_digest)
    if isinstance(opened, str):
        path = layout.supersession_path(run)
        raise EvidenceInconsistent(
            path,
            expected=f"a signed record that {run} is superseded",
            found=opened,
            remedy=f"Move the file away; it is written again by: platform-assets run {run.feed}",
        )
    return opened
