"""The spill limit of a home, turned on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import FaultNotInjected
from platform_assets.lanes.faults.volume import Volume
from platform_assets.lanes.spill_limits import SpillLimits
from platform_assets.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_limit_is_turned_on_and_off_again_and_nothing_else_changes(tmp_path: Path) -> None:
    (tmp_path / "platform.yaml").write_text("memory_budget: 1GiB\nspill_limit: 7GiB\n")
    limits = SpillLimits(tmp_path, 1_000)

    for limited in (True, True, False, True, False, False):
        limits.use(limited=limited)

        settings = load_settings(tmp_path)
        assert settings.spill_limit == (1_000 if limited else None)
        assert settings.memory_budget == 1024**3


def test_a_limit_is_turned_off_on_a_full_disk(tmp_path: Path) -> None:
    volume = Volume(tmp_path / "volume", 256 * 1024)
    try:
        volume.mount()
    except FaultNotInjected as error:
        pytest.skip(error.found)
    try:
        (volume.folder / "platform.yaml").write_text("")
        limits = SpillLimits(volume.folder, 1_000)
        limits.use(limited=True)
        with pytest.raises(OSError, match="No space"):
            (volume.folder / "fill").write_bytes(b"x" * 300_000)

        limits.use(limited=False)

        assert load_settings(volume.folder).spill_limit is None
    finally:
        volume.unmount()
