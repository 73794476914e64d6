"""A3: whatever happens to the brokers and the network, a window is pinned whole or not at all.

The topic does not change, so that there is one right window: the one that was pinned undisturbed. Only
who led a partition, and since when, may differ. An outage is never a smaller window and never none.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.pipeline import Platform
from platform_assets.pipeline.pin import pin
from platform_assets_tests.faults.histories import draw
from platform_assets_tests.faults.telling import tell

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets_tests.faults.conftest import Undisturbed
    from platform_assets_tests.faults.histories import History
    from platform_assets_tests.faults.telling import Told

#: Other seeds than the landings have.
_SEEDS = {"network": range(1000, 1030), "leaders": range(1000, 1008), "outage": range(1000, 1002)}


@pytest.mark.parametrize("kind", list(_SEEDS))
def test_a3_the_whole_window_or_none(kind: str, undisturbed: Undisturbed, tmp_path: Path) -> None:
    seeds = _SEEDS[kind]
    told = {seed: _pinned(draw(kind, seed), undisturbed, tmp_path / str(seed)) for seed in seeds}
    disturbed = [seed for seed in seeds if told[seed].met]
    assert 2 * len(disturbed) >= len(seeds), f"most histories met no look: {told}"
    if kind == "outage":  # every other one begins before the look does
        assert not any(told[seed].at_once for seed in seeds if seed % 2 == 0)


def _pinned(history: History, undisturbed: Undisturbed, home: Path) -> Told[RunId | None]:
    shutil.copytree(undisturbed.declared, home)
    told = tell(
        history,
        undisturbed.cluster,
        undisturbed.topic,
        undisturbed.pin_seconds,
        lambda: pin(Platform.open(home), "shop"),
        lambda: not (home / "store" / "feeds").exists(),
    )
    assert told.result == undisturbed.run, f"{history}: nothing was pinned"
    assert _window(home, undisturbed.run) == _window(undisturbed.pinned, undisturbed.run), history
    shutil.rmtree(home)
    return told


def _window(home: Path, run: RunId) -> list[dict[str, Any]]:
    """Return the anchors of each partition without who led it."""
    (stream,) = Platform.open(home).anchors(run)["streams"]
    partitions = []
    for partition in stream["partitions"]:
        facts = dict(partition["facts"])
        facts.pop("leader_epoch")
        partitions.append({**partition, "facts": facts})
    return partitions
