"""Landing of a correction: the records that the superseded run landed, and no others.

The source is asked first. Where it delivers byte for byte the parts that the superseded run landed,
they are landed as ever. Where it does not, because records expired or were compacted, the topic was
deleted or made anew, or it does not answer, the parts of the superseded run are copied, and the receipt
says from where and why. Those are proven: its evidence lists its receipt, and the receipt lists each
part with its SHA-256. What is compared is what the parts hold; how they are encrypted does not matter.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    EvidenceInconsistent,
    GapUnproven,
    LandingInconsistent,
    OffsetExpired,
    OffsetTruncated,
    SourceChanged,
    SourceUnreachable,
)
from platform_assets.flow.landing import copied_record, landed_content
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.data_keys import made_staging_key, staging_key
from platform_assets.pipeline.parts import opened_paths, store_parts
from platform_assets.pipeline.state import sealed_bundle
from platform_assets.ports.part_files import PartFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from platform_assets.pipeline.platform import Platform

#: How a source says that it does not deliver a window any more, or not now.
_GONE = (
    SourceUnreachable,
    SourceChanged,
    OffsetExpired,
    OffsetTruncated,
    GapUnproven,
    LandingInconsistent,
)
_OTHER_RECORDS = "other records"


def land_again(
    platform: Platform,
    anchors: Mapping[str, Any],
    stream: str,
    from_source: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Return the receipt of a correction's landing, from the source or from the superseded run.

    Args:
        platform: the opened home.
        anchors: of the correction.
        stream: the stream to be landed.
        from_source: lands what the source delivers, and returns the receipt without recording it.

    Raises:
        LandingInconsistent: the source delivers other records, and the landed parts are not there.
        EvidenceInconsistent: the receipt of the superseded run is not what it was closed with.
    """
    superseded = RunId.parse(anchors["supersedes"]["run_id"])
    before = _proven_receipt(platform, superseded, stream)
    try:
        record = from_source()
        if landed_content(record) == landed_content(before):
            return record
        because = _OTHER_RECORDS
    except _GONE as error:
        because = error.code
    parts = _copied(platform, superseded, RunId.parse(anchors["run_id"]), before, because)
    return copied_record(anchors, digest(anchors), before, parts, because)


def _proven_receipt(platform: Platform, run: RunId, stream: str) -> dict[str, Any]:
    """Return a landing receipt that a run's evidence lists."""
    path = layout.landing_receipt_path(run, stream)
    data = platform.store.read(path)
    listed = [
        entry["sha256"]
        for entry in (sealed_bundle(platform, run) or {}).get("records", ())
        if entry["path"] == path
    ]
    found = hashlib.sha256(data).hexdigest()
    if listed != [found]:
        raise EvidenceInconsistent(
            path,
            expected=f"the receipt with which {run} was closed, sha256 {', '.join(listed) or 'none'}",
            found=f"sha256 {found}",
            remedy="The store was changed after closure. Restore it from exported evidence.",
        )
    receipt: dict[str, Any] = check_record(parse_canonical(data, path), path)
    return receipt


def _copied(
    platform: Platform, source: RunId, target: RunId, receipt: Mapping[str, Any], because: str
) -> list[dict[str, Any]]:
    """Copy the parts of a receipt, one after the other, and return them as they are listed.

    Those of strict products are encrypted anew, under the key of the run that they are copied to.
    """
    thing = f"landing of {source}, to be copied because of {because} at the source"
    opens, closes = staging_key(platform, source), made_staging_key(platform, target)
    folder = layout.landing_folder(target, receipt["stream"])
    listed: list[dict[str, Any]] = []
    for part in receipt["parts"]:
        with platform.scratch() as scratch:
            own = layout.run_folder(source)
            paths = opened_paths(platform.store, own, [part], thing, key=opens, into=scratch)
            copy = scratch / "copy"
            shutil.copyfile(paths[0], copy)  # the store may move what it is given
            held = part.get("plaintext", part)
            name = f"{Path(part['path']).name.partition('.')[0]}.parquet"
            file = PartFile(name, copy, held["size"], held["sha256"], part["rows"])
            listed += store_parts(platform.store, layout.run_folder(target), folder, [file], closes)
    return listed
