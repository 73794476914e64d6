"""A home's functions are its own, whatever other homes the process has opened before."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import platform_assets
from platform_assets.declarations.functions import forget_modules
from platform_assets.pipeline.functions import load_function

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


def test_a_module_that_was_changed_is_imported_anew_once_it_was_forgotten(
    homes: list[Path],
) -> None:
    one, _ = homes
    assert load_function(REFERENCE, one)() == "one"
    (one / "functions_of_a_home.py").write_text("def named() -> str:\n    return 'changed'\n")
    assert load_function(REFERENCE, one)() == "one"
    forget_modules(one)
    assert load_function(REFERENCE, one)() == "changed"


def test_what_is_installed_below_a_home_and_the_platform_itself_are_not_forgotten(
    homes: list[Path],
) -> None:
    """A home may be a project's folder, with its environment in it, or a checkout of the platform."""
    one, _ = homes
    installed = one / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "installed_below_a_home.py").write_text("")
    sys.path.append(str(installed))
    below = importlib.import_module("installed_below_a_home")
    forget_modules(one)
    assert sys.modules["installed_below_a_home"] is below
    modules = dict(sys.modules)
    try:
        forget_modules(Path(platform_assets.__file__).parents[1])
        assert sys.modules["platform_assets"] is platform_assets
        ours = sys.modules["platform_assets.declarations.functions"]
        assert ours.forget_modules is forget_modules
    finally:  # other tests of this process need these tests' own modules
        sys.modules.update(modules)
