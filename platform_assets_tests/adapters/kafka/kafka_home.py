"""A home with one feed over topics of a real cluster: an id and a number in every event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from platform_assets_tests.shop import schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FEED = "measured"
CONTRACT = schema({"id": {"type": "string"}, "n": {"type": "integer"}})


def make_home(
    home: Path,
    bootstrap: Sequence[str],
    topics: Mapping[str, str],
    *,
    max_records: int = 1_000_000,
    seconds: int = 20,
) -> Path:
    """Write a home whose feed reads each stream, ``{stream: topic}``, into a product of its own."""
    (home / "defs" / FEED).mkdir(parents=True)
    (home / "platform.yaml").write_text("revision: measured\n")
    (home / "schemas" / "events").mkdir(parents=True)
    (home / "schemas" / "events" / "measured.json").write_text(json.dumps(CONTRACT))
    checks = ["schema", "row_count_reconciles", "sorted", "digest"]
    feed = {
        "feed": FEED,
        "source": {"kind": "kafka", "bootstrap": list(bootstrap), "timeout_seconds": seconds},
        "streams": {
            stream: {
                "topic": topic,
                "events": {f"{stream}_seen": {"contract": "measured.json", "id": "id"}},
            }
            for stream, topic in topics.items()
        },
        "window": {"max_records": max_records},
        "products": {
            stream: {
                "event": f"{stream}_seen",
                "sort": ["n"],
                "checks": [
                    *({"check": name} for name in checks),
                    {"check": "unique", "columns": ["id"]},
                ],
            }
            for stream in topics
        },
    }
    document = {"type": "platform_assets.orchestration.FeedComponent", "attributes": feed}
    (home / "defs" / FEED / "defs.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return home


def event(identity: str, number: int, size: int = 0) -> bytes:
    """Return an event's bytes, padded with spaces, which JSON allows."""
    return json.dumps({"id": identity, "n": number}).encode().ljust(size)
