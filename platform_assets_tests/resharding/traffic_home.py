"""A platform home with one feed of one Kinesis stream, and one product of everything in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from platform_assets_tests.servers.kinesis import REGION

if TYPE_CHECKING:
    from pathlib import Path

FEED, STREAM, PRODUCT = "traffic", "events", "moves"

_CONTRACT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "key": {"type": "string"},
        "number": {"type": "integer"},
    },
    "required": ["id", "key", "number"],
    "additionalProperties": False,
}


def make_home(home: Path, endpoint: str, stream: str, *, max_records: int) -> Path:
    """Write the home; a window takes at most so many records."""
    source = {"kind": "kinesis", "region": REGION, "endpoint": endpoint, "timeout_seconds": 20}
    checks = [{"check": "schema"}, {"check": "unique", "columns": ["id"]}]
    feed = {
        "feed": FEED,
        "source": source,
        "streams": {
            STREAM: {
                "topic": stream,
                "events": {"moved": {"contract": "traffic/moved.json", "id": "id"}},
            }
        },
        "window": {"max_records": max_records},
        "products": {PRODUCT: {"event": "moved", "sort": ["key", "number"], "checks": checks}},
    }
    defs = home / "defs" / FEED / "defs.yaml"
    contract = home / "schemas" / "events" / "traffic" / "moved.json"
    for path in (defs, contract):
        path.parent.mkdir(parents=True)
    (home / "platform.yaml").write_text("revision: traffic\n")
    component = {"type": "platform_assets.orchestration.FeedComponent", "attributes": feed}
    defs.write_text(yaml.safe_dump(component, sort_keys=False))
    contract.write_text(json.dumps(_CONTRACT))
    return home
