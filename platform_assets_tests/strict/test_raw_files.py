"""Someone with the raw files and no certificate reads no row of a strict product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, export_run
from platform_assets_tests.strict.planted_shop import planted
from platform_assets_tests.strict.raw_search import found_in

if TYPE_CHECKING:
    from pathlib import Path


def test_no_planted_value_can_be_read_in_any_raw_file(strict_home: Path) -> None:
    files = [path for path in (strict_home / "store").rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".parquet"]) >= 12
    assert found_in(strict_home / "store", planted()) == {}
    assert found_in(strict_home / "scratch", planted()) == {}


def test_the_search_finds_every_planted_value_of_the_twin_in_the_clear(clear_home: Path) -> None:
    found = found_in(clear_home / "store", planted())
    assert set(found) == planted()
    assert len(planted()) > 70
    folders = {path.split("/")[2] for paths in found.values() for path in paths}
    assert {"landing", "admission", "products"} <= folders


@pytest.mark.parametrize("with_data", [False, True])
def test_no_planted_value_can_be_read_in_an_export(
    strict_home: Path, tmp_path: Path, *, with_data: bool
) -> None:
    out = tmp_path / "bundle"
    export_run(Platform.open(strict_home), RunId("shop", 2), out, with_data=with_data)
    assert any(path.suffix == ".parquet" for path in out.rglob("*")) == with_data
    assert found_in(out, planted()) == {}


def test_the_report_shows_no_samples_and_says_why(strict_home: Path, clear_home: Path) -> None:
    strict, clear = (
        next(home.glob("store/runs/shop-00000001/evidence/*/report.html")).read_text()
        for home in (strict_home, clear_home)
    )
    assert "No samples are shown: a product of this feed is strict" in strict
    assert "Samples, redacted" in clear
    assert "Samples, redacted" not in strict
    assert "INVALID_JSON" in strict
