"""A strict run is replayed and corrected by who has its keys; others are told which, and see no row."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.wrapping_keys import FileWrappingKey
from platform_assets.errors import KeyInvalid, KeyMissing
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, export_run, finish, open_product
from platform_assets.pipeline.replay import Start, replay_bundle, replay_run
from platform_assets.pipeline.replay_platform import Surroundings
from platform_assets.pipeline.supersede import supersede
from platform_assets_tests.strict.planted_shop import planted, token
from platform_assets_tests.strict.raw_search import found_in

if TYPE_CHECKING:
    from pathlib import Path

RUNS = [RunId("shop", 1), RunId("shop", 2)]


def _keys(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "keys").iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("run", "start"), [(RUNS[0], Start.ANCHORS), (RUNS[1], Start.LANDING)], ids=str
)
def test_i13_a_strict_run_is_reproduced_byte_for_byte_before_encryption(
    closed_home: Path, run: RunId, start: Start
) -> None:
    keys = _keys(closed_home)
    replay = replay_run(Platform.open(closed_home), run, start=start)
    assert replay.divergence is None
    assert {c.thing for c in replay.compared} >= {"orders", "turnover"}
    assert all(c.sameness in ("same bytes", "same outcomes") for c in replay.compared)
    assert _keys(closed_home) == keys
    assert [path for path in (closed_home / "scratch").rglob("*") if path.is_file()] == []


def test_an_archive_is_replayed_beside_its_keys_and_refused_without(
    closed_home: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "run.tar"
    export_run(Platform.open(closed_home), RUNS[1], archive, with_data=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(closed_home / "shop_functions.py", elsewhere)
    around = Surroundings(elsewhere, tmp_path / "scratch 1")
    with pytest.raises(KeyMissing) as refused:
        replay_bundle(archive, around)
    assert str(elsewhere / "keys/staging.key") in refused.value.thing
    assert not (elsewhere / "keys").exists()
    shutil.copytree(closed_home / "keys", elsewhere / "keys")
    replay = replay_bundle(archive, Surroundings(elsewhere, tmp_path / "scratch 2"))
    assert replay.divergence is None
    assert len(replay.compared) == 10


def test_another_staging_key_is_a_refusal_and_no_divergence(closed_home: Path) -> None:
    (closed_home / "keys/staging.key").unlink()
    FileWrappingKey(closed_home / "keys/staging.key").wrap(b"k" * 32, {})  # which makes another
    with pytest.raises(KeyInvalid):
        replay_run(Platform.open(closed_home), RUNS[0], start=Start.LANDING)


def test_a_divergence_says_where_and_shows_no_row(closed_home: Path) -> None:
    log = next(closed_home.glob("data/shop/orders/0/*.ndjson"))
    old, new = token("customer", 11), token("another")
    log.write_bytes(log.read_bytes().replace(old.encode(), new.encode(), 1))
    replay = replay_run(Platform.open(closed_home), RUNS[0], start=Start.ANCHORS)
    assert replay.divergence is not None
    assert (replay.divergence.step, replay.divergence.thing) == ("land", "orders")
    assert replay.divergence.position == {"stream": "orders", "partition": "0", "offset": 11}
    assert "those of a strict product are not shown" in replay.divergence.problem
    told = json.dumps([c.as_json() for c in replay.compared]) + replay.divergence.text()
    assert not [value for value in {*planted(), new} if value in told]


def test_a_correction_whose_source_is_gone_encrypts_what_it_copies_anew(closed_home: Path) -> None:
    shutil.rmtree(closed_home / "data")
    platform = Platform.open(closed_home)
    run = supersede(platform, RUNS[1], "made again")
    finish(platform, run)
    folders = [closed_home / "store/runs" / str(each) for each in (RUNS[1], run)]
    old, new = (json.loads((folder / "landing/orders.json").read_bytes()) for folder in folders)
    assert new["copied_from"]["run_id"] == str(RUNS[1])
    assert [p["plaintext"] for p in new["parts"]] == [p["plaintext"] for p in old["parts"]]
    assert not {p["sha256"] for p in new["parts"]} & {p["sha256"] for p in old["parts"]}
    assert (
        open_product(platform, run, "orders").scan().collect().height
        == open_product(platform, RUNS[1], "orders").scan().collect().height
    )
    assert found_in(closed_home / "store", planted()) == {}
