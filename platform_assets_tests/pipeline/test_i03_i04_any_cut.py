"""I3 and I4 whatever the cut: parts, buckets and workers change nothing of what admission decides.

What it decides is said once more here, in plain Python: the first of an identity by landing order
stands, a repeat with the same content is a duplicate, one with other content is quarantined with its
raw bytes, and what an earlier run admitted stands before everything.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from platform_assets.adapters import hash_buckets, judged_parts, landing_parts
from platform_assets.errors import WorkerLost
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, admitted_parts, finish, land, next_run, pin
from platform_assets.pipeline.admitted_rows import open_admitted
from platform_assets_tests.shop import append, cancelled, make_shop, refunded

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.judged_parts import JudgedPart, JudgedStream, LandedPart

SECOND = RunId("shop", 2)
#: Of these, the first run has admitted x-0, x-10 and r-5, as they are without changes.
RECORD = st.sampled_from(
    [
        *(cancelled(number, why=why) for number in (0, 1, 10) for why in (None, "a")),
        *(refunded(number, cents=cents) for number in (1, 5) for cents in (50, 51)),
        *(b"{", b"", cancelled(0, why=7)),
    ]
)
PARTITIONS = st.tuples(st.lists(RECORD, max_size=14), st.lists(RECORD, max_size=14)).filter(any)
AGAIN = [cancelled(0), refunded(5)] * 4
ONE_ID = [cancelled(1), cancelled(1), cancelled(1, why="a")] * 7
STEP = importlib.import_module("platform_assets.pipeline.judging")
EVENTS = {"x": "cancelled", "r": "refunded"}


@pytest.fixture(scope="module")
def first_closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = make_shop(tmp_path_factory.mktemp("closed") / "home")
    (home / "platform.yaml").write_text("revision: shop\ncores: 2\n")
    platform = Platform.open(home)
    first = next_run(platform, "shop")
    assert first is not None
    finish(platform, first)
    return home


def landed(home: Path, into: Path, partitions: tuple[list[Any], list[Any]]) -> Path:
    """Return a copy of a home with a second window pinned and landed."""
    shutil.copytree(home, into)
    for number, records in enumerate(partitions):
        append(into, "changes", number, records)
    platform = Platform.open(into)
    assert pin(platform, "shop") == SECOND
    land(platform, SECOND, "changes")
    return into


def decided(home: Path, receipt: dict[str, Any], into: Path) -> dict[str, list[Any]]:
    """Return what admission has decided on each record, by position."""
    platform = Platform.open(home)
    folder = home / "store" / "runs" / str(SECOND)
    place = ["_partition", "_offset"]
    rows = []
    for event in EVENTS.values():
        into_event = into / event
        into_event.mkdir()
        _, given_rows = open_admitted(platform, SECOND, "changes", event, into_event)
        accepted = [pl.read_parquet(path).select(place) for path in given_rows.accepted]
        excluded = [pl.read_parquet(path).select(place) for path in given_rows.excluded]
        admitted = pl.concat(accepted) if accepted else pl.DataFrame(schema=dict.fromkeys(place))
        for each in excluded:
            admitted = admitted.join(each, on=place, how="anti")
        assert admitted.height == given_rows.rows
        rows += admitted.rows()

    def table(name: str, columns: list[str]) -> list[Any]:
        parts = [pl.read_parquet(folder / part["path"]) for part in receipt[name]["parts"]]
        return [row for part in parts for row in part.select(columns).iter_rows()]

    firsts = ["event", "event_id", "first_run", "first_partition", "first_offset"]
    codes = pl.col("reasons").list.eval(pl.element().struct.field("code"))
    quarantine = [
        row
        for part in receipt["quarantine"]["parts"]
        for row in pl.read_parquet(folder / part["path"]).select(*place, "value", codes).iter_rows()
    ]
    return {
        "admitted": sorted(rows),
        "duplicates": table("duplicates", [*place, *firsts]),
        "quarantine": quarantine,
    }


def expected(partitions: tuple[list[Any], list[Any]]) -> dict[str, list[Any]]:
    """Say what I3 and I4 say, one record at a time."""
    before = [*(cancelled(n) for n in range(0, 100, 10)), *(refunded(n) for n in range(5, 100, 10))]
    first: dict[str, tuple[Any, str | None, str, int]] = {
        r["id"]: (r, "shop-00000001", "0", offset) for offset, r in enumerate(before)
    }
    found: dict[str, list[Any]] = {"admitted": [], "duplicates": [], "quarantine": []}
    for number, records in enumerate(partitions):
        for offset, record in enumerate(records, len(before) if number == 0 else 0):
            at = (str(number), offset)
            raw = record if isinstance(record, bytes) else json.dumps(record).encode()
            if isinstance(record, bytes):
                found["quarantine"].append((*at, raw, ["INVALID_JSON" if raw else "EMPTY_RECORD"]))
            elif record.get("why") == 7:
                found["quarantine"].append((*at, raw, ["WRONG_TYPE"]))
            elif record["id"] not in first:
                first[record["id"]] = (record, None, *at)
                found["admitted"].append(at)
            else:
                standing, *where = first[record["id"]]
                if standing == record:
                    named = (EVENTS[record["id"][0]], record["id"])
                    found["duplicates"].append((*at, *named, *where))
                else:
                    found["quarantine"].append((*at, raw, ["PAYLOAD_MISMATCH"]))
    return found


def cut(patch: pytest.MonkeyPatch, *, rows: int, memory: int) -> None:
    """Land parts of so many rows, and settle in so little memory."""
    patch.setattr(landing_parts, "PART_ROWS", rows)
    patch.setattr(STEP, "_SHARE", 2 * 1024**3 // memory)
    patch.setattr(hash_buckets, "_JOINED_AT_LEAST", 2)


@given(
    partitions=PARTITIONS,
    rows=st.sampled_from([1, 3, 1000]),
    memory=st.sampled_from([1, 2048, 2**28]),
)
@example(partitions=(ONE_ID, ONE_ID), rows=1, memory=1)
@example(partitions=(ONE_ID, []), rows=1000, memory=2048)
@example(partitions=([b"{"] * 9, [b""] * 9), rows=3, memory=1)
@example(partitions=(AGAIN, AGAIN), rows=3, memory=1)
@settings(max_examples=12, deadline=None)
def test_i03_i04_any_cut_into_parts_and_buckets_decides_the_same(
    partitions: tuple[list[Any], list[Any]], rows: int, memory: int,
    first_closed: Path, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch:
        cut(patch, rows=rows, memory=memory)
        home = landed(first_closed, folder / "home", partitions)
        receipt = admit(Platform.open(home), SECOND, "changes")
    assert decided(home, receipt, folder) == expected(partitions)
    shutil.rmtree(folder)


@pytest.mark.parametrize("memory", [2048, 2**28])
def test_i04_two_workers_write_the_receipt_of_one(
    memory: int, first_closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitions = ([*AGAIN, *ONE_ID, b"{"], [*ONE_ID, refunded(1), b"", *AGAIN])
    cut(monkeypatch, rows=4, memory=memory)
    alone = landed(first_closed, tmp_path / "alone", partitions)
    shutil.copytree(alone, tmp_path / "together")
    receipt = admit(Platform.open(alone), SECOND, "changes")
    assert decided(alone, receipt, tmp_path) == expected(partitions)
    monkeypatch.setattr(STEP, "_WORTH_A_WORKER", 1)
    assert admit(Platform.open(tmp_path / "together"), SECOND, "changes") == receipt


def dies_once(stream: JudgedStream, part: LandedPart) -> JudgedPart:
    """Judge, but for the third part, at which the worker is killed the first time."""
    mark = stream.task.scratch.parents[2] / "killed"
    if part.number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return judged_parts.judge_part(stream, part)


def test_i15_a_worker_that_is_killed_records_nothing_and_the_next_attempt_is_as_without(
    first_closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitions = ([*AGAIN, *ONE_ID, b"{"], [*ONE_ID, refunded(1)])
    cut(monkeypatch, rows=6, memory=2**28)
    monkeypatch.setattr(STEP, "_WORTH_A_WORKER", 1)
    home = landed(first_closed, tmp_path / "home", partitions)
    shutil.copytree(home, tmp_path / "undisturbed")
    with monkeypatch.context() as patch:
        patch.setattr(admitted_parts, "judge_part", dies_once)
        with pytest.raises(WorkerLost):
            admit(Platform.open(home), SECOND, "changes")
        assert not (home / "store" / "runs" / str(SECOND) / "admission" / "changes.json").exists()
        assert (home / "killed").exists()
        assert list((home / "scratch").iterdir()) == []
    receipt = admit(Platform.open(home), SECOND, "changes")
    assert receipt == admit(Platform.open(tmp_path / "undisturbed"), SECOND, "changes")
    assert decided(home, receipt, tmp_path) == expected(partitions)
