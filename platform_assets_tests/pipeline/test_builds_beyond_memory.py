"""Builds whose rows do not fit in memory: the same parts, or a refusal that leaves nothing behind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters import embedded_engine
from platform_assets.adapters.budget import Budget
from platform_assets.adapters.embedded_engine import EmbeddedEngine
from platform_assets.adapters.external_sort import Room
from platform_assets.errors import DependencyUnreachable, SpillExhausted
from platform_assets.examples.home import create_home
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, build, engines, land, layout, pin
from platform_assets.pipeline.scratch import scratch_folder, spill_folder
from platform_assets_tests.adapters.test_embedded_engine import job_of, numbered
from platform_assets_tests.stores_that_fail.small_disk import small_disk

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("payments", 1)
MIB = 1024**2


@pytest.fixture(scope="module")
def admitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("beyond") / "home"
    create_home(home, examples=())
    write_log(home / "data" / "payments", Recipe(records=250_000))
    create_home(home, examples=("payments",))
    platform = Platform.open(home)
    pin(platform, "payments")
    land(platform, RUN, "authorisations")
    admit(platform, RUN, "authorisations")
    return home


def small_room(patch: pytest.MonkeyPatch, memory: int, spill_limit: int | None) -> None:
    """Have the engine sort outside of memory, in very little of it."""

    def room(engine: EmbeddedEngine) -> Room:
        return Room(memory, 1, engine.spill, spill_limit)

    patch.setattr(EmbeddedEngine, "room", property(room))
    patch.setattr(engines, "EmbeddedEngine", partial(EmbeddedEngine, in_memory_bytes=0))


def leftovers(platform: Platform) -> list[Path]:
    return list(platform.scratch_root.iterdir()) if platform.scratch_root.exists() else []


def test_i15_a_build_that_may_spill_no_more_places_nothing_and_leaves_nothing(
    admitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform.open(admitted)
    with monkeypatch.context() as patch:
        small_room(patch, 48 * MIB, MIB // 4)
        with pytest.raises(SpillExhausted, match="Raise `spill_limit`"):
            build(platform, RUN, "authorisations")
    assert not platform.store.list(layout.product_folder(RUN, "authorisations"))
    assert leftovers(platform) == []


def test_i05_a_product_that_was_spilled_converges_on_the_one_that_was_not(
    admitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform.open(admitted)
    first = build(platform, RUN, "authorisations")
    used: list[Any] = []
    external = embedded_engine.sorted_batches

    def watched(*given: Any) -> Any:
        used.append(given)
        return external(*given)

    with monkeypatch.context() as patch:
        small_room(patch, 48 * MIB, None)
        patch.setattr(embedded_engine, "sorted_batches", watched)
        assert build(platform, RUN, "authorisations") == first
    assert used
    assert first["code"]["engine"]["name"] == "embedded"
    assert leftovers(platform) == []


def test_a_full_spill_disk_is_an_outage_and_a_full_scratch_disk_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(numbered(600_000), tmp_path)
    with small_disk(tmp_path / "small") as disk:
        budget = Budget.of(1024 * MIB, 1, disk.folder / "spill")
        disk.fill(free_pages=40)
        with monkeypatch.context() as patch:
            small_room(patch, 48 * MIB, None)
            with (
                pytest.raises(DependencyUnreachable, match="cannot hold in memory"),
                spill_folder(budget) as spill,
            ):
                EmbeddedEngine(budget, spill).make(job, tmp_path / "parts")
        assert not list((disk.folder / "spill").iterdir())
        room = Budget.of(1024 * MIB, 1, tmp_path / "spill")
        with (
            pytest.raises(DependencyUnreachable, match="room for the parts"),
            spill_folder(room) as spill,
            scratch_folder(disk.folder / "scratch") as scratch,
        ):
            EmbeddedEngine(room, spill).make(job, scratch)
        assert not list((disk.folder / "scratch").iterdir())
