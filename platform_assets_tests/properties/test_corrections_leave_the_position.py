"""Whatever shards do and whichever runs are corrected, the windows are those without corrections.

Shards have native names, end for good and are followed by others that name them as parents, as those of
Kinesis do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.contracts.records import check_record
from platform_assets.flow.anchors import Range, StreamSeen, anchors_record, verify_chain
from platform_assets.flow.continuity import position_of, position_seen_at
from platform_assets.flow.corrections import Superseded, correction_record
from platform_assets.flow.positions import known_of, waiting_ranges
from platform_assets.ports.streams import Entry, Extent, Identity, Position

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64
STREAM = Identity("account", "stream")


@dataclass
class Shards:
    """The shards of a stream: how far each reaches, and which have ended."""

    ends: dict[str, int] = field(default_factory=lambda: {"s0": 0})
    ended: set[str] = field(default_factory=set)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def grow(self, which: int, records: int) -> None:
        live = [name for name in self.ends if name not in self.ended]
        self.ends[live[which % len(live)]] += records

    def split(self, which: int) -> None:
        live = [name for name in self.ends if name not in self.ended]
        parent = live[which % len(live)]
        self.ended.add(parent)
        for _ in range(2):
            name = f"s{len(self.ends)}"
            self.ends[name] = 0
            self.parents[name] = (parent,)

    def seen(self, before: dict[str, Any] | None) -> StreamSeen:
        """Return what a look shows: a shard enters once the anchors say that its parents ended."""
        known = position_of(before) if before else {}
        taken = {name for (_, name), part in known.items() if part.get("ended")}
        extents = [
            Extent(
                name,
                0,
                end,
                STREAM,
                ended=name in self.ended,
                parents=self.parents.get(name, ()),
                facts={"seen": f"{name} {end}"},
                entry=Entry(position=Position(0, f"{name}-0"), origin="parent"),
            )
            for name, end in self.ends.items()
            if ("events", name) in known or set(self.parents.get(name, ())) <= taken
        ]
        return StreamSeen(stream="events", kind="kinesis", start="earliest", extents=extents)


def pinned(shards: Shards, before: dict[str, Any] | None, moment: datetime) -> dict[str, Any]:
    seen = shards.seen(before)
    window = [_named(part) for part in waiting_ranges("shop", [seen], before)]
    return anchors_record("shop", [seen], window, before, pinned_at=moment, config_digest=DIGEST)


def _named(part: Range) -> Range:
    native = part.native_start if part.start == part.end else f"{part.partition}-{part.end}"
    return replace(part, native_end=native)


act = (
    st.tuples(st.just("grow"), st.integers(0, 5), st.integers(1, 9))
    | st.tuples(st.just("split"), st.integers(0, 5), st.just(0))
    | st.tuples(st.just("pin"), st.just(0), st.just(0))
    | st.tuples(st.just("correct"), st.integers(0, 9), st.just(0))
)


@settings(max_examples=150, deadline=None)
@given(acts=st.lists(act, min_size=3, max_size=30))
def test_i01_windows_are_those_without_corrections(acts: list[tuple[str, int, int]]) -> None:
    shards = Shards()
    log: list[dict[str, Any]] = []
    plain: list[dict[str, Any]] = []
    moment = NOW
    for kind, which, records in [*acts, ("correct", 0, 0), ("pin", 0, 0)]:
        moment += timedelta(seconds=1)
        if kind == "grow":
            shards.grow(which, records)
        elif kind == "split":
            shards.split(which)
        elif kind == "pin":
            log.append(pinned(shards, log[-1] if log else None, moment))
            plain.append(pinned(shards, plain[-1] if plain else None, moment))
        elif log:
            superseded = Superseded(log[which % len(log)], DIGEST)
            record = correction_record(
                superseded, log[-1], "why", pinned_at=moment, config_digest=DIGEST
            )
            log.append(record)
            assert record["streams"] == superseded.anchors["streams"]
        if log and plain:
            assert known_of(log[-1], "events") == known_of(plain[-1], "events")
            assert position_seen_at(log[-1]) == plain[-1]["pinned_at"]

    verify_chain(log)
    for record in log:
        check_record(record, "anchors")
    windows = [record for record in log if "supersedes" not in record]
    assert [record["streams"] for record in windows] == [record["streams"] for record in plain]
    taken: dict[str, int] = {}
    for record in windows:
        for part in record["streams"][0]["partitions"]:
            assert part["start"] == taken.get(part["partition"], 0)
            taken[part["partition"]] = part["end"]
