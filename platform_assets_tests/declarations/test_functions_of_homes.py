"""A home's functions are its own, whatever other homes the process has opened before."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.pipeline.functions import load_function

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = "functions_of_a_home:named"


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two homes with a module of one name each; the path is put back afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        text = f"def named() -> str:\n    return {name!r}\n"
        (tmp_path / name / "functions_of_a_home.py").write_text(text)
        found.append(tmp_path / name)
    return found


def test_each_home_has_its_own_module_of_one_name(homes: list[Path]) -> None:
    one, two = homes
    for home in (one, two, one):
        assert load_function(REFERENCE, home)() == home.name


def test_a_home_that_was_put_back_on_the_path_serves_no_other_one(homes: list[Path]) -> None:
    one, two = homes
    assert load_function(REFERENCE, one)() == "one"
    with_one = list(sys.path)
    assert load_function(REFERENCE, two)() == "two"
    sys.path[:] = with_one  # as who keeps the path and restores it does
    assert load_function(REFERENCE, two)() == "two"
    sys.modules.pop("functions_of_a_home")
    assert load_function(REFERENCE, two)() == "two"
