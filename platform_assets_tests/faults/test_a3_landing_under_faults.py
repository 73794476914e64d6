"""A3: whatever happens to the brokers and the network, a landing has the same bytes or is none.

For each history of faults the same pinned window is landed from the same topic. What the landing may
do: finish with the receipt of the undisturbed one, or say that the source is unreachable and leave no
receipt. In the second case it is landed again after the faults are over, and must then have the same
receipt. Never is it short, and never is an outage taken for loss, truncation or another stream.

``PLATFORM_TESTS_FAULT_SEED`` starts from another seed than 0, ``PLATFORM_TESTS_FAULT_TIMES`` runs so
many times the usual number of histories.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest
from platform_assets.pipeline import Platform, layout
from platform_assets.pipeline.land import land
from platform_assets_tests.faults.histories import KINDS, draw
from platform_assets_tests.faults.telling import tell

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.faults.conftest import Undisturbed
    from platform_assets_tests.faults.histories import History
    from platform_assets_tests.faults.telling import Told

_FIRST = int(os.environ.get("PLATFORM_TESTS_FAULT_SEED", "0"))
_TIMES = int(os.environ.get("PLATFORM_TESTS_FAULT_TIMES", "1"))
_BLOCK = 25

_BLOCKS = [
    (kind, range(start, min(start + _BLOCK, _FIRST + count * _TIMES)))
    for kind, count in KINDS.items()
    for start in range(_FIRST, _FIRST + count * _TIMES, _BLOCK)
]


@pytest.mark.parametrize(
    ("kind", "seeds"), [pytest.param(*block, id=f"{block[0]}-{block[1][0]}") for block in _BLOCKS]
)
def test_a3_the_same_bytes_or_none(
    kind: str, seeds: range, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    told = {seed: _landed(draw(kind, seed), undisturbed, tmp_path / str(seed)) for seed in seeds}
    disturbed = [seed for seed in seeds if told[seed].met]
    assert 2 * len(disturbed) >= len(seeds), f"most histories met no landing: {told}"
    if kind == "outage":  # every other one begins before the landing does
        assert not any(told[seed].at_once for seed in seeds if seed % 2 == 0)


def _landed(history: History, undisturbed: Undisturbed, home: Path) -> Told[dict[str, Any]]:
    run = undisturbed.run
    shutil.copytree(undisturbed.pinned, home)
    told = tell(
        history,
        undisturbed.cluster,
        undisturbed.topic,
        undisturbed.land_seconds,
        lambda: land(Platform.open(home), run, "orders"),
        lambda: not (home / "store" / layout.landing_receipt_path(run, "orders")).exists(),
    )
    assert digest(told.result) == digest(undisturbed.receipt), f"{history}: {told.result}"
    assert told.result["parts"]
    for part in told.result["parts"]:
        stored = (home / "store" / layout.run_folder(run) / part["path"]).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == part["sha256"], history
    shutil.rmtree(home)
    return told
