"""What a history has to come to, judged from the feed's records and the ledger alone.

1. Windows tile: each shard goes on where the window before it ended, offset and name.
2. Receipts add up: every landing delivered end - start, without gaps, and that many rows are there.
3. Every acknowledged record is landed exactly once over all windows, at the place that Kinesis named;
   an ambiguous one at most once; nothing else at all.
4. Within each partition key the numbers rise, over windows and shards, in the order of landing.
5. A child is read in no window before the log knew each of its parents as ended.
6. Products hold the same records, each once.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from platform_assets.pipeline import open_product, runs
from platform_assets.pipeline.layout import landing_receipt_path, run_folder
from platform_assets.pipeline.records import read_record
from platform_assets_tests.resharding.traffic import Sent
from platform_assets_tests.resharding.traffic_home import FEED, PRODUCT, STREAM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline import Platform
    from platform_assets_tests.resharding.traffic import Ledger

    Windows = Mapping[str, list[dict[str, Any]]]

_KEPT = 20  # findings of one kind that are told


@dataclass
class Evidence:
    """What a feed recorded: by run, what was pinned, what the receipt says, and the rows themselves."""

    windows: dict[str, list[dict[str, Any]]]
    receipts: dict[str, list[dict[str, Any]]]
    rows: list[dict[str, Any]]
    products: list[Sent]


def evidence(platform: Platform) -> Evidence:
    """Return what the feed recorded of all its runs, rows in the order of landing."""
    every = runs(platform, FEED)
    receipts = {
        run: read_record(platform.store, landing_receipt_path(run, STREAM), "landing")
        for run in every
    }
    return Evidence(
        windows={str(run): platform.anchors(run)["streams"][0]["partitions"] for run in every},
        receipts={str(run): receipt["partitions"] for run, receipt in receipts.items()},
        rows=[row for run in every for row in _landed(platform, run, receipts[run])],
        products=[sent for run in every for sent in _product(platform, run)],
    )


def judge(found: Evidence, ledger: Ledger, parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return everything that is wrong; ``parents`` is what the server says of each shard."""
    return [
        *_tiling(found.windows),
        *_receipts(found),
        *_once(found.rows, ledger),
        *_order(found.rows),
        *_generations(found.windows, parents),
        *_products(found),
    ]


def _tiling(windows: Windows) -> list[str]:
    wrong = []
    ends: dict[str, tuple[int, str]] = {}
    for run, partitions in windows.items():
        for part in partitions:
            name, start = part["partition"], (part["start"], part.get("native_start", ""))
            before = ends.get(name, (0, start[1]))
            if start != before:
                wrong.append(
                    f"1: {run} takes {name} from {start}, the one before ended at {before}"
                )
            ends[name] = (part["end"], part.get("native_end", ""))
    return wrong[:_KEPT]


def _receipts(found: Evidence) -> list[str]:
    wrong = []
    for run, partitions in found.windows.items():
        pinned = {part["partition"]: part["end"] - part["start"] for part in partitions}
        landed = {part["partition"]: part["delivered"] for part in found.receipts[run]}
        if landed != pinned or any(part["gaps"] for part in found.receipts[run]):
            wrong.append(f"2: {run} pinned {pinned}, and landed {landed}")
    pinned_in_all: Counter[str] = Counter()
    for part in chain(*found.windows.values()):
        pinned_in_all[part["partition"]] += part["end"] - part["start"]
    rows = Counter(row["partition"] for row in found.rows)
    if rows != pinned_in_all:
        wrong.append(f"2: {dict(pinned_in_all)} were pinned in all, there are rows {dict(rows)}")
    return wrong


def _once(rows: list[dict[str, Any]], ledger: Ledger) -> list[str]:
    times = Counter(_sent(row) for row in rows)
    acknowledged, ambiguous = set(ledger.acknowledged), ledger.ambiguous
    wrong = [f"3: {sent} was acknowledged and is not landed" for sent in acknowledged - set(times)]
    wrong += [f"3: {sent} is landed {count} times" for sent, count in times.items() if count > 1]
    wrong += [f"3: nobody sent {sent}" for sent in set(times) - acknowledged - ambiguous]
    for row in rows:
        place = ledger.acknowledged.get(_sent(row))
        if place and (row["partition"], row["native"]) != (place.shard, f"{place.sequence}/0"):
            found = f"{row['partition']} {row['native']}"
            wrong.append(f"3: {_sent(row)} was acknowledged at {place} and landed at {found}")
    return wrong[:_KEPT]


def _order(rows: list[dict[str, Any]]) -> list[str]:
    last: dict[str, int] = defaultdict(lambda: -1)
    wrong = []
    for row in rows:
        sent = _sent(row)
        if sent.number <= last[sent.key]:
            wrong.append(f"4: {sent} comes after number {last[sent.key]}")
        last[sent.key] = sent.number
    return wrong[:_KEPT]


def _generations(windows: Windows, parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    ended: set[str] = set()
    wrong = []
    for run, partitions in windows.items():
        for part in partitions:
            name = part["partition"]
            early = set(parents[name]) - ended
            if early:
                wrong.append(f"5: {run} has {name} before its parents {sorted(early)} ended")
            if name in ended and part["start"] != part["end"]:
                wrong.append(f"5: {run} takes records of {name}, which had ended")
        ended |= {part["partition"] for part in partitions if part.get("ended")}
    return wrong[:_KEPT]


def _products(found: Evidence) -> list[str]:
    landed = Counter(_sent(row) for row in found.rows)
    held = Counter(found.products)
    return [] if held == landed else [f"6: products differ by {(held - landed) | (landed - held)}"]


def _landed(platform: Platform, run: RunId, receipt: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = [f"{run_folder(run)}/{part['path']}" for part in receipt["parts"]]
    parts = [pq.read_table(platform.store.local_path(name)) for name in names]
    return [row for part in parts for row in part.to_pylist()]


def _product(platform: Platform, run: RunId) -> list[Sent]:
    rows = open_product(platform, run, PRODUCT).scan().collect()
    return [Sent(key, number) for key, number in rows.select("key", "number").iter_rows()]


def _sent(row: dict[str, Any]) -> Sent:
    event = json.loads(row["value"])
    assert row["key"].decode() == event["key"]
    return Sent(event["key"], event["number"])
