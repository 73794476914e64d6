"""A shop that announces: on a file log of its own, whose topic the tests make and read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.file_log import FileLog
from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.ports.sinks import Outgoing
from platform_assets.ports.streams import Gap, Span
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from pathlib import Path

TOPIC = "ready"


def announcing(home: Path, source: dict[str, Any] | None = None, topic: str = TOPIC) -> Path:
    """Declare where the shop announces; without a source, on a file log that is made for it."""
    if source is None:
        FileLogSink(home / "control", topic).create(1)
        source = {"kind": "file_log", "path": "control"}

    def declare(attributes: dict[str, Any]) -> None:
        attributes["announce"] = {"source": source, "topic": topic}

    redeclare(home, declare)
    return home


def published(home: Path) -> list[dict[str, Any]]:
    """Return the events on the control topic."""
    log = FileLog(home / "control", TOPIC)
    events = []
    for extent in log.extents():
        for item in log.read(Span.of(extent.partition, extent.start, extent.end)):
            assert not isinstance(item, Gap)
            events += [json.loads(value) for value in item.column("value").to_pylist()]
    return events


def publish(home: Path, *values: bytes | dict[str, Any]) -> None:
    """Put whatever somebody claims on the control topic."""
    data = [v if isinstance(v, bytes) else json.dumps(v).encode() for v in values]
    assert FileLogSink(home / "control", TOPIC).send(map(Outgoing, data)).total == len(values)


def subjects(events: list[dict[str, Any]]) -> list[str]:
    return [event["subject"] for event in events]
