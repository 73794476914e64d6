"""What all contenders read: a generated log of card authorisations, of any size.

The generator of the payments example holds a whole recipe in memory. A large log is therefore made of
shards, each of a seed of its own, and joined: the segments of a shard follow those of the shard before
in every partition, under the offsets that come next. Ids are random UUIDs, so that shards share none;
were two equal, the counts of the ledgers would not be met, and every contender is held to them.

The log holds repetitions of events and no other faults, because dlt stops at a line that is no JSON and
the unchecked peers at a value of another type. Every segment is compressed with zstd, so that a hundred
million events take 5 GB and not 33. Event times start again with every shard.
"""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import zstandard

from benchmarks.feed import STREAM
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.examples.segments import write_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from platform_assets.examples.payments.plant import StreamPlant

SHARD_EVENTS = 5_000_000
#: Good events come to 97 percent authorisations, the rest are reversals, which nobody reads here.
_AUTHORISATIONS_PERCENT = 97
_REPEATED_PER_10_000 = 50
_EVENTS_PER_ACCOUNT = 40
_COUNTS = "counts.json"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a log holds, by the generator's ledger."""

    delivered: int
    admitted: int
    duplicate: int


def write_input(folder: Path, events: int, made: Callable[[int], None] = lambda _: None) -> Counts:
    """Write a log of about so many authorisations below the folder; one that is there stays.

    Args:
        folder: gets ``log/`` and ``counts.json``, the latter when all else is there.
        events: how many; the log has a hundredth of a percent more.
        made: called with the number of events of each shard that was made.
    """
    ledger = folder / _COUNTS
    if not ledger.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        offsets: dict[str, int] = {}
        counts = Counts(0, 0, 0)
        for seed, shard in enumerate(_shards(events), start=1):
            plant = _write_shard(folder / "shard", shard, seed, events // _EVENTS_PER_ACCOUNT)
            _join(folder / "shard" / STREAM, folder / "log", offsets)
            offsets = _after(offsets, plant)
            shutil.rmtree(folder / "shard")
            total = plant.total
            counts = Counts(
                counts.delivered + total.delivered,
                counts.admitted + total.admitted,
                counts.duplicate + total.duplicate,
            )
            made(shard)
        ledger.write_text(json.dumps(asdict(counts)) + "\n")
    return Counts(**json.loads(ledger.read_text()))


def segments(folder: Path) -> list[Path]:
    """Return the segments of the log below the folder, partition by partition."""
    return sorted((folder / "log" / STREAM).rglob("*.ndjson.zst"))


def lines(segment: Path) -> Iterator[bytes]:
    """Yield the records of a segment, each with its line feed."""
    with (
        segment.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as plain,
        io.BufferedReader(plain) as lines,  # type: ignore[type-var] # it is a RawIOBase at run time
    ):
        yield from lines


def write_slice(folder: Path, target: Path, records: int) -> int:
    """Write the first records of the log to one plain file; return how many there were."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("wb") as out:
        for segment in segments(folder):
            for line in lines(segment):
                if written == records:
                    return written
                out.write(line)
                written += 1
    return written


def _shards(events: int) -> Iterator[int]:
    for start in range(0, events, SHARD_EVENTS):
        yield min(SHARD_EVENTS, events - start)


def _write_shard(folder: Path, events: int, seed: int, accounts: int) -> StreamPlant:
    recipe = Recipe(
        records=events * 100 // _AUTHORISATIONS_PERCENT,
        seed=seed,
        accounts=max(50, accounts),
        faults={STREAM: {"copy_near": events * _REPEATED_PER_10_000 // 10_000}},
    )
    return write_log(folder, recipe).streams[STREAM]


def _join(shard: Path, log: Path, offsets: dict[str, int]) -> None:
    """Move the shard's segments into the log, compressing those that are not."""
    for path in sorted(shard.rglob("*.ndjson*")):
        partition = path.parent.name
        base = int(path.name.partition(".")[0]) + offsets.get(partition, 0)
        if path.suffix == ".zst":
            target = log / STREAM / partition / f"{base:020d}.ndjson.zst"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        else:
            write_segment(log, STREAM, partition, base, path.read_bytes(), zstd=True)


def _after(offsets: dict[str, int], plant: StreamPlant) -> dict[str, int]:
    return {
        partition: offsets.get(partition, 0) + tally.delivered
        for partition, tally in plant.partitions.items()
    }
