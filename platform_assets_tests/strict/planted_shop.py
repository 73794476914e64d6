"""A shop whose records carry values that occur nowhere else, so that a leak can be searched for.

Every free text of every record is a planted token; so are the texts of records that end in quarantine,
of duplicates, and of records that contradict an earlier one. `twin` is the same shop in the clear.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from platform_assets_tests.shop import append, cancelled, make_shop, order, redeclare, refunded

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = 60


def token(*of: object) -> str:
    """Return a text of 20 characters that nothing else holds."""
    return f"zq{hashlib.sha256(repr(of).encode()).hexdigest()[:18]}"


def planted_order(number: int) -> dict[str, Any]:
    return order(number, customer=token("customer", number))


def first_window() -> dict[str, list[Any]]:
    """Return the records of the first window by topic: good, bad, repeated and contradicting ones."""
    orders = [planted_order(n) for n in range(ORDERS)]
    bad = [
        order(1, cents=token("cents")),
        order(2, surplus=token("surplus")),
        token("no json").encode(),
        b'{"order_id": "' + token("cut off").encode(),
    ]
    contradicting = [order(3, customer=token("contradicting"))]
    return {
        "orders": [*orders, orders[5], *bad, *contradicting],
        "changes": [
            *(cancelled(n, why=token("why", n)) for n in range(0, ORDERS, 10)),
            *(refunded(n) for n in range(5, ORDERS, 10)),
        ],
    }


def second_window() -> dict[str, list[Any]]:
    """Return records of which some were admitted before, and one contradicts what was."""
    return {
        "orders": [
            planted_order(7),
            order(8, customer=token("contradicting later")),
            planted_order(ORDERS + 1),
        ],
        "changes": [refunded(ORDERS + 1)],
    }


def planted() -> set[str]:
    """Return every token that the records of both windows hold."""
    text = repr((first_window(), second_window()))
    return {word for word in _words(text) if word.startswith("zq") and len(word) == 20}


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text).split()


def make_planted(home: Path, *, strict: bool) -> Path:
    """Write a home whose first window holds planted records; with everything strict, or nothing."""
    make_shop(home, orders=0)
    deliver(home, first_window())
    if strict:
        redeclare(home, all_strict)
    return home


def deliver(home: Path, window: dict[str, list[Any]]) -> None:
    for topic, records in window.items():
        append(home, topic, 0, records)


def all_strict(attributes: dict[str, Any]) -> None:
    for output in (*attributes["products"].values(), *attributes["consumers"].values()):
        output["strict"] = True
