"""Landing: what was delivered of a pinned range, and that it is exactly the range.

Per partition, delivered records plus classified gaps equal ``end - start``. More than the sum is held:
offsets ascend, none lies outside the range, and the offsets that hold no record are exactly those that
the source declared as gaps, each with a kind and a proof. A hole that no gap explains is refused, and
so is a gap where a record was delivered. A receipt that would not add up is never written.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.errors import GapUnproven, LandingInconsistent, SourceChanged
from platform_assets.flow.anchors import identity_of, span_of
from platform_assets.flow.positions import check_same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.ports.positions import Identity
    from platform_assets.ports.streams import Gap

_Span = tuple[int, int]


class PartitionTally:
    """Follows the delivery of one anchored partition."""

    def __init__(self, thing: str, anchored: Mapping[str, Any]) -> None:
        self.partition: str = anchored["partition"]
        self.span = span_of(anchored)
        self.start = int(anchored["start"])
        self.end = int(anchored["end"])
        self.delivered = 0
        self._thing = f"{thing}, partition {self.partition}"
        self._next = self.start
        self._holes: list[_Span] = []
        self._gaps: list[Gap] = []

    def deliver(self, start: int, end: int) -> None:
        """Count the records of ``[start, end)``, which were delivered without a hole between them.

        Raises:
            LandingInconsistent: they do not ascend from where the last ones ended, or leave the range.
        """
        if not self._next <= start < end <= self.end:
            raise self._wrong(f"offsets {start} to {end - 1}", "ascending and not delivered before")
        if start > self._next:
            self._holes.append((self._next, start))
        self._next = end
        self.delivered += end - start

    def declare(self, gap: Gap) -> None:
        """Take down a gap; it may be declared before or after the records around it."""
        self._gaps.append(gap)

    def receipt(self) -> dict[str, Any]:
        """Return the partition's entry in the receipt.

        Raises:
            GapUnproven: offsets were not delivered and no gap explains them.
            LandingInconsistent: a gap without a proof, of another partition, outside the range, or
                where records were delivered.
        """
        holes = [*self._holes, *([(self._next, self.end)] if self._next < self.end else [])]
        declared = list(_merged(self._sorted_gaps()))
        explained = set(declared)
        unexplained = [hole for hole in holes if hole not in explained]
        if unexplained:
            raise GapUnproven(
                self._thing,
                expected=f"every offset of [{self.start}, {self.end}), or a gap with its proof",
                found=f"{len(unexplained)} holes, the first {list(unexplained[0])}, not explained by "
                f"{len(declared)} gaps",
                remedy="Do not skip them. Restore the records, or let the source classify them.",
            )
        if declared != holes:
            extra = [list(gap) for gap in declared if gap not in set(holes)]
            raise self._wrong(f"gaps at {extra[:5]}", "gaps where nothing was delivered")
        return {
            "partition": self.partition,
            "start": self.start,
            "end": self.end,
            "delivered": self.delivered,
            "gaps": [
                {"start": gap.start, "end": gap.end, "kind": gap.kind.value, "proof": gap.proof}
                for gap in self._sorted_gaps()
            ],
        }

    def _sorted_gaps(self) -> list[Gap]:
        for gap in self._gaps:
            if gap.partition != self.partition or gap.start >= gap.end or not gap.proof:
                raise self._wrong(f"{gap}", "a gap of this partition, not empty, with a proof")
        return sorted(self._gaps, key=lambda gap: gap.start)

    def _wrong(self, found: str, expected: str) -> LandingInconsistent:
        return LandingInconsistent(
            self._thing,
            expected=f"{expected}, within [{self.start}, {self.end})",
            found=found,
            remedy="The source contradicts itself. Nothing was recorded; report the adapter.",
        )


def landing_record(
    anchors: Mapping[str, Any],
    anchors_digest: str,
    stream: str,
    tallies: Sequence[PartitionTally],
    parts: Sequence[Mapping[str, Any]],
    *,
    byte_count: int,
) -> dict[str, Any]:
    """Return the receipt of one landed stream.

    Raises:
        GapUnproven, LandingInconsistent: it does not add up; nothing may be recorded.
    """
    record = {
        "record": "landing",
        "version": 1,
        "run_id": anchors["run_id"],
        "config_digest": anchors["config_digest"],
        "stream": stream,
        "anchors_digest": anchors_digest,
        "partitions": [tally.receipt() for tally in tallies],
        "delivered": sum(tally.delivered for tally in tallies),
        "bytes": byte_count,
        "parts": list(parts),
    }
    return _reconciled(record, anchors, anchors_digest)


def landed_content(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was landed: what two landings of the same records have in common.

    Parts are cut by the records, so the same records give the same parts. Of encrypted parts what they
    hold counts.
    """
    return {
        **{name: receipt[name] for name in ("stream", "partitions", "delivered", "bytes")},
        "parts": [
            {
                "rows": part["rows"],
                **{name: part.get("plaintext", part)[name] for name in ("size", "sha256")},
            }
            for part in receipt["parts"]
        ],
    }


