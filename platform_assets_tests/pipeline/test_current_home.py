"""A home that changes while a process lives: what is declared now counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import DeclarationInvalid, UnknownThing
from platform_assets.pipeline.current_home import CurrentHome
from platform_assets.pipeline.functions import load_function
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def current(shop: Path) -> CurrentHome:
    return CurrentHome(shop, "shop")


def window(current: CurrentHome) -> int:
    return current.opened().feed("shop").window.max_records


def widened(feed: Any) -> None:
    feed["window"]["max_records"] = 77


def test_a_home_in_which_nothing_is_declared_anew_stays_open(
    shop: Path, current: CurrentHome
) -> None:
    (shop / "package_here").mkdir()
    (shop / "package_here" / "__init__.py").write_text("")
    first = current.opened()
    append(shop, "orders", 0, [order(500)])
    (shop / "package_here" / "__pycache__").mkdir()
    (shop / "package_here" / "__pycache__" / "inner.pyc").write_bytes(b"bytecode")
    (shop / "store").mkdir()
    (shop / "notes.txt").write_text("a note")
    load_function("shop_functions:turnover", shop)
    assert current.opened() is first
    assert current.changes == 0


def test_a_declaration_that_changes_counts_from_then_on(shop: Path, current: CurrentHome) -> None:
    assert window(current) == 1000
    redeclare(shop, widened)
    assert window(current) == 77
    assert window(current) == 77
    assert current.changes == 1


@pytest.mark.parametrize(
    "changed",
    ["platform.yaml", "schemas/events/shop/order.json", "defs/other/defs.yaml"],
)
def test_settings_schemas_and_other_feeds_count_too(
    shop: Path, current: CurrentHome, changed: str
) -> None:
    first = current.opened()
    path = shop / changed
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "type: something.Else") + "\n")
    assert current.opened() is not first
    path.unlink()
    if changed.startswith("defs"):
        current.opened()
        assert current.changes == 2


@pytest.mark.parametrize("module", ["functions_here", "package_here"])
def test_a_function_that_changes_is_called_as_it_is_now(
    shop: Path, current: CurrentHome, module: str
) -> None:
    source = shop / f"{module}.py"
    if module.startswith("package"):
        (shop / module).mkdir()
        (shop / module / "__init__.py").write_text(f"from {module}.inner import answer\n")
        source = shop / module / "inner.py"
    source.write_text("def answer():\n    return 1\n")
    current.opened()
    assert load_function(f"{module}:answer", shop)() == 1
    source.write_text("def answer():\n    return 'two'\n")
    current.opened()
    assert load_function(f"{module}:answer", shop)() == "two"


def test_a_mistake_in_a_changed_declaration_is_told(shop: Path, current: CurrentHome) -> None:
    current.opened()
    redeclare(shop, lambda feed: feed["window"].update(max_records="many"))
    with pytest.raises(DeclarationInvalid, match="max_records"):
        current.opened()
    redeclare(shop, widened)
    assert window(current) == 77


def test_a_feed_that_is_declared_no_more_is_unknown(shop: Path, current: CurrentHome) -> None:
    current.opened()
    (shop / "defs" / "shop" / "defs.yaml").unlink()
    with pytest.raises(UnknownThing):
        current.opened()


def test_after_an_outage_it_is_opened_anew_and_has_not_changed(current: CurrentHome) -> None:
    first = current.opened()
    current.renew()
    second = current.opened()
    assert second is not first
    assert current.opened() is second
    assert current.changes == 0


def test_a_change_is_found_where_the_home_is_opened_anew_at_that_moment(
    shop: Path, current: CurrentHome
) -> None:
    (shop / "functions_there.py").write_text("def answer():\n    return 1\n")
    current.opened()
    assert load_function("functions_there:answer", shop)() == 1
    current.renew()
    (shop / "functions_there.py").write_text("def answer():\n    return 'two'\n")
    current.opened()
    assert load_function("functions_there:answer", shop)() == "two"
    assert current.changes == 1
