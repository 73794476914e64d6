"""Pinning a correction: the window of a closed run becomes a run again, under what is declared now.

1. Read the head of the feed's log, and verify that it links.
2. The run has to be closed, and the newest of its window. One that is corrected already is not
   corrected a second time; its correction may be.
3. The streams that it has read have to be declared still, with the same kind of source.
4. It has the rules of those that go side by side and are open.
5. Record the configuration, then the anchors, both create-only.

Of two that correct the same run at once one creates the anchors. The other reads what stands there, and
returns the same run if it was pinned under the same configuration; else it is told who was first. Where
it was a window that came in between, it looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.errors import ChainBroken, RecordConflict, RunOpen, RunSuperseded, Usage
from platform_assets.flow.corrections import Superseded, correction_record, require_declared
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.corrections import corrections_of
from platform_assets.pipeline.pin import log_head
from platform_assets.pipeline.records import write_record
from platform_assets.pipeline.settlement_rules import require_same_rules
from platform_assets.pipeline.state import is_closed, sealed_run

if TYPE_CHECKING:
    from platform_assets.pipeline.platform import Platform


def supersede(platform: Platform, run: RunId, reason: str) -> RunId:
    """Pin the correction of a closed run and return its run; an open one that stands is returned.

    Raises:
        Usage: no reason is given.
        RunOpen: the run is not closed, so there is nothing to be superseded.
        RunSuperseded: it is corrected already, by a closed run or under another configuration.
        SourceChanged: other streams are declared than the run has read.
        PredecessorOpen: a run that goes side by side by other rules has to be closed first.
        ChainBroken: the feed's log does not link.
        UnknownOutcome: the store does not say what it wrote; look again.
    """
    if not reason.strip():
        raise Usage(
            f"correction of {run}",
            expected="a reason, which is recorded for ever",
            found="none",
            remedy="Say why: --reason TEXT",
        )
    config_digest, configuration = platform.configuration(run.feed)
    while True:
        head = log_head(platform, run.feed)  # 1
        standing = _standing(platform, run, config_digest)  # 2
        if standing is not None:
            return standing
        superseded = _superseded(platform, run)
        if head is None:
            raise ChainBroken(
                f"feed {run.feed}",
                expected=f"a log that holds {run}",
                found="an empty one",
                remedy=f"Restore the folder {layout.feed_log(run.feed)} of the store from a copy.",
            )
        _require_declared(platform, superseded)  # 3
        require_same_rules(platform, run.feed, config_digest, configuration, head)  # 4
        record = correction_record(
            superseded,
            head,
            reason,
            pinned_at=platform.clock.now(),
            config_digest=config_digest,
        )
        pinned = RunId.parse(record["run_id"])
        write_record(platform.store, layout.configuration_path(config_digest), configuration)  # 5
        try:
            write_record(platform.store, layout.anchors_path(pinned), record)
        except RecordConflict:
            continue  # another run took that place in the log
        return pinned


def _standing(platform: Platform, run: RunId, config_digest: str) -> RunId | None:
    """Return the open correction of a run that goes under the same configuration, None for none."""
    corrections = corrections_of(platform, run.feed)
    correction = corrections.after(run)
    if correction is None:
        return None
    anchors = platform.anchors(correction)
    named = anchors["supersedes"]
    if is_closed(platform, correction):
        last = corrections.chain(corrections.window_of(run))[-1]
        raise RunSuperseded(
            str(run),
            expected="the newest run of its window",
            found=f"it was superseded by {correction}: {named['reason']}",
            remedy=f"Correct that one: platform-assets run {run.feed} --supersede {last} --reason TEXT",
        )
    if anchors["config_digest"] != config_digest:
        raise RunSuperseded(
            str(run),
            expected="nobody else who corrects it",
            found=f"{correction}, pinned at {anchors['pinned_at']} under another configuration: "
            f"{named['reason']}",
            remedy=f"Finish that one: platform-assets run {run.feed}. What is declared now needs a "
            f"correction of its own: platform-assets run {run.feed} --supersede {correction} "
            "--reason TEXT",
        )
    return correction


def _superseded(platform: Platform, run: RunId) -> Superseded:
    sealed = sealed_run(platform, run)
    if sealed is None:
        raise RunOpen(
            str(run),
            expected="a closed run; what is open can be mended as it is",
            found="an open one, or none",
            remedy=f"Look at it: platform-assets show {run}. Finish it: platform-assets run {run.feed}",
        )
    return Superseded(platform.anchors(run), sealed.bundle_digest)


def _require_declared(platform: Platform, superseded: Superseded) -> None:
    declaration = platform.feed(superseded.anchors["feed"])
    kinds = {stream: declaration.source_of(stream).kind for stream in declaration.streams}
    require_declared(superseded.anchors, kinds)
