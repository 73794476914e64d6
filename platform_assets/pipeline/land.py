"""Landing of one stream of a run: exactly the anchored ranges, bytes as they came.

1. A receipt that stands already is the result.
2. Look whether the source is still the one that was pinned.
3. Read each range, follow it to the last offset, write parts.
4. Look again: what was made anew in the meantime may have delivered other records.
5. Record the receipt, which adds up to the anchors or is not written.

Parts are named by their content. An attempt that was killed leaves parts that no receipt names and that
the next attempt meets again, byte for byte, if its delivery is the same.

A correction lands what the run that it supersedes has landed (see `land_again`).
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.landing_parts import LandingParts, delivered_runs
from platform_assets.canonical import digest
from platform_assets.errors import RecordMissing, UnknownThing
from platform_assets.flow.continuity import is_correction
from platform_assets.flow.landing import (
    PartitionTally,
    anchored_partitions,
    landing_record,
    require_same,
)
from platform_assets.pipeline import layout
from platform_assets.pipeline.data_keys import made_staging_key
from platform_assets.pipeline.land_again import land_again
from platform_assets.pipeline.parts import store_parts
from platform_assets.pipeline.records import read_record, write_record
from platform_assets.pipeline.state import require_open
from platform_assets.ports.streams import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.part_files import PartFile
    from platform_assets.ports.streams import StreamSource


def land(platform: Platform, run: RunId, stream: str) -> dict[str, Any]:
    """Land one stream of a run and return the receipt; a standing receipt is returned as it is.

    Raises:
        RecordMissing: the run was not pinned.
        UnknownThing: the run's anchors name no such stream.
        SourceUnreachable: the source did not answer; land again.
        SourceChanged, OffsetExpired, OffsetTruncated, GapUnproven: the anchored records are not there.
        LandingInconsistent: the source contradicted itself.
        RunSealed: the run is closed.
    """
    path = layout.landing_receipt_path(run, stream)
    try:
        return read_record(platform.store, path, "landing")  # 1
    except RecordMissing:
        require_open(platform, run)
    anchors = platform.anchors(run)
    require_stream(anchors, run, stream)
    from_source = partial(land_from_source, platform, run, stream, anchors)
    again = is_correction(anchors)
    record = land_again(platform, anchors, stream, from_source) if again else from_source()
    write_record(platform.store, path, record)  # 5
    return record


def land_from_source(
    platform: Platform, run: RunId, stream: str, anchors: Mapping[str, Any]
) -> dict[str, Any]:
    """Land what the source delivers, and return the receipt, not yet recorded.

    Raises:
        SourceUnreachable, SourceChanged, OffsetExpired, OffsetTruncated, GapUnproven,
            LandingInconsistent: as for `land`.
    """
    anchored = anchored_partitions(anchors, stream)
    name = f"stream {stream} of {run}"
    tallies = [PartitionTally(f"landing of {stream} in {run}", part) for part in anchored]

    key = made_staging_key(platform, run)

    def store(part: PartFile) -> dict[str, object]:
        folder = layout.landing_folder(run, stream)
        return store_parts(platform.store, layout.run_folder(run), folder, [part], key)[0]

    with (
        closing(platform.source_of_run(run, stream)) as source,
        platform.scratch() as scratch,
        LandingParts(scratch, store) as parts,
    ):
        require_same(name, anchored, source.identities())  # 2
        for tally in tallies:  # 3
            _read(source, tally, parts)
        require_same(name, anchored, source.identities())  # 4
        return landing_record(
            anchors, digest(anchors), stream, tallies, parts.finish(), byte_count=parts.bytes
        )


def require_stream(anchors: Mapping[str, Any], run: RunId, stream: str) -> None:
    """Require that a run has a stream.

    Raises:
        UnknownThing: its anchors name no such stream.
    """
    names = [anchored["stream"] for anchored in anchors["streams"]]
    if stream not in names:
        raise UnknownThing(
            f"stream {stream} of {run}",
            expected=f"one of {', '.join(names)}",
            found=repr(stream),
            remedy="Use the name of the stream as declared: platform-assets feeds",
        )


def _read(source: StreamSource, tally: PartitionTally, parts: LandingParts) -> None:
    for item in source.read(tally.span):
        if isinstance(item, Gap):
            tally.declare(item)
        else:
            for start, end in delivered_runs(item):
                tally.deliver(start, end)
            parts.add(item)
    parts.end_partition()
