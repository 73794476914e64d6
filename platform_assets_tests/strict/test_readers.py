"""After PASS, every reader of a strict product gets the rows of its twin in the clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, events_digest, open_product, publish, verify_run
from platform_assets.pipeline.publish import left_out

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTS = ["orders", "cancellations", "refunds", "turnover"]
RUNS = [RunId("shop", 1), RunId("shop", 2)]


@pytest.mark.parametrize("run", RUNS, ids=str)
@pytest.mark.parametrize("product", PRODUCTS)
def test_rows_and_content_digest_equal_those_of_the_twin(
    strict_home: Path, clear_home: Path, run: RunId, product: str
) -> None:
    strict, clear = (
        open_product(Platform.open(h), run, product) for h in (strict_home, clear_home)
    )
    assert "encryption" in strict.manifest
    assert "encryption" not in clear.manifest
    assert strict.manifest["content_digest"] == clear.manifest["content_digest"]
    assert events_digest([strict]) == events_digest([clear])
    expected = clear.scan().collect()
    assert_frame_equal(strict.scan().collect(), expected)
    assert strict.dataset().to_table().equals(clear.dataset().to_table())
    with duckdb.connect() as connection:
        assert_frame_equal(strict.relation(connection).pl(), clear.relation(connection).pl())
    assert strict.rows == expected.height


def test_plaintext_hashes_in_the_manifest_are_those_of_the_twin(
    strict_home: Path, clear_home: Path
) -> None:
    for product in PRODUCTS:
        strict, clear = (
            open_product(Platform.open(home), RUNS[0], product).manifest["parts"]
            for home in (strict_home, clear_home)
        )
        assert [part["plaintext"] for part in strict] == [
            {"size": part["size"], "sha256": part["sha256"]} for part in clear
        ]
        assert not {p["sha256"] for p in strict} & {p["sha256"] for p in clear}


def test_what_a_plan_pushes_down_changes_no_answer(strict_home: Path, clear_home: Path) -> None:
    def ask(home: Path) -> list[pl.DataFrame]:
        rows = open_product(Platform.open(home), RUNS[0], "orders").scan()
        return [
            plan.collect()
            for plan in (
                rows.filter(pl.col("cents") > 130).select("order_id"),
                rows.head(45),
                rows.tail(3),
                rows.filter(pl.col("cents") > 110).head(41).select("cents", "_offset"),
                rows.slice(38, 5),
                rows.select(pl.len()),
                rows.group_by("at").agg(pl.col("cents").sum()).sort("at"),
                rows.with_row_index().filter(pl.col("index") == 44),
            )
        ]

    for strict, clear in zip(ask(strict_home), ask(clear_home), strict=True):
        assert_frame_equal(strict, clear)


def test_duplicates_and_contradictions_across_runs_are_found_in_encrypted_products(
    strict_home: Path, clear_home: Path
) -> None:
    counts = []
    for home in (strict_home, clear_home):
        details = verify_run(Platform.open(home), RUNS[1])
        assert details.findings == ()
        receipt = (home / "store/runs/shop-00000002/admission/orders.json").read_text()
        counts.append([receipt.count(word) for word in ("PAYLOAD_MISMATCH", '"duplicate":1')])
    assert counts[0] == counts[1]
    assert min(counts[0]) >= 1


def test_a_strict_product_is_not_published_and_it_is_said_why(
    strict_home: Path, clear_home: Path
) -> None:
    with duckdb.connect() as connection:
        assert publish(Platform.open(strict_home), "shop", connection) == []
        assert len(publish(Platform.open(clear_home), "shop", connection)) == len(PRODUCTS)
    assert set(left_out(Platform.open(strict_home), "shop")) == set(PRODUCTS)
    assert left_out(Platform.open(clear_home), "shop") == {}
    assert "read it through the gate" in left_out(Platform.open(strict_home), "shop")["orders"]
