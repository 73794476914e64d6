"""Where a feed stands after a record of its log, and whether the next record goes on from there.

Every partition of a record stands in the next one, starting where it ended, with an empty range where
nothing was new; only one that has ended for good may leave. A partition enters after its parents have
ended. So one record tells the whole position of its feed.

A correction reads a window again that was read before, so its ranges do not say where the feed stands:
it carries the position of the record before it on, unchanged, in `resumes`. Whoever asks where a feed
stands after a record asks here, and does not see the correction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.errors import ChainBroken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FROM_PREDECESSOR = "predecessor"

Part = dict[str, Any]
Parts = dict[tuple[str, str], Part]


def is_correction(record: Mapping[str, Any]) -> bool:
    """Tell whether anchors pin a window again that another run has read."""
    return "supersedes" in record


def position_streams(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the streams whose partitions say where the feed stands after a record."""
    streams: Sequence[Mapping[str, Any]] = (
        record["resumes"]["streams"] if is_correction(record) else record["streams"]
    )
    return streams


def position_of(record: Mapping[str, Any]) -> Parts:
    """Return where the feed stands after a record, by stream and partition: the `end` of each.

    Raises:
        ChainBroken: a partition stands there twice.
    """
    return partitions_of({"run_id": record["run_id"], "streams": position_streams(record)})


def position_seen_at(record: Mapping[str, Any]) -> str:
    """Return when the sources were looked at for the position; a correction does not look."""
    return str(record["resumes"]["seen_at"] if is_correction(record) else record["pinned_at"])


def carried_on(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the position after a record as a correction behind it carries it: empty ranges."""
    return {
        "seen_at": position_seen_at(record),
        "streams": [
            {
                "stream": stream["stream"],
                "kind": stream["kind"],
                "partitions": [_carried(part) for part in stream["partitions"]],
            }
            for stream in position_streams(record)
        ],
    }


def _carried(part: Mapping[str, Any]) -> Part:
    kept = {name: part[name] for name in ("cluster", "ended", "parents", "facts") if name in part}
    native = part.get("native_end", "")
    return {
        "partition": part["partition"],
        "start": part["end"],
        "end": part["end"],
        "origin": FROM_PREDECESSOR,
        "incarnation": part["incarnation"],
        **kept,
        **({"native_start": native, "native_end": native} if native else {}),
    }


def last_correction(record: Mapping[str, Any] | None) -> int | None:
    """Return the sequence of the newest correction up to a record of the log, None for none.

    Each record names the one before it, so that all corrections are found from the head of the log.
    """
    if record is None:
        return None
    if is_correction(record):
        return int(record["sequence"])
    return record.get("last_correction")


def partitions_of(record: Mapping[str, Any]) -> Parts:
    """Return the partitions of anchors by stream and name, each with its stream's kind.

    Raises:
        ChainBroken: a partition stands there twice.
    """
    found: Parts = {}
    for stream in record["streams"]:
        for part in stream["partitions"]:
            key = (stream["stream"], part["partition"])
            if key in found:
                raise broken(f"anchors {record['run_id']}", "each partition once", f"{key} twice")
            found[key] = {**part, "kind": stream["kind"]}
    return found


def continuation_problems(
    stream: str,
    part: Mapping[str, Any],
    before: Mapping[tuple[str, str], Mapping[str, Any]],
) -> list[str]:
    """Return everything in which a pinned partition does not go on from the anchors before it.

    Args:
        stream: the partition's stream.
        part: the partition as pinned, with its stream's kind.
        before: where the feed stood, as `position_of` returns it.
    """
    problems = []
    start, end = int(part["start"]), int(part["end"])
    names = (part.get("native_start", ""), part.get("native_end", ""))
    if start > end or (start == end and names[0] != names[1]):
        problems.append(f"has the range [{start}, {end}) {' to '.join(names)}".rstrip())
    reached = before.get((stream, part["partition"]))
    if (part["origin"] == FROM_PREDECESSOR) != (reached is not None):
        problems.append(f"has the origin {part['origin']}")
    if reached is None:
        return problems + _parents_going_on(stream, part, before)
    if start != int(reached["end"]) or names[0] != reached.get("native_end", ""):
        found = f"{reached['end']} {reached.get('native_end', '')}".rstrip()
        problems.append(f"starts at {f'{start} {names[0]}'.rstrip()}, where {found} was reached")
    if reached.get("ended") and (not part.get("ended") or start != end):
        problems.append("goes on, and had ended")
    problems += [
        f"has the {name} {part.get(name, '')!r}, {reached.get(name, '')!r} was pinned before"
        for name in ("kind", "cluster", "incarnation")
        if part.get(name, "") != reached.get(name, "")
    ]
    return problems


def _parents_going_on(
    stream: str,
    part: Mapping[str, Any],
    before: Mapping[tuple[str, str], Mapping[str, Any]],
) -> list[str]:
    """Everything of its parents has to be taken before a partition enters."""
    return [
        f"enters before its parent {name} has ended"
        for name in part.get("parents", ())
        if not before.get((stream, name), {"ended": True}).get("ended")
    ]


def broken(thing: str, expected: str, found: str | list[str]) -> ChainBroken:
    """Return the error of a log whose records do not follow from one another."""
    return ChainBroken(
        thing,
        expected=expected,
        found=found,
        remedy="The feed's log was changed after it was written; restore it from a copy.",
    )
