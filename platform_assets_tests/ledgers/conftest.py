"""A desk of four runs, for tests that read it and for tests that change a copy of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.ledgers.desk import case, label, make_desk, run_desk, send

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a desk whose labels came in its second run, and were corrected in the third."""
    home = make_desk(tmp_path_factory.mktemp("told") / "home")
    send(home, "cases", [case(number) for number in range(1, 5)])
    run_desk(home)
    send(home, "labels", [label("l1", "c1", "fraud", "2026-02-01T00:00:00Z")])
    send(home, "labels", [label("l2", "c2", "fraud", "2026-02-01T00:00:00Z")])
    send(home, "labels", [label("l3", "c2", "sound", "2026-02-01T00:00:00+00:00")])
    run_desk(home)
    corrected = {"kind": "corrected", "id": "l4", "case": "c1", "label": "sound", "of": "l1"}
    withdrawn = {"kind": "withdrawn", "id": "l5", "case": "c2", "of": "l3"}
    at = {"at": "2026-02-02T00:00:00Z"}
    send(home, "labels", [{**corrected, **at}, {**withdrawn, **at}])
    run_desk(home)
    send(home, "cases", [case(5)])
    run_desk(home)
    return home


@pytest.fixture
def home(told: Path, tmp_path: Path) -> Path:
    """Return a copy of that desk, to be changed."""
    return shutil.copytree(told, tmp_path / "home")
