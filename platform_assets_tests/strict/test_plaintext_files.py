"""Plaintext on the disk is private, and goes with whoever reads it, at the latest with the process."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import duckdb
import pyarrow.compute as pc
import pytest

from platform_assets.errors import PartAltered
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, open_product
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.strict.planted_shop import planted
from platform_assets_tests.strict.raw_search import found_in

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def _plaintext(home: Path) -> list[Path]:
    gc.collect()
    return sorted((home / "scratch").rglob("*.parquet"))


def test_nothing_is_decrypted_before_it_is_read(closed_home: Path) -> None:
    product = open_product(Platform.open(closed_home), RUN, "orders")
    rows = product.scan().select("customer")
    assert rows.collect_schema().names() == ["customer"]
    assert _plaintext(closed_home) == []
    assert rows.collect().height == 60
    assert len(_plaintext(closed_home)) == 2


def test_what_is_decrypted_is_for_its_owner_alone_and_goes_with_the_product(
    closed_home: Path,
) -> None:
    product = open_product(Platform.open(closed_home), RUN, "orders")
    assert list(product.paths) == _plaintext(closed_home)
    for path in product.paths:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    del product, path
    assert _plaintext(closed_home) == []
    assert list((closed_home / "scratch").iterdir()) == []


def test_a_context_removes_it_at_its_end(closed_home: Path) -> None:
    with open_product(Platform.open(closed_home), RUN, "orders") as product:
        paths = product.paths
        assert all(path.exists() for path in paths)
        rows = product.scan()
    assert _plaintext(closed_home) == []
    with pytest.raises(RuntimeError, match="open it again"):
        assert product.paths
    with pytest.raises(RuntimeError, match="open it again"):
        rows.collect()
    assert _plaintext(closed_home) == []


def test_a_frame_keeps_it_that_outlives_the_product(closed_home: Path) -> None:
    rows = open_product(Platform.open(closed_home), RUN, "orders").scan().filter(True)
    gc.collect()
    assert rows.collect().height == 60
    del rows
    assert _plaintext(closed_home) == []


def test_a_relation_and_a_dataset_keep_it_that_outlive_the_product(closed_home: Path) -> None:
    platform = Platform.open(closed_home)
    with duckdb.connect() as connection:
        relation = open_product(platform, RUN, "orders").relation(connection)
        gc.collect()
        assert relation.filter("cents > 0").aggregate("count(*)").fetchall() == [(60,)]
    del relation, connection
    derived = open_product(platform, RUN, "orders").dataset().filter(pc.field("cents") > 0)
    gc.collect()
    assert derived.count_rows() == derived.to_table(columns=["customer"]).num_rows == 60
    assert _plaintext(closed_home) == []


def test_a_part_that_was_changed_after_it_was_opened_is_refused_when_it_is_read(
    closed_home: Path,
) -> None:
    attacker = Attacker(closed_home, RUN)
    product = attacker.read()
    data = bytearray(attacker.part().read_bytes())
    data[-1] ^= 1
    attacker.overwrite(attacker.part(), bytes(data))
    with pytest.raises(PartAltered, match="chunk 0 does not authenticate"):
        assert product.paths
    assert _plaintext(closed_home) == []
    assert found_in(closed_home / "scratch", planted()) == {}


def test_what_a_killed_reader_leaves_is_swept_by_the_next(closed_home: Path) -> None:
    reader = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from platform_assets.identifiers import RunId
        from platform_assets.pipeline import Platform, open_product
        product = open_product(Platform.open(Path(sys.argv[1])), RunId("shop", 1), "orders")
        print(len(product.paths), flush=True)
        time.sleep(60)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", reader, str(closed_home)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
    assert len(_plaintext(closed_home)) == 2
    product = open_product(Platform.open(closed_home), RUN, "cancellations")
    assert product.scan().collect().height == 6
    assert all(path in product.paths for path in _plaintext(closed_home))


def test_a_forked_process_does_not_take_it_from_its_parent(closed_home: Path) -> None:
    product = open_product(Platform.open(closed_home), RUN, "orders")
    assert len(product.paths) == 2
    child = os.fork()
    if child == 0:
        del product
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert len(_plaintext(closed_home)) == 2


def test_nothing_in_the_clear_is_left_by_a_run(strict_home: Path, tmp_path: Path) -> None:
    left = [path for path in (strict_home / "scratch").rglob("*") if path.is_file()]
    assert left == []
    shutil.copytree(strict_home / "store", tmp_path / "store")
    assert found_in(tmp_path, planted()) == {}
