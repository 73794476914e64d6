"""The ledger of a sending: what became of each record, and the digest of what was acknowledged."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.errors import PlatformError, RecordsRefused, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.ports.sinks import SendReport, Trouble


@dataclass(slots=True)
class Places:
    """Where the records stand that were taken, by their numbers."""

    firsts: list[int] = field(default_factory=list)
    chunks: list[tuple[str, int]] = field(default_factory=list)

    def note(self, number: int, place: str, first: int) -> None:
        """Note that a chunk begins with the record of this number, which is ``first`` at a place."""
        self.firsts.append(number)
        self.chunks.append((place, first))

    def of(self, number: int) -> str:
        """Return where a record stands."""
        at = bisect_right(self.firsts, number) - 1
        place, first = self.chunks[at]
        return f"{place} {first + number - self.firsts[at]}"


@dataclass(frozen=True, kw_only=True)
class StreamLedger:
    """What became of the records that were taken for one stream.

    Attributes:
        stream: its declared name.
        kind: the kind of stream.
        topic: its name where it is.
        taken: how many records were taken from the supply.
        complete: whether that was all of them.
        report: what the sink said of each.
        digest: the digest of the acknowledged values.
        places: where the taken records stand in what was sent.
        error: what ended the sending, or the supply.
    """

    stream: str
    kind: str
    topic: str
    taken: int
    complete: bool
    report: SendReport
    digest: str
    places: Places
    error: PlatformError | None = None

    def as_json(self, most: int | None = None) -> dict[str, Any]:
        """Return the ledger as values, with at most so many of the unacknowledged records."""
        report = self.report
        return {
            "kind": self.kind,
            "topic": self.topic,
            "complete": self.complete,
            "sent": self.taken,
            "acknowledged": {"total": report.total, "partitions": dict(report.acknowledged)},
            "ambiguous": self._troubles(report.ambiguous, most),
            "refused": self._troubles(report.refused, most),
            "digest": self.digest,
            "error": self.error.as_json() if self.error else None,
        }

    def _troubles(self, troubles: tuple[Trouble, ...], most: int | None) -> dict[str, Any]:
        listed = [
            {"number": number, "place": self.places.of(number), "reason": reason}
            for number, reason in troubles[:most]
        ]
        return {"total": len(troubles), "records": listed}

    def where(self, troubles: tuple[Trouble, ...]) -> str:
        """Say how many records these are, and where."""
        first, last = troubles[0].number, troubles[-1].number
        places = self.places.of(first)
        if last != first:
            places += f" to {self.places.of(last)}"
        return f"{len(troubles):,} for {self.stream} ({places}): {troubles[0].reason}"


@dataclass(frozen=True)
class Ledger:
    """What became of everything that was to be sent."""

    feed: str
    streams: Mapping[str, StreamLedger]
    interrupted: bool

    def as_json(self, most: int | None = None) -> dict[str, Any]:
        """Return the ledger as values; see `StreamLedger.as_json`."""
        reports = [stream.report for stream in self.streams.values()]
        return {
            "feed": self.feed,
            "interrupted": self.interrupted,
            "totals": {
                "sent": sum(stream.taken for stream in self.streams.values()),
                "acknowledged": sum(report.total for report in reports),
                "ambiguous": sum(len(report.ambiguous) for report in reports),
                "refused": sum(len(report.refused) for report in reports),
            },
            "streams": {name: stream.as_json(most) for name, stream in self.streams.items()},
        }

    def failure(self) -> PlatformError | None:
        """Return why not everything was acknowledged; what is not known comes first."""
        streams = self.streams.values()
        ambiguous = [s.where(s.report.ambiguous) for s in streams if s.report.ambiguous]
        if ambiguous:
            return UnknownOutcome(
                f"records of {self.feed}",
                expected="an acknowledgement of each",
                found=ambiguous,
                remedy="They may stand in the stream or not. Look before sending them again; what is "
                "sent twice is admitted once and counted as duplicate. --ledger FILE lists them.",
            )
        for stream in streams:
            if stream.error is not None:
                return stream.error
        refused = [s.where(s.report.refused) for s in streams if s.report.refused]
        if refused:
            return RecordsRefused(
                f"records of {self.feed}",
                expected="streams that take each",
                found=refused,
                remedy="Those do not stand in the stream. --ledger FILE lists them.",
            )
        if self.interrupted:
            return UnknownOutcome(
                f"records of {self.feed}",
                expected="to send all of them",
                found="an interruption; what was sent by then is acknowledged",
                remedy="Send the rest: the ledger says how many were sent.",
            )
        return None
