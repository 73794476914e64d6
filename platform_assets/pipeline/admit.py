"""Admission of one landed stream: judge, settle, set aside, account.

1. Read the landing receipt.
2. Judge what was landed, settle its identities against what counts before it, and store what is not
   admitted (see `judging`).
3. Record the receipt, which adds up or is not written.

A run takes into account the runs within its dedupe horizon. Either it waits until those before it are
closed, or it goes side by side with them: then the entry in the stream's settlement log decides, and
its receipt follows from what was landed and from the entries before its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.flow.admission import admission_record
from platform_assets.flow.continuity import is_correction
from platform_assets.pipeline import layout
from platform_assets.pipeline.horizon import ClosedHorizon
from platform_assets.pipeline.judging import Judged, Landed, judged
from platform_assets.pipeline.land import require_stream
from platform_assets.pipeline.log_horizon import LogHorizon
from platform_assets.pipeline.records import read_record, write_record
from platform_assets.pipeline.settlement_log import settled_receipt
from platform_assets.pipeline.state import require_open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.settlements import Settlement
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


def admit(platform: Platform, run: RunId, stream: str) -> dict[str, Any]:
    """Admit one stream of a run and return the receipt; a standing receipt is returned as it is.

    Raises:
        RecordMissing: the run was not pinned, or the stream not landed.
        UnknownThing: the run's anchors name no such stream.
        LandingInconsistent: what was landed is not there as its receipt says.
        PredecessorOpen: a run within the dedupe horizon is not closed; of runs that go side by side:
            one that has to be settled before is not.
        ChainBroken: the stream's settlement log is damaged.
        RunSealed: the run is closed.
        WorkerLost, SpillExhausted: a worker died, or there is no room; nothing was recorded.
        UnknownOutcome: the store does not say whether the run is settled; look again.
    """
    path = layout.admission_receipt_path(run, stream)
    if platform.store.exists(path):
        return read_record(platform.store, path, "admission")
    require_open(platform, run)
    anchors = platform.anchors(run)
    require_stream(anchors, run, stream)
    landing = read_record(platform.store, layout.landing_receipt_path(run, stream), "landing")  # 1
    configuration = platform.run_configuration(run)
    # a correction has no place in the log of its own: it stands where the run that it corrects does
    in_log = configuration.declaration.side_by_side and not is_correction(anchors)
    with platform.spill() as spill, platform.scratch() as scratch:
        landed = Landed(
            platform=platform,
            run=run,
            landing=landing,
            configuration=configuration,
            scratch=scratch,
            spill=spill,
        )
        return _settled_in_log(landed) if in_log else _settled_in_order(landed)


def _settled_in_order(landed: Landed) -> dict[str, Any]:
    """Settle a run whose predecessors within the horizon are closed."""
    platform, run, declaration = landed.platform, landed.run, landed.configuration.declaration
    with (
        ClosedHorizon(platform, run, declaration, landed.stream) as horizon,
        judged(landed) as found,  # 2
    ):
        result = replace(found.settled(horizon), horizon=horizon.consulted)
    record = admission_record(landed.landing, digest(landed.landing), result)  # 3
    write_record(platform.store, layout.admission_receipt_path(run, landed.stream), record)
    return record


def _settled_in_log(landed: Landed) -> dict[str, Any]:
    """Settle a run as the next one of its stream's log.

    Another run may be settled meanwhile. Then it counts as well, and this run is settled after it: of
    what was judged nothing changes, and only what the other run admitted is read besides.
    """
    platform, run, stream = landed.platform, landed.run, landed.stream
    opened = landed.scratch / "earlier"
    opened.mkdir(mode=0o700)
    with LogHorizon(platform, run, landed.configuration.declaration, stream, opened) as horizon:
        recorded = platform.settled_as(run, stream)
        if recorded is not None:
            return _settled_as_recorded(landed, horizon, recorded)
        own = horizon.look()
        if own is None:
            with judged(landed) as found:  # 2
                own = _entered(found, horizon)  # 3
        return settled_receipt(platform.store, stream, own)


def _entered(found: Judged, horizon: LogHorizon) -> Settlement:
    """Settle a run after those that stand in the log, until it is the next one there."""
    attempt = 0
    while True:
        attempt += 1
        own = horizon.look()
        if own is None:
            receipt = _log_receipt(found, horizon, horizon.log.following, attempt)
            own = horizon.log.append(receipt)
        if own.run == found.of.run:
            return own


def _settled_as_recorded(
    landed: Landed, horizon: LogHorizon, recorded: Mapping[str, Any]
) -> dict[str, Any]:
    """Settle a run once more as it was settled, against exactly what counted then."""
    horizon.use(recorded)
    with judged(landed) as found:
        record = _log_receipt(found, horizon, recorded["settlement"]["number"], 1)
    path = layout.admission_receipt_path(landed.run, landed.stream)
    write_record(landed.platform.store, path, record)
    return record


def _log_receipt(found: Judged, horizon: LogHorizon, number: int, attempt: int) -> dict[str, Any]:
    """Return the receipt of a run that is settled under a number, after those that count."""
    result = found.settled(horizon, attempt)
    consulted = [counted.as_json() for counted in horizon.counted]
    settlement = {"number": number, "consulted": consulted}
    result = replace(result, horizon=horizon.horizon, settlement=settlement)
    return admission_record(found.of.landing, digest(found.of.landing), result)