def copied_record(
    anchors: Mapping[str, Any],
    anchors_digest: str,
    landed: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
    because: str,
) -> dict[str, Any]:
    """Return the receipt of a stream that a correction took from the landing of the superseded run.

    Args:
        anchors: the correction's.
        anchors_digest: their digest.
        landed: the receipt of the superseded run.
        parts: its parts, as they were copied.
        because: why it was not landed from the source.

    Raises:
        LandingInconsistent: it does not add up to the anchors; nothing may be recorded.
    """
    record = {
        **{name: value for name, value in landed.items() if name != "copied_from"},
        "run_id": anchors["run_id"],
        "config_digest": anchors["config_digest"],
        "anchors_digest": anchors_digest,
        "parts": list(parts),
        "copied_from": {
            "run_id": landed["run_id"],
            "landing_digest": digest(landed),
            "because": because,
        },
    }
    return _reconciled(record, anchors, anchors_digest)


def _reconciled(
    record: dict[str, Any], anchors: Mapping[str, Any], anchors_digest: str
) -> dict[str, Any]:
    findings = reconcile(record, anchors, anchors_digest)
    if findings:
        raise LandingInconsistent(
            f"landing of {record['stream']} in {anchors['run_id']}",
            expected="a receipt that adds up to the anchors",
            found="; ".join(findings),
            remedy="Nothing was recorded. Land the stream again; report it if this returns.",
        )
    return record


def reconcile(
    receipt: Mapping[str, Any], anchors: Mapping[str, Any], anchors_digest: str
) -> list[str]:
    """Return everything in which a receipt does not add up to its anchors; empty when it does."""
    findings = []
    for name, expected in (
        ("run_id", anchors["run_id"]),
        ("config_digest", anchors["config_digest"]),
        ("anchors_digest", anchors_digest),
    ):
        if receipt[name] != expected:
            findings.append(f"{name} is {receipt[name]}, not {expected}")
    landed = Counter(_key(part) for part in receipt["partitions"])
    pinned = Counter(_key(part) for part in anchored_partitions(anchors, receipt["stream"]))
    findings += [
        f"partition {key[0]} [{key[1]}, {key[2]}) was not landed" for key in pinned - landed
    ]
    findings += [
        f"partition {key[0]} [{key[1]}, {key[2]}) was not pinned" for key in landed - pinned
    ]
    for part in receipt["partitions"]:
        gaps = sum(int(gap["end"]) - int(gap["start"]) for gap in part["gaps"])
        if part["delivered"] + gaps != int(part["end"]) - int(part["start"]):
            findings.append(
                f"partition {part['partition']}: delivered {part['delivered']} and gaps {gaps} are "
                f"not {part['end']} - {part['start']}"
            )
    counts = {
        "partitions": sum(part["delivered"] for part in receipt["partitions"]),
        "parts": sum(part["rows"] for part in receipt["parts"]),
    }
    for name, count in counts.items():
        if count != receipt["delivered"]:
            findings.append(f"{name} hold {count} records, the receipt {receipt['delivered']}")
    return findings


def anchored_partitions(anchors: Mapping[str, Any], stream: str) -> list[dict[str, Any]]:
    """Return the anchored partitions of a stream.

    Raises:
        RuntimeError: the anchors name no such stream; the caller took it from elsewhere.
    """
    for anchored in anchors["streams"]:
        if anchored["stream"] == stream:
            partitions: list[dict[str, Any]] = anchored["partitions"]
            return partitions
    raise RuntimeError(f"anchors {anchors['run_id']} name no stream {stream}")


def require_same(
    thing: str, anchored: Sequence[Mapping[str, Any]], now: Mapping[str, Identity]
) -> None:
    """Require that the anchored partitions are still those that were pinned.

    Raises:
        ClusterChanged, StreamRecreated: another stream answers under the same name.
        SourceChanged: a partition is gone.
    """
    for part in anchored:
        name = f"{thing}, partition {part['partition']}"
        pinned, found = identity_of(part), now.get(part["partition"])
        if found is not None:
            check_same(name, pinned, found)
        elif part["start"] != part["end"]:  # one that was read to its end may be gone by now
            raise SourceChanged(
                name,
                expected="the partition that was pinned",
                found="none of that name",
                remedy="Point the stream to the source that was pinned, or restore it.",
            )


def _key(part: Mapping[str, Any]) -> tuple[str, int, int]:
    return part["partition"], int(part["start"]), int(part["end"])


def _merged(gaps: Sequence[Gap]) -> Iterator[_Span]:
    """Join gaps that touch; gaps that overlap stay apart and so match no hole."""
    low = high = None
    for gap in gaps:
        if low is not None and gap.start == high:
            high = gap.end
            continue
        if low is not None and high is not None:
            yield low, high
        low, high = gap.start, gap.end
    if low is not None and high is not None:
        yield low, high
