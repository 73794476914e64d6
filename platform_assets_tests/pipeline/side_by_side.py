"""A feed whose windows go side by side, and what becomes of its records, in plain Python."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, land, layout, pin
from platform_assets.pipeline.admitted_rows import open_admitted
from platform_assets.pipeline.records import read_record
from platform_assets_tests.shop import append, make_shop, redeclare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

EVENTS = {"x": "cancelled", "r": "refunded"}
#: Of each run, by number, what its window holds.
Windows = list[list[dict[str, Any]]]


def parallel_shop(
    home: Path, *, horizon: int = 3, parallel: int = 4, change: Callable[[Any], None] | None = None
) -> Path:
    """Write a shop without history whose windows go side by side; no records are there yet."""
    make_shop(home, orders=0)

    def declared(feed: Any) -> None:
        del feed["streams"]["orders"], feed["products"]["orders"], feed["consumers"]
        feed["products"]["refunds"]["checks"].pop()
        feed["window"]["parallel"] = parallel
        feed["dedupe"]["horizon_runs"] = horizon
        if change is not None:
            change(feed)

    redeclare(home, declared)
    return home


def land_windows(home: Path, windows: Windows) -> list[RunId]:
    """Append, pin and land one window after the other."""
    platform, found = Platform.open(home), []
    for records in windows:
        append(home, "changes", 0, records)
        run = pin(platform, "shop")
        assert run is not None
        land(platform, run, "changes")
        found.append(run)
    return found


def settled_order(home: Path, stream: str = "changes") -> list[RunId]:
    """Return the runs in the order of the settlement log."""
    store = Platform.open(home).store
    paths = store.list(layout.settlement_log("shop", stream))
    return [RunId.parse(read_record(store, p, "settlement")["run_id"]) for p in paths]


def expected(
    windows: Windows, order: Sequence[RunId], horizon: int
) -> dict[int, dict[str, list[Any]]]:
    """Say what becomes of each record when runs are settled in an order, one record at a time.

    Of each run, by number: admitted offsets; duplicates as offset, id, run and offset of the first;
    offsets of mismatches.
    """
    offsets, begin = {}, 0
    for number, records in enumerate(windows, 1):
        offsets[number] = range(begin, begin + len(records))
        begin += len(records)
    admitted: list[tuple[int, dict[str, Any], int]] = []
    outcome: dict[int, dict[str, list[Any]]] = {}
    for run in order:
        number = run.sequence
        firsts: dict[str, tuple[int | None, dict[str, Any], int]] = {}
        for other, record, offset in admitted:
            if abs(other - number) <= horizon:
                firsts.setdefault(record["id"], (other, record, offset))
        found: dict[str, list[Any]] = {"admitted": [], "duplicates": [], "mismatches": []}
        for offset, record in zip(offsets[number], windows[number - 1], strict=True):
            first = firsts.get(record["id"])
            if first is None:
                firsts[record["id"]] = (None, record, offset)
                admitted.append((number, record, offset))
                found["admitted"].append(offset)
            elif first[1] == record:
                where = None if first[0] is None else str(RunId("shop", first[0]))
                found["duplicates"].append((offset, record["id"], where, first[2]))
            else:
                found["mismatches"].append(offset)
        outcome[number] = found
    return outcome


def decided(home: Path, run: RunId, into: Path) -> dict[str, list[Any]]:
    """Return what the receipt of a run and its parts say, in the form of `expected`."""
    platform = Platform.open(home)
    receipt: Mapping[str, Any] = {}
    admitted: list[int] = []
    for event in EVENTS.values():
        receipt, rows = open_admitted(platform, run, "changes", event, into)
        accepted = [pl.read_parquet(path)["_offset"].to_list() for path in rows.accepted]
        gone = {o for path in rows.excluded for o in pl.read_parquet(path)["_offset"].to_list()}
        kept = [offset for part in accepted for offset in part if offset not in gone]
        assert len(kept) == rows.rows
        admitted += kept
    folder = home / "store" / "runs" / str(run)

    def table(name: str, columns: Sequence[str]) -> list[Any]:
        parts = [pl.read_parquet(folder / part["path"]) for part in receipt[name]["parts"]]
        return [row for part in parts for row in part.select(columns).iter_rows()]

    return {
        "admitted": sorted(admitted),
        "duplicates": table("duplicates", ["_offset", "event_id", "first_run", "first_offset"]),
        "mismatches": [offset for (offset,) in table("quarantine", ["_offset"])],
    }


def ids_of(windows: Windows) -> set[str]:
    """Return every id that the windows hold."""
    return {json.loads(json.dumps(record))["id"] for records in windows for record in records}
