"""A shop whose contract for cancellations was wrong: it refused those without a reason, which is most.

Two windows were closed under it, so every cancellation is quarantined. Then the contract is mended.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, next_run, open_product, supersede
from platform_assets_tests.shop import SCHEMAS, append, cancelled, make_shop, order

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO, THREE, FOUR, FIVE = (RunId("shop", number) for number in range(1, 6))
REASON = "cancellations without a reason were refused"


def wrong_shop(home: Path) -> Path:
    """Write a home with the wrong contract and close two windows."""
    make_shop(home, orders=20)
    _declare(home, {"type": "string"})
    take(home)
    append(home, "orders", 0, [order(n) for n in range(20, 30)])
    append(home, "changes", 0, [cancelled(n) for n in range(20, 30, 2)])
    take(home)
    return home


def mend(home: Path) -> Platform:
    """Mend the contract and return the home, opened."""
    _declare(home, SCHEMAS["cancelled"]["properties"]["why"])
    return Platform.open(home)


def take(home: Path) -> RunId:
    """Take the next window, or the open run, to its closure."""
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    finish(platform, run)
    return run


def correct(platform: Platform, run: RunId, reason: str = REASON) -> RunId:
    """Correct a closed run and close the correction."""
    correction = supersede(platform, run, reason)
    finish(platform, correction)
    return correction


def rows(platform: Platform, run: RunId, product: str) -> int:
    """Return the rows of a product."""
    return open_product(platform, run, product).rows


def _declare(home: Path, why: object) -> None:
    path = home / "schemas" / "events" / "shop" / "cancelled.json"
    contract = json.loads(path.read_text())
    contract["properties"]["why"] = why
    path.write_text(json.dumps(contract))
