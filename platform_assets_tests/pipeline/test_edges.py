"""The edges of what a run may meet: nothing, one, everything bad, odd names and odd places."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from platform_assets.errors import ConsumerFailed, DependencyUnreachable
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    caught_up,
    export_run,
    open_product,
    pin,
    publish,
    run_details,
    run_summary,
    verify_bundle,
    verify_run,
)
from platform_assets.pipeline.run import Silence
from platform_assets_tests.shop import append, cancelled, make_shop, order, redeclare, refunded

ODD_TEXTS = [
    "Ω",
    "日本",
    "👩‍👩‍👧",
    "e\u0301",
    "é",
    "a\u0000b",
    "\u202egnp",
    "",
    " ",
    "'; --",
    "\u2028",
    "\U0010ffff",
]
ODD_PLACES = [
    "a home",
    "it's",
    'so "called"',
    "a[1]",
    "[ab]",
    "a*b?",
    "{x,y}",
    "100%",
    "a#b",
    "déjà vu Ω",
    "back\\slash",
    "$HOME",
    "~",
    "-rf",
    "a;b&c|d",
    "year=2026",
]


def close_all(home: Path) -> list[RunId]:
    platform = Platform.open(home)
    return [RunId.parse(done["run_id"]) for done in caught_up(platform, "shop", Silence())]


def every_product(home: Path, run: RunId) -> dict[str, pl.DataFrame]:
    platform = Platform.open(home)
    names = platform.feed("shop").outputs()
    return {name: open_product(platform, run, name).scan().collect() for name in names}


def counts(home: Path, run: RunId) -> tuple[int, int, int, int]:
    summary = run_summary(Platform.open(home), run)
    return tuple(summary[k] for k in ("delivered", "admitted", "duplicate", "quarantined"))  # type: ignore[return-value]


def emptied(home: Path) -> Path:
    """Take every record from the shop; its logs stay."""
    for path in (home / "data").rglob("*.ndjson"):
        path.write_bytes(b"")
    return home


# --- little and nothing ---------------------------------------------------------------------------


def test_nothing_new_pins_nothing_and_changes_nothing(closed_shop: Path) -> None:
    before = sorted((closed_shop / "store").rglob("*"))
    platform = Platform.open(closed_shop)
    assert pin(platform, "shop") is None
    assert close_all(closed_shop) == []
    assert sorted((closed_shop / "store").rglob("*")) == before


def test_logs_without_a_record_give_no_run(tmp_path: Path) -> None:
    assert close_all(emptied(make_shop(tmp_path / "home"))) == []


def test_a_window_of_one_record_closes(tmp_path: Path) -> None:
    home = emptied(make_shop(tmp_path / "home"))
    append(home, "orders", 1, [order(1)])
    [run] = close_all(home)
    assert counts(home, run) == (1, 1, 0, 0)
    products = every_product(home, run)
    assert {name: frame.height for name, frame in products.items()} == {
        "orders": 1,
        "cancellations": 0,
        "refunds": 0,
        "turnover": 1,
    }
    assert verify_run(Platform.open(home), run).ok


def test_one_record_at_a_time_tiles_the_log(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=4)
    redeclare(home, lambda attributes: attributes["window"].update(max_records=1))
    runs = close_all(home)
    assert sum(counts(home, run)[0] for run in runs) == 4 + 1
    assert all(counts(home, run)[0] == 1 for run in runs)


def test_a_stream_without_events_in_this_run_makes_products_without_rows(
    closed_shop: Path,
) -> None:
    append(closed_shop, "changes", 0, [cancelled(900)])
    [run] = close_all(closed_shop)
    products = every_product(closed_shop, run)
    first = every_product(closed_shop, RunId("shop", 1))
    assert products["orders"].height == products["turnover"].height == 0
    assert {n: frame.schema for n, frame in products.items()} == {
        n: frame.schema for n, frame in first.items()
    }
    assert verify_run(Platform.open(closed_shop), run).ok


def test_a_file_that_grows_is_taken_up_where_it_was_left(closed_shop: Path) -> None:
    log = closed_shop / "data" / "shop" / "orders" / "0" / f"{0:020d}.ndjson"
    with log.open("ab") as file:
        file.write(json.dumps(order(900)).encode() + b"\n" + json.dumps(order(901)).encode()[:20])
    [second] = close_all(closed_shop)
    assert counts(closed_shop, second) == (1, 1, 0, 0)
    with log.open("ab") as file:
        file.write(json.dumps(order(901)).encode()[20:] + b"\n")
    [third] = close_all(closed_shop)
    assert every_product(closed_shop, third)["orders"]["order_id"].to_list() == ["o-901"]


def test_a_partition_that_appears_later_is_taken_from_its_beginning(closed_shop: Path) -> None:
    append(closed_shop, "orders", 7, [order(900), order(901)])
    [run] = close_all(closed_shop)
    assert every_product(closed_shop, run)["orders"]["_partition"].to_list() == ["7", "7"]


# --- all of it bad --------------------------------------------------------------------------------


def test_a_run_of_nothing_but_bad_records_closes_and_keeps_each(tmp_path: Path) -> None:
    home = emptied(make_shop(tmp_path / "home"))
    bad = [b"", b"null", b"{", b"\xff\xfe", b'{"order_id": 1}', b"[]", b"\x00", b'{"a":1,"a":2}']
    append(home, "orders", 0, bad)
    append(home, "changes", 0, bad)
    [run] = close_all(home)
    assert counts(home, run) == (16, 0, 0, 16)
    assert all(frame.height == 0 for frame in every_product(home, run).values())
    for stream in ("orders", "changes"):
        folder = home / "store" / "runs" / str(run) / "admission" / stream / "quarantine"
        kept = pl.concat(pl.read_parquet(path) for path in sorted(folder.iterdir()))
        assert kept.sort("_offset")["value"].to_list() == bad
    assert verify_run(Platform.open(home), run).ok


def test_a_run_of_nothing_but_duplicates_closes(closed_shop: Path) -> None:
    append(closed_shop, "orders", 1, [order(n) for n in range(10)])
    [run] = close_all(closed_shop)
    assert counts(closed_shop, run) == (10, 0, 10, 0)
    assert every_product(closed_shop, run)["turnover"].is_empty()


# --- odd contents ---------------------------------------------------------------------------------


def test_text_of_any_script_survives_to_the_last_reader(tmp_path: Path) -> None:
    home = emptied(make_shop(tmp_path / "home"))
    append(home, "orders", 0, [order(n, customer=name) for n, name in enumerate(ODD_TEXTS)])
    [run] = close_all(home)
    products = every_product(home, run)
    assert sorted(products["orders"]["customer"]) == sorted(ODD_TEXTS)
    assert sorted(products["turnover"]["customer"]) == sorted(ODD_TEXTS)
    report = Path(run_summary(Platform.open(home), run)["report"])
    report.read_text(encoding="utf-8")
    assert verify_run(Platform.open(home), run).ok


# --- odd places -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD_PLACES)
def test_a_home_may_stand_anywhere(tmp_path: Path, name: str) -> None:
    home = make_shop(tmp_path / name / "home", orders=10)
    again = [order(1), order(3, cents=1), {"order_id": "none"}]  # what is set aside is spilled
    append(home, "orders", 1, again)
    [run] = close_all(home)
    platform = Platform.open(home)
    opened = open_product(platform, run, "orders")
    assert opened.scan().collect().height == opened.dataset().count_rows() == 10
    connection = duckdb.connect()
    relation = opened.relation(connection)
    assert relation.count("*").fetchall() == [(10,)]
    assert relation.columns == opened.dataset().schema.names == [c.name for c in opened.columns]
    publish(platform, "shop", connection)
    view = connection.sql("select * from shop.orders")
    assert view.count("*").fetchall() == [(10,)]
    assert view.columns == [*relation.columns, "_run"]
    assert verify_run(platform, run).ok
    out = tmp_path / name / "evidence.tar"
    export_run(platform, run, out, with_data=True)
    assert verify_bundle(out).ok


@pytest.mark.parametrize(("name", "meant"), [("a[1]", "a1"), ("[ab]", "b"), ("a*", "ab")])
def test_a_file_that_a_pattern_would_find_instead_is_not_read(
    tmp_path: Path, name: str, meant: str
) -> None:
    home = make_shop(tmp_path / name / "home", orders=10)
    [run] = close_all(home)
    platform = Platform.open(home)
    opened = open_product(platform, run, "orders")
    for path in opened.paths:
        decoy = tmp_path / meant / path.relative_to(tmp_path / name)
        decoy.parent.mkdir(parents=True)
        pl.read_parquet(path, glob=False).head(3).write_parquet(decoy)
    connection = duckdb.connect()
    publish(platform, "shop", connection)
    assert opened.scan().collect().height == opened.dataset().count_rows() == 10
    assert opened.relation(connection).count("*").fetchall() == [(10,)]
    assert connection.sql("select * from shop.orders").count("*").fetchall() == [(10,)]


@pytest.mark.parametrize("way", ["relative", "link", "dots"])
def test_a_home_is_the_same_whichever_way_leads_to_it(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    (tmp_path / "link").symlink_to(home)
    monkeypatch.chdir(tmp_path)
    given = {"relative": Path("home"), "link": tmp_path / "link", "dots": home / ".." / "home"}[way]
    platform = Platform.open(given)
    monkeypatch.chdir("/")
    [done] = caught_up(platform, "shop", Silence())
    run = RunId.parse(done["run_id"])
    assert open_product(Platform.open(home), run, "orders").rows == 10
    assert verify_run(Platform.open(home), run).ok


def test_two_homes_with_modules_of_one_name_each_use_their_own(tmp_path: Path) -> None:
    homes = [make_shop(tmp_path / name, orders=10) for name in ("one", "two")]
    functions = homes[1] / "shop_functions.py"
    counting = functions.read_text().replace('pl.col("cents").sum()', "pl.len().cast(int)", 1)
    functions.write_text(counting)
    totals = [
        every_product(home, close_all(home)[0])["turnover"]["ordered"].sum() for home in homes
    ]
    assert totals == [sum(100 + n for n in range(10)), 10]
    assert close_all(homes[0]) == []


def test_a_store_that_takes_nothing_leaves_the_next_attempt_a_clean_start(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    (home / "store").write_text("in the way")
    with pytest.raises(DependencyUnreachable):
        close_all(home)
    (home / "store").unlink()
    assert len(close_all(home)) == 1


# --- odd consumers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "raise SystemExit(0)",
        "raise KeyError('x')",
        "return None",
        "return 7",
        "return inputs['orders'].select('customer')",
        "return inputs['nothing']",
        "return inputs['orders'].select(pl.col('nowhere'))",
    ],
)
def test_a_function_that_gives_nothing_usable_fails_its_consumer_alone(
    tmp_path: Path, body: str
) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    (home / "shop_functions.py").write_text(
        f"import polars as pl\n\n\ndef turnover(inputs, parameters):\n    {body}\n"
    )
    with pytest.raises(ConsumerFailed) as refused:
        close_all(home)
    assert "materialize turnover" in refused.value.remedy or "contract" in refused.value.remedy
    details = run_details(Platform.open(home), RunId("shop", 1))
    readable = {name: state["readable"] for name, state in details["products"].items()}
    assert readable == {"orders": True, "cancellations": True, "refunds": True, "turnover": False}


def test_a_run_keeps_the_configuration_it_was_pinned_under(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    run = pin(Platform.open(home), "shop")

    def change(attributes: dict[str, Any]) -> None:
        attributes["products"]["orders"]["sort"] = ["at"]
        attributes["products"]["orders"]["part_rows"] = 1

    redeclare(home, change)
    assert close_all(home) == [run]
    assert run is not None
    manifest = open_product(Platform.open(home), run, "orders").manifest
    assert manifest["sort"] == ["customer", "at"]
    append(home, "orders", 0, [order(900), order(902)])
    append(home, "changes", 0, [refunded(900)])
    [second] = close_all(home)
    manifest = open_product(Platform.open(home), second, "orders").manifest
    assert (manifest["sort"], len(manifest["parts"])) == (["at"], 2)


def test_the_scratch_space_is_empty_when_nothing_runs(closed_shop: Path) -> None:
    assert os.listdir(closed_shop / "scratch") == []  # noqa: PTH208 - names suffice
