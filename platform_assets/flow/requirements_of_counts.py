"""Requirements on offsets and counts: pinned, linked, landed.

Counts are added up again from the smallest numbers in the records; no total is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.flow.continuity import (
    FROM_PREDECESSOR,
    carried_on,
    continuation_problems,
    is_correction,
    last_correction,
    position_streams,
)
from platform_assets.flow.requirements_of_corrections import landed_otherwise, superseded_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_assets.flow.run_records import Document, RunRecords

Judged = tuple[list[str], str]


def anchors_pinned(records: RunRecords) -> Judged:
    """Every declared stream has partitions with ``start <= end``, and the window says something new.

    That is records, or what is worth a window without any: a position at `latest`, which is recorded
    nowhere else, or that a partition ended, so that others may enter after it. A correction says again
    what the run said that it corrects.
    """
    if records.anchors is None:
        return [f"no sound anchors of {records.run}"], ""
    anchors = records.anchors.value
    problems = []
    if anchors["run_id"] != str(records.run):
        problems.append(f"the anchors are those of {anchors['run_id']}")
    pinned = [stream["stream"] for stream in anchors["streams"]]
    declared = sorted(records.declaration.get("streams", ()))
    if sorted(pinned) != declared or not declared:
        problems.append(f"streams {sorted(pinned)} are pinned, {declared} are declared")
    count = 0
    for stream in anchors["streams"]:
        names = [partition["partition"] for partition in stream["partitions"]]
        if not names or len(set(names)) != len(names):
            problems.append(f"{stream['stream']} has no partition, or one twice")
        for partition in stream["partitions"]:
            count += 1
            start, end = partition["start"], partition["end"]
            if int(start) > int(end):
                problems.append(
                    f"{stream['stream']}/{partition['partition']} ends at {end}, before {start}"
                )
    if not _says_something_new(anchors, records.predecessor):
        problems.append("no offset lies between the anchors")
    return problems, f"{count} partitions of {len(pinned)} streams"


def _says_something_new(anchors: Mapping[str, Any], before: Document | None) -> bool:
    if is_correction(anchors):
        return True  # ChainUnbroken requires that its window is that of a closed run
    ended = _ended(anchors["streams"])
    if before is not None and not before.problem:
        ended -= _ended(position_streams(before.value))
    parts = [part for stream in anchors["streams"] for part in stream["partitions"]]
    return bool(ended) or any(
        part["start"] != part["end"] or part["origin"] == "latest" or part.get("renews", False)
        for part in parts
    )


def _ended(streams: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {
        (stream["stream"], part["partition"])
        for stream in streams
        for part in stream["partitions"]
        if part.get("ended", False)
    }


def chain_unbroken(records: RunRecords) -> Judged:
    """The anchors name the digest of the ones before, and begin where those end, on the same source.

    Those of a correction leave the feed where it stood, and have the window of the run that they name.
    """
    if records.anchors is None:
        return [f"no sound anchors of {records.run}"], ""
    anchors = records.anchors.value
    before = records.predecessor
    if records.run.predecessor is None:
        return _first_problems(anchors), "the first run of the feed"
    if before is None or before.problem:
        reason = before.problem if before else "absent"
        return [f"the anchors of {records.run.predecessor} are not sound: {reason}"], ""
    problems = []
    if anchors["predecessor"] != before.digest:
        problems.append(f"predecessor {anchors['predecessor']}, where {before.digest} stands")
    if anchors.get("last_correction") != last_correction(before.value):
        problems.append(f"names {anchors.get('last_correction')} as the last correction before it")
    continues = f"continues {records.run.predecessor}, {before.digest}"
    if is_correction(anchors):
        if anchors["resumes"] != carried_on(before.value):
            problems.append("its feed would go on from elsewhere than where it stood")
        problems += superseded_problems(records)
        named = anchors["supersedes"]
        return problems, f"{continues}; corrects {named['run_id']}, {named['bundle_digest']}"
    problems += _continuations(before.value, anchors, set(records.declaration.get("streams", ())))
    return problems, continues


def _first_problems(anchors: Mapping[str, Any]) -> list[str]:
    problems = [f"{n} continues a predecessor" for n in _origins(anchors, FROM_PREDECESSOR)]
    if anchors["predecessor"] is not None:
        problems.append(f"the first run names the predecessor {anchors['predecessor']}")
    if is_correction(anchors) or "last_correction" in anchors:
        problems.append("the first run corrects another, or names a correction before it")
    return problems


def landing_reconciles(records: RunRecords) -> Judged:
    """Delivered plus proven gaps equals ``end - start`` of each partition, and parts hold the rest."""
    if records.anchors is None:
        return [f"no sound anchors of {records.run}"], ""
    problems, delivered, gaps = [], 0, 0
    for stream in records.anchors.value["streams"]:
        name = stream["stream"]
        receipt = records.receipt("landing", name)
        if receipt is None:
            problems.append(f"{name} has no sound landing receipt")
            continue
        landing = receipt.value
        problems += misplaced(landing["parts"], f"landing/{name}/")
        if landing["anchors_digest"] != records.anchors.digest:
            problems.append(f"{name} landed under other anchors, {landing['anchors_digest']}")
        problems += [f"{name} {p}" for p in landed_otherwise(records, receipt)]
        if _ranges(stream["partitions"]) != _ranges(landing["partitions"]):
            problems.append(f"{name} landed other ranges than were anchored")
        for partition in landing["partitions"]:
            problems += [f"{name}/{partition['partition']} {p}" for p in _range_problems(partition)]
            gaps += gap_length(partition)
        counted = sum(partition["delivered"] for partition in landing["partitions"])
        delivered += counted
        if not counted == landing["delivered"] == rows_of(landing["parts"]):
            problems.append(
                f"{name} delivered {counted} by partition, {landing['delivered']} in all, "
                f"{rows_of(landing['parts'])} in parts"
            )
    return problems, f"{delivered} delivered + {gaps} proven gaps = all anchored offsets"


def gap_length(partition: Mapping[str, Any]) -> int:
    """Return how many offsets of a landed partition are proven gaps."""
    return sum(int(gap["end"]) - int(gap["start"]) for gap in partition["gaps"])


def _continuations(
    before: Mapping[str, Any], anchors: Mapping[str, Any], declared: set[str]
) -> list[str]:
    ends, starts = _pinned(position_streams(before)), _pinned(anchors["streams"])
    problems = [
        f"{'/'.join(key)} {problem}"
        for key, partition in starts.items()
        for problem in continuation_problems(key[0], partition, ends)
    ]
    # A stream that is declared no more may end, and so may a partition that has ended for good.
    lost = sorted(
        "/".join(key)
        for key, partition in ends.items()
        if key not in starts and key[0] in declared and not partition.get("ended")
    )
    return problems + [f"{name} was left out" for name in lost]


def _pinned(streams: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the partitions by stream and name; one that stands there twice is named elsewhere."""
    return {
        (stream["stream"], partition["partition"]): {**partition, "kind": stream["kind"]}
        for stream in streams
        for partition in stream["partitions"]
    }


