"""A small feed for tests: a shop with orders, cancellations and refunds, and one consumer.

It is written as a user would write it: YAML, schemas, a file log, a module with a function.
"""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

DEFS = """
type: platform_assets.orchestration.FeedComponent
attributes:
  feed: shop
  description: A small shop.
  source: {kind: file_log, path: data/shop}
  streams:
    orders:
      events:
        placed: {contract: shop/order.json, id: order_id, time: at}
    changes:
      events:
        cancelled: {contract: shop/cancelled.json, id: id, when: {kind: cancelled}}
        refunded: {contract: shop/refunded.json, id: id, when: {kind: refunded}}
  window: {max_records: 1000}
  dedupe: {horizon_runs: 3}
  products:
    orders:
      event: placed
      sort: [customer, at]
      part_rows: 40
      checks:
        - {check: schema}
        - {check: row_count_reconciles}
        - {check: unique, columns: [order_id]}
        - {check: sorted}
        - {check: digest}
        - {check: range, column: cents, min: 1, max: 100000}
    cancellations:
      event: cancelled
      sort: [order_id]
      checks:
        - {check: schema}
        - {check: not_null, columns: [order_id]}
    refunds:
      event: refunded
      sort: [order_id]
      checks:
        - {check: schema}
        - {check: range, name: refund_size, column: cents, min: 1, max: 100000}
        - {check: referential, column: order_id, product: orders, references: order_id, history_runs: 3}
  consumers:
    turnover:
      function: shop_functions:turnover
      reads: [{product: orders}, {product: refunds}]
      contract: shop/turnover.json
      key: [customer]
      sort: [customer]
      checks:
        - {check: schema}
        - {check: unique, columns: [customer]}
"""

FUNCTIONS = """
import polars as pl


def turnover(inputs, parameters):
    orders = inputs["orders"].group_by("customer").agg(pl.col("cents").sum().alias("ordered"))
    back = (
        inputs["refunds"]
        .join(inputs["orders"].select("order_id", "customer"), on="order_id")
        .group_by("customer")
        .agg(pl.col("cents").sum().alias("refunded"))
    )
    return orders.join(back, on="customer", how="left").with_columns(pl.col("refunded").fill_null(0))
"""


def schema(properties: dict[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required if required is not None else list(properties),
        "additionalProperties": False,
    }


SCHEMAS = {
    "order": schema(
        {
            "order_id": {"type": "string", "pattern": "^o-[0-9]+$"},
            "customer": {"type": "string"},
            "cents": {"type": "integer"},
            "at": {"type": "string", "format": "date-time"},
        }
    ),
    "cancelled": schema(
        {
            "id": {"type": "string"},
            "kind": {"const": "cancelled"},
            "order_id": {"type": "string"},
            "why": {"type": ["string", "null"]},
        }
    ),
    "refunded": schema(
        {
            "id": {"type": "string"},
            "kind": {"const": "refunded"},
            "order_id": {"type": "string"},
            "cents": {"type": "integer"},
        }
    ),
    "turnover": schema(
        {
            "customer": {"type": "string"},
            "ordered": {"type": "integer"},
            "refunded": {"type": "integer"},
        }
    ),
}


def order(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "order_id": f"o-{number}",
        "customer": f"c{number % 7}",
        "cents": 100 + number,
        "at": f"2026-01-{1 + number % 28:02d}T10:00:00Z",
        **changed,
    }


def cancelled(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"x-{number}",
        "kind": "cancelled",
        "order_id": f"o-{number}",
        "why": None,
        **changed,
    }


def refunded(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"r-{number}",
        "kind": "refunded",
        "order_id": f"o-{number}",
        "cents": 50,
        **changed,
    }


def make_shop(home: Path, *, orders: int = 100) -> Path:
    """Write a home with one feed and one window of events."""
    (home / "defs" / "shop").mkdir(parents=True)
    (home / "platform.yaml").write_text("revision: shop\n")
    (home / "defs" / "shop" / "defs.yaml").write_text(textwrap.dedent(DEFS))
    (home / "shop_functions.py").write_text(FUNCTIONS)
    for name, contract in SCHEMAS.items():
        path = home / "schemas" / "events" / "shop" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(contract, indent=2))
    append(home, "orders", 0, [order(n) for n in range(0, orders, 2)])
    append(home, "orders", 1, [order(n) for n in range(1, orders, 2)])
    append(home, "changes", 0, [cancelled(n) for n in range(0, orders, 10)])
    append(home, "changes", 0, [refunded(n) for n in range(5, orders, 10)])
    return home


def append(home: Path, topic: str, partition: int, records: list[Any]) -> None:
    """Append records to a partition: JSON of what is no bytes, bytes as they are."""
    path = home / "data" / "shop" / topic / str(partition) / f"{0:020d}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for record in records:
            data = record if isinstance(record, bytes) else json.dumps(record).encode()
            file.write(data + b"\n")


def redeclare(home: Path, change: Any) -> None:
    """Change the feed's declaration: ``change`` is called with its attributes."""
    path = home / "defs" / "shop" / "defs.yaml"
    document = yaml.safe_load(path.read_text())
    change(document["attributes"])
    path.write_text(yaml.safe_dump(document, sort_keys=False))
