"""A small home with one feed, ``shop``, for tests of single steps."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from platform_assets.pipeline.platform import Platform

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.ports.streams import StreamSource

CONTRACT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://platform.example/shop/order.v1.json",
    "type": "object",
    "properties": {"id": {"type": "string"}},
    "required": ["id"],
    "additionalProperties": False,
}


def make_home(
    home: Path,
    *streams: str,
    max_records: int = 1000,
    max_bytes: int = 10**9,
    max_age_seconds: int = 60,
    start: str | dict[str, int] = "earliest",
) -> Path:
    """Write a home whose feed has these streams, each with one event; the log is in ``data``."""
    names = streams or ("orders",)
    declaration = {
        "feed": "shop",
        "source": {"kind": "file_log", "path": "data"},
        "streams": {
            name: {
                "start": start,
                "events": {f"{name}_event": {"contract": "shop/order.v1.json", "id": "id"}},
            }
            for name in names
        },
        "window": {
            "max_records": max_records,
            "max_bytes": max_bytes,
            "max_age_seconds": max_age_seconds,
        },
        "products": {
            f"{name}_product": {
                "event": f"{name}_event",
                "sort": ["id"],
                "checks": [{"check": "schema"}],
            }
            for name in names
        },
    }
    component = {
        "type": "platform_assets.orchestration.FeedComponent",
        "attributes": declaration,
    }
    for path, text in (
        ("platform.yaml", "{}\n"),
        ("defs/shop/defs.yaml", yaml.safe_dump(component)),
        ("schemas/events/shop/order.v1.json", json.dumps(CONTRACT)),
    ):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text, encoding="utf-8")
    return home


@dataclass(frozen=True, kw_only=True)
class SimulatedPlatform(Platform):
    """A home whose streams are the given ones, whatever its feeds declare as their source."""

    streams: dict[str, StreamSource] = field(default_factory=dict)

    def source(self, declaration: FeedDeclaration, stream: str) -> StreamSource:
        """Return the given stream."""
        assert stream in declaration.streams
        return self.streams[stream]
