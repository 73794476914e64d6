"""A small feed in a home of its own: one stream, three products, two consumers.

Orders come first, refunds refer to orders, visits stand alone. ``totals`` reads orders, and
``refund_rate`` reads refunds and totals. A log of a few lines makes the records readable in a test.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import platform_assets

FEED = "shop"
PRODUCTS = ("orders", "refunds", "visits")
CONSUMERS = ("totals", "refund_rate")

DECLARATION = """\
type: platform_assets.orchestration.FeedComponent
attributes:
  feed: shop
  source:
    kind: file_log
    path: data
  streams:
    events:
      events:
        order: {contract: shop/order.v1.json, id: id, when: {type: order}}
        refund: {contract: shop/refund.v1.json, id: id, when: {type: refund}}
        visit: {contract: shop/visit.v1.json, id: id, when: {type: visit}}
  window:
    max_records: 1000
    max_age_seconds: 0
  products:
    orders:
      event: order
      sort: [id]
      checks:
        - check: schema
        - check: unique
          columns: [id]
        - check: range
          column: cents
          min: 1
          max: 100000
    refunds:
      event: refund
      sort: [id]
      checks:
        - check: schema
        - check: range
          column: cents
          min: 1
          max: 100000
        - check: referential
          column: order
          product: orders
          references: id
    visits:
      event: visit
      sort: [id]
      checks:
        - check: schema
  consumers:
    totals:
      function: shop_functions:totals
      reads: [{product: orders}]
      contract: shop/total.v1.json
      key: [scope]
      sort: [scope]
      checks:
        - check: unique
          columns: [scope]
    refund_rate:
      function: shop_functions:refund_rate
      reads: [{product: refunds}, {product: totals}]
      contract: shop/total.v1.json
      key: [scope]
      sort: [scope]
      checks:
        - check: unique
          columns: [scope]
"""

FUNCTIONS = '''\
"""The shop's consumers."""

import polars as pl


def totals(inputs, parameters):
    """All orders of the run, in one row."""
    return inputs["orders"].select(
        scope=pl.lit("all"), cents=pl.col("cents").sum().cast(pl.Int64)
    )


def refund_rate(inputs, parameters):
    """What was refunded, and what was ordered."""
    refunded = inputs["refunds"].select(
        scope=pl.lit("refunded"), cents=pl.col("cents").sum().cast(pl.Int64)
    )
    return pl.concat([refunded, inputs["totals"].select("scope", "cents")])
'''

_FIELDS = {
    "order": {"cents": {"type": "integer"}},
    "refund": {"cents": {"type": "integer"}, "order": {"type": "string"}},
    "visit": {"page": {"type": "string"}},
}


def order(number: int, cents: int = 500) -> dict[str, object]:
    return {"type": "order", "id": f"o{number}", "cents": cents}


def refund(number: int, of: int, cents: int = 100) -> dict[str, object]:
    return {"type": "refund", "id": f"r{number}", "cents": cents, "order": f"o{of}"}


def visit(number: int) -> dict[str, object]:
    return {"type": "visit", "id": f"v{number}", "page": "/"}


def good_window(first: int) -> list[dict[str, object]]:
    """Three orders, one refund of the first of them, one visit."""
    return [*(order(first + n) for n in range(3)), refund(first, first), visit(first)]


def make_shop(home: Path) -> Path:
    """Make the home, with an empty log of one partition."""
    shutil.copytree(Path(platform_assets.__file__).parent / "orchestration/home", home)
    (home / "platform.yaml").write_text("{}\n", encoding="utf-8")
    _write(home / "defs/shop/defs.yaml", DECLARATION)
    _write(home / "shop_functions.py", FUNCTIONS)
    for name, fields in _FIELDS.items():
        properties = {"type": {"const": name}, "id": {"type": "string"}, **fields}
        _write(home / f"schemas/events/shop/{name}.v1.json", _contract(name, properties))
    total = {"scope": {"type": "string"}, "cents": {"type": "integer"}}
    _write(home / "schemas/events/shop/total.v1.json", _contract("total", total))
    _write(home / "data/events/0" / f"{0:020d}.ndjson", "")
    return home


def append(home: Path, records: list[dict[str, object]]) -> None:
    """Append records to the log."""
    with (home / "data/events/0" / f"{0:020d}.ndjson").open("a", encoding="utf-8") as log:
        log.writelines(json.dumps(record) + "\n" for record in records)


def redeclare(home: Path, old: str, new: str) -> None:
    """Change the declaration; the old text must stand in it."""
    path = home / "defs/shop/defs.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _contract(name: str, properties: dict[str, object]) -> str:
    return json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"https://shop.example/{name}.v1.json",
            "title": name,
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
