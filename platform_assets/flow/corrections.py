"""Corrections: a window that a closed run has read is pinned again, and that run is named.

A closed run does not change. A correction is a run of its own: it takes the next sequence of the
feed's log, and its anchors hold exactly the ranges of the run that it supersedes, which they name with
the digests of its anchors and of its evidence, and with the reason. It is pinned under what is declared
now.

A window and its corrections form one chain: a correction supersedes the newest run of its window, and
that run has to be closed. So of each window the newest closed run is known without a choice.

What was pinned once for a window counts for its corrections too: the moment at which it was pinned, for
example, which checks of freshness refer to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest, rfc3339
from platform_assets.errors import SourceChanged
from platform_assets.flow.anchors import names_correction, verify_link
from platform_assets.flow.continuity import carried_on, is_correction
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Superseded:
    """A closed run that is to be corrected: its anchors, and the digest of its evidence."""

    anchors: Mapping[str, Any]
    bundle_digest: str


def correction_record(
    superseded: Superseded,
    head: Mapping[str, Any],
    reason: str,
    *,
    pinned_at: datetime,
    config_digest: str,
) -> dict[str, Any]:
    """Return the anchors of a correction.

    Args:
        superseded: the run to be corrected.
        head: the newest anchors of the feed's log.
        reason: why it is corrected; it is recorded for ever.
        pinned_at: now.
        config_digest: the digest of the configuration under which it is pinned.

    Raises:
        ChainBroken: it would not link to the head.
    """
    before = superseded.anchors
    sequence = head["sequence"] + 1
    record = {
        "record": "anchors",
        "version": 1,
        "run_id": str(RunId(head["feed"], sequence)),
        "config_digest": config_digest,
        "feed": head["feed"],
        "sequence": sequence,
        "predecessor": digest(head),
        "pinned_at": rfc3339(pinned_at),
        "streams": before["streams"],
        "supersedes": {
            "run_id": before["run_id"],
            "anchors_digest": digest(before),
            "bundle_digest": superseded.bundle_digest,
            "reason": reason,
            "window": window_of(before),
            "window_pinned_at": window_pinned_at(before),
        },
        "resumes": carried_on(head),
        **names_correction(head),
    }
    verify_link(head, record)
    return record


def window_of(anchors: Mapping[str, Any]) -> str:
    """Return the id of the run that read the window first; of a run that corrects none, its own."""
    return str(anchors["supersedes"]["window"] if is_correction(anchors) else anchors["run_id"])


def window_pinned_at(anchors: Mapping[str, Any]) -> str:
    """Return when the window was pinned first."""
    kept = anchors["supersedes"]["window_pinned_at"] if is_correction(anchors) else None
    return str(kept or anchors["pinned_at"])


def require_declared(anchors: Mapping[str, Any], kinds: Mapping[str, str]) -> None:
    """Require that a window can be read again under the declaration as it is now.

    Args:
        anchors: the anchors of the run to be corrected.
        kinds: the declared streams, each with the kind of its source.

    Raises:
        SourceChanged: other streams are declared now, or one of another kind.
    """
    pinned = {stream["stream"]: stream["kind"] for stream in anchors["streams"]}
    if pinned != dict(kinds):
        raise SourceChanged(
            f"correction of {anchors['run_id']}",
            expected=f"the streams that the run has read: {_listed(pinned)}",
            found=f"declared now: {_listed(kinds)}",
            remedy="A correction reads exactly what the run has read. Declare these streams for it, "
            "and no others; once it is pinned, declare again what the next windows are to read.",
        )


def correction_problems(
    anchors: Mapping[str, Any],
    superseded: Mapping[str, Any] | None,
    evidence: Mapping[str, Any] | str,
) -> list[str]:
    """Return what speaks against a correction being one of the run that it names.

    Args:
        anchors: the correction's anchors.
        superseded: the anchors of the run that it names, where they are sound.
        evidence: that run's evidence under a seal that verifies, or why there is none.
    """
    named = anchors["supersedes"]
    if isinstance(evidence, str):
        return [f"{named['run_id']}, which it corrects, is not proven closed: {evidence}"]
    if superseded is None:
        return [f"the anchors of {named['run_id']}, which it corrects, are not sound, or absent"]
    expected = {
        "run_id": superseded["run_id"],
        "anchors_digest": digest(superseded),
        "window": window_of(superseded),
        "window_pinned_at": window_pinned_at(superseded),
    }
    problems = [
        f"it names the {key} {named[key]}, that of the corrected run is {value}"
        for key, value in expected.items()
        if named[key] != value
    ]
    if anchors["streams"] != superseded["streams"]:
        problems.append(f"it has other ranges than {named['run_id']}, which it corrects")
    path = f"feeds/{superseded['feed']}/{superseded['sequence']:08d}.json"
    closed_with = {entry["path"]: entry["sha256"] for entry in evidence["records"]}
    if f"sha256:{closed_with.get(path)}" != named["anchors_digest"]:
        problems.append(f"{named['run_id']} was closed under other anchors than those it names")
    return problems


def _listed(kinds: Mapping[str, str]) -> str:
    return ", ".join(sorted(f"{name} ({kind})" for name, kind in kinds.items())) or "none"
