"""Joins in time, in memory and through files, against a loop over every row."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from platform_assets.adapters.external_sort import Room
from platform_assets.errors import MemoryExceeded, SpillExhausted
from platform_assets.truth.point_in_time import (
    Cut,
    KnownAt,
    PointInTime,
    UnsafeWithoutEffectiveCutoff,
    UnsafeWithoutKnowledgeCutoff,
    point_in_time,
    point_in_time_of_files,
)
from platform_assets_tests.truth.histories import START

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_INSTANT = pl.Datetime("us", "UTC")
_TARGETS = {"subject": pl.String(), "at": _INSTANT, "weight": pl.Int64()}
_FEATURES = {
    "subject": pl.String(),
    "effective_at": _INSTANT,
    "observed_at": _INSTANT,
    "window": pl.Int64(),
    "sequence": pl.Int64(),
    "amount": pl.Float64(),
}
_KNOWLEDGE = START + timedelta(hours=12)
_TOLERANCE = timedelta(hours=4)
_SAFE: list[Cut] = [
    PointInTime(),
    PointInTime(_TOLERANCE),
    KnownAt(_KNOWLEDGE),
    KnownAt(_KNOWLEDGE, _TOLERANCE),
]
_CUTS: list[Cut] = [
    *_SAFE,
    UnsafeWithoutKnowledgeCutoff(),
    UnsafeWithoutEffectiveCutoff(),
    UnsafeWithoutEffectiveCutoff(_TOLERANCE),
]


def _in_memory(targets: pl.DataFrame, features: pl.DataFrame, cut: Cut) -> pl.DataFrame:
    return point_in_time(targets.lazy(), features.lazy(), cut, moment="at", prefix="f_").collect()


def _room(folder: Path, **limits: int) -> Room:
    spill = folder / "spill" / "step"
    spill.mkdir(parents=True, exist_ok=True)
    return Room(**{"memory": 2**28, "threads": 2, **limits}, spill=spill)


@pytest.fixture(params=["in memory", "through files"])
def join(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., pl.DataFrame]:
    """Return a join whose rows come in the order of their weights, as the targets lie."""
    if request.param == "in memory":
        return _in_memory

    def through_files(targets: pl.DataFrame, features: pl.DataFrame, cut: Cut) -> pl.DataFrame:
        files = _written(tmp_path, targets, features)
        with point_in_time_of_files(
            *files, cut, moment="at", prefix="f_", room=_room(tmp_path)
        ) as batches:
            nothing = _in_memory(targets.clear(), features.clear(), cut)
            return pl.concat([nothing, *batches]).sort("weight")

    return through_files


def _written(
    folder: Path, targets: pl.DataFrame, features: pl.DataFrame
) -> tuple[list[Path], list[Path]]:
    """Write each side as two files."""
    sides = []
    for name, rows in (("targets", targets), ("features", features)):
        paths = [folder / f"{name}-{number}.parquet" for number in range(2)]
        rows[: rows.height // 3].write_parquet(paths[0])
        rows[rows.height // 3 :].write_parquet(paths[1])
        sides.append(paths)
    return sides[0], sides[1]


def _made(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    random = Random(seed)  # noqa: S311 - no secret

    def hour(last: int) -> datetime:
        return START + timedelta(hours=random.randint(0, last))

    subjects = [f"s{number}" for number in range(8)]
    targets = [
        (
            random.choice([*subjects, "unheard of", None]),
            random.choice([hour(30), hour(30), hour(30), None]),
            number,
        )
        for number in range(150)
    ]
    features = []
    for number in range(120):
        window = random.randint(0, 20)
        observed = START + timedelta(hours=window)  # often, after it was effective
        features.append(
            (random.choice(subjects), hour(24), observed, window, number, random.random())
        )
    random.shuffle(features)
    return (
        pl.DataFrame(targets, schema=_TARGETS, orient="row"),
        pl.DataFrame(features, schema=_FEATURES, orient="row"),
    )


def _may_use(cut: Cut, feature: dict[str, Any], at: datetime) -> bool:
    match cut:
        case PointInTime():
            return max(feature["effective_at"], feature["observed_at"]) <= at
        case KnownAt(knowledge):
            return feature["effective_at"] <= at and feature["observed_at"] <= knowledge
        case UnsafeWithoutKnowledgeCutoff():
            return bool(feature["effective_at"] <= at)
        case UnsafeWithoutEffectiveCutoff():
            return bool(feature["observed_at"] <= at)


def _expected(targets: pl.DataFrame, features: pl.DataFrame, cut: Cut) -> list[dict[str, Any]]:
    rows = []
    for target in targets.to_dicts():
        usable = [
            feature
            for feature in features.to_dicts()
            if target["at"] is not None
            and feature["subject"] == target["subject"]
            and _may_use(cut, feature, target["at"])
        ]
        usable.sort(key=lambda f: (f["effective_at"], f["observed_at"], f["window"], f["sequence"]))
        found = usable[-1] if usable else dict.fromkeys(_FEATURES)
        old = usable and cut.tolerance and target["at"] - found["effective_at"] > cut.tolerance
        rows.append(
            target | {f"f_{n}": None if old else found[n] for n in _FEATURES if n != "subject"}
        )
    return rows


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cut", _CUTS, ids=str)
def test_each_row_gets_what_counts_at_its_moment(
    seed: int, cut: Cut, join: Callable[..., pl.DataFrame]
) -> None:
    targets, features = _made(seed)
    found = join(targets, features, cut)
    assert found.to_dicts() == _expected(targets, features, cut)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cut", _SAFE, ids=str)
def test_a1_nothing_of_the_future_reaches_a_row(
    seed: int, cut: Cut, join: Callable[..., pl.DataFrame]
) -> None:
    targets, features = _made(seed)
    known_until = pl.lit(_KNOWLEDGE) if isinstance(cut, KnownAt) else pl.col("at")
    future = (pl.col("f_effective_at") > pl.col("at")) | (pl.col("f_observed_at") > known_until)
    found = join(targets, features, cut)
    assert found["f_amount"].is_not_null().any()
    assert found.filter(future).is_empty()
    # and what is learned later changes no row
    later = features.filter(pl.col("observed_at") > _KNOWLEDGE)
    assert later.height
    before = targets.filter(pl.col("at") <= _KNOWLEDGE)
    without = join(before, features.join(later, on="sequence", how="anti"), cut)
    assert_frame_equal(join(before, features, cut), without)


@pytest.mark.parametrize("seed", range(2))
def test_who_leaves_out_a_cutoff_does_leak(seed: int) -> None:
    targets, features = _made(seed)
    unknown = _in_memory(targets, features, UnsafeWithoutKnowledgeCutoff())
    assert unknown.filter(pl.col("f_observed_at") > pl.col("at")).height
    future = _in_memory(targets, features, UnsafeWithoutEffectiveCutoff())
    assert future.filter(pl.col("f_effective_at") > pl.col("at")).height


def test_what_comes_late_about_an_earlier_time_is_not_preferred(
    join: Callable[..., pl.DataFrame],
) -> None:
    hours = [START + timedelta(hours=hour) for hour in range(5)]
    features = pl.DataFrame(
        [("s", hours[1], hours[1], 1, 0, 1.0), ("s", hours[0], hours[2], 2, 0, 2.0)],
        schema=_FEATURES,
        orient="row",
    )
    targets = pl.DataFrame([("s", hours[3], 0)], schema=_TARGETS, orient="row")
    assert join(targets, features, PointInTime())["f_amount"].to_list() == [1.0]


@pytest.mark.parametrize("empty", ["targets", "features"])
def test_a_side_without_rows(empty: str, join: Callable[..., pl.DataFrame]) -> None:
    targets, features = _made(0)
    if empty == "targets":
        assert join(targets.clear(), features, PointInTime()).is_empty()
    else:
        found = join(targets, features.clear(), PointInTime(_TOLERANCE))
        assert found["f_amount"].to_list() == [None] * targets.height


def test_names_that_an_engine_takes_for_one_another_stay_apart(
    join: Callable[..., pl.DataFrame],
) -> None:
    targets, features = _made(1)
    cut = PointInTime(_TOLERANCE)
    plain = join(targets, features, cut)
    odd = {"Weight": pl.col("weight") * 2, "rank": pl.lit("t"), "c0": pl.lit(1.5)}
    both = join(
        targets.with_columns(**odd),
        features.with_columns(Amount=-pl.col("amount"), since=pl.lit("f")),
        cut,
    )
    assert_frame_equal(both.select(plain.columns), plain)
    assert both["Weight"].to_list() == (plain["weight"] * 2).to_list()
    assert both["f_Amount"].to_list() == (-plain["f_amount"]).to_list()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda t, f: (t.drop("at"), f), "the targets have no at"),
        (lambda t, f: (t, f.drop("observed_at")), "the features have no observed_at"),
        (lambda t, f: (t.with_columns(f_amount=1), f), "both have f_amount"),
    ],
)
def test_columns_that_are_missing_or_twice_are_mistakes(
    changed: Callable[..., tuple[pl.DataFrame, pl.DataFrame]],
    said: str,
    join: Callable[..., pl.DataFrame],
) -> None:
    with pytest.raises(ValueError, match=said):
        join(*changed(*_made(0)), PointInTime())


def test_a_knowledge_cutoff_is_an_instant() -> None:
    with pytest.raises(ValueError, match="time zone"):
        KnownAt(datetime(2026, 1, 1))  # noqa: DTZ001 - that it has no zone is the case


def _large(folder: Path) -> tuple[list[Path], list[Path]]:
    rows = 1_000_000
    number = pl.int_range(rows, eager=True)
    moments = (number * 7919 % 1_000_003 * 1_000_000).cast(_INSTANT)
    subjects = "card-" + (number * 31 % 50_021).cast(pl.String)
    targets = pl.DataFrame({"subject": subjects, "at": moments, "weight": number})
    features = targets.select(
        "subject",
        effective_at="at",
        observed_at=pl.col("at") + pl.duration(hours=1),
        window=pl.lit(1, pl.Int64),
        sequence="weight",
        amount=pl.col("weight").cast(pl.Float64),
    )
    return _written(folder, targets, features)


def test_what_does_not_fit_is_spilled_and_gives_the_same(tmp_path: Path) -> None:
    files = _large(tmp_path)
    amounts = []
    for memory in (2**30, 100 * 2**20):
        room = _room(tmp_path, memory=memory)
        with point_in_time_of_files(
            *files, PointInTime(), moment="at", prefix="f_", room=room
        ) as batches:
            joined = pl.concat(batch.select("weight", "f_sequence") for batch in batches)
        amounts.append(joined.sort("weight"))
    assert_frame_equal(*amounts)
    assert amounts[0].height == 1_000_000


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        ({"memory": 100 * 2**20, "spill_limit": 2**20}, SpillExhausted),
        ({"memory": 8 * 2**20}, MemoryExceeded),
    ],
)
def test_a_join_that_has_no_room_is_refused(
    limits: dict[str, int], refusal: type[Exception], tmp_path: Path
) -> None:
    files = _large(tmp_path)
    with (
        pytest.raises(refusal, match="Nothing was published"),
        point_in_time_of_files(
            *files, PointInTime(), moment="at", prefix="f_", room=_room(tmp_path, **limits)
        ) as batches,
    ):
        list(batches)
