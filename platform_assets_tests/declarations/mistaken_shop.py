"""The shop with one file of it changed, and what loading it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from platform_assets.errors import ConfigurationError
from platform_assets.pipeline import Platform
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path

DEFS_FILE = "defs/shop/defs.yaml"
ORDER_FILE = "schemas/events/shop/order.json"

RANGE = "{check: range, column: cents, min: 1, max: 100000}"
READS = "reads: [{product: orders}, {product: refunds}]"
PLACED = "placed: {contract: shop/order.json, id: order_id, time: at}"
REFERS = "column: order_id, product: orders, references: order_id"


class Mistake(NamedTuple):
    """A text of a file, what it is changed to, a text of the line to be named, what is said of it."""

    name: str
    before: str
    after: str
    at: str
    says: str


def shop_with(home: Path, file: str, before: str, after: str) -> Path:
    """Make the shop, and change the first occurrence of a text in one of its files."""
    make_shop(home, orders=2)
    path = home / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return path


def said_about(home: Path) -> tuple[ConfigurationError, list[str]]:
    """Open the home, which is refused, and return the error and its findings."""
    with pytest.raises(ConfigurationError) as refused:
        Platform.open(home)
    error = refused.value
    assert error.exit_code == 2
    assert error.remedy
    assert not (home / "store").exists()
    return error, list(error.findings or (f"{error.thing}: {error.found}",))


def line_of(path: Path, text: str) -> str:
    """Return ``file:line`` of the first line that holds a text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return f"{path}:{next(n for n, line in enumerate(lines, 1) if text in line)}"