def _origins(anchors: Mapping[str, Any], origin: str) -> list[str]:
    return [
        f"{stream['stream']}/{partition['partition']}"
        for stream in anchors["streams"]
        for partition in stream["partitions"]
        if partition["origin"] == origin
    ]


def _ranges(partitions: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((str(p["partition"]), str(p["start"]), str(p["end"])) for p in partitions)


def _range_problems(partition: Mapping[str, Any]) -> Iterable[str]:
    """Gaps lie in the range, in order, apart and proven; with the delivered records they fill it."""
    reached = int(partition["start"])
    for gap in partition["gaps"]:
        start, end = int(gap["start"]), int(gap["end"])
        if not reached <= start < end <= int(partition["end"]):
            yield f"has the gap [{start}, {end}) out of place"
        if not gap["proof"]:
            yield f"has the gap [{start}, {end}) without proof"
        reached = end
    if isinstance(partition["start"], int):  # positions that are texts do not count records
        anchored = partition["end"] - partition["start"]
        found = partition["delivered"] + gap_length(partition)
        if found != anchored:
            yield (
                f"delivered {partition['delivered']} + {gap_length(partition)} gaps, "
                f"{anchored} anchored"
            )


def misplaced(parts: Iterable[Mapping[str, Any]], folder: str) -> list[str]:
    """Name the parts that do not stand in their stream's folder of the run."""
    paths = [part["path"] for part in parts]
    climbing = [p for p in paths if not p.startswith(folder) or {"", ".", ".."} & set(p.split("/"))]
    return [f"the part {path} is not in {folder}" for path in climbing]


def rows_of(parts: Iterable[Mapping[str, Any]]) -> int:
    """Return how many rows parts have together."""
    return sum(part["rows"] for part in parts)
