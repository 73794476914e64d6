"""Every product that is built has its profile beside it, named by its manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.profiling import profile_arrays
from platform_assets.canonical import digest
from platform_assets.contracts.columns import column_from_json
from platform_assets.flow.manifests import product_digest
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, build, certify, layout
from platform_assets.pipeline.records import read_record
from platform_assets_tests.attacks import Attacker

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def profile_of(platform: Platform, manifest: dict[str, Any]) -> dict[str, Any]:
    path = layout.profile_path(RUN, manifest["product"], manifest["profile"])
    return read_record(platform.store, path, "profile")


def test_the_profile_that_a_manifest_names_is_that_of_its_rows(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    manifest = json.loads(attacker.manifest().read_bytes())
    record = profile_of(attacker.platform(), manifest)
    assert digest(record) == manifest["profile"]
    columns = [column_from_json(column) for column in manifest["columns"]]
    rows = attacker.read().scan().collect().to_arrow(compat_level=pl.CompatLevel.oldest())
    found = profile_arrays([column.combine_chunks() for column in rows.columns], columns)
    assert {**record, **found.as_json()} == record
    assert (record["rows"], record["content_digest"]) == (100, manifest["content_digest"])


def test_a_product_of_a_release_without_profiles_is_read_and_converged_on(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    standing = json.loads(attacker.manifest().read_bytes())
    attacker.rewrite_manifest(lambda manifest: manifest.pop("profile"))
    platform = attacker.platform()
    rebuilt = build(platform, RUN, "orders")
    assert (rebuilt["generation"], "profile" in rebuilt) == (1, False)
    assert product_digest(rebuilt) == product_digest(standing)
    certify(platform, RUN, "orders")
    assert attacker.read().rows == 100


def test_a_rebuild_puts_a_profile_back_that_is_missing(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    manifest = json.loads(attacker.manifest().read_bytes())
    path = attacker.store / layout.profile_path(RUN, "orders", manifest["profile"])
    before = path.read_bytes()
    path.unlink()
    assert build(attacker.platform(), RUN, "orders") == manifest
    assert path.read_bytes() == before
