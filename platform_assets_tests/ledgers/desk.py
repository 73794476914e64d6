"""A desk that labels cases: a stream of cases, and one of labels that are corrected and withdrawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.pipeline import Platform, caught_up
from platform_assets.pipeline.run import Silence
from platform_assets.ports.sinks import Outgoing
from platform_assets_tests.shop import schema

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.ports.clock import Clock

DEFS = """
type: platform_assets.orchestration.FeedComponent
attributes:
  feed: desk
  source: {kind: file_log, path: data}
  streams:
    cases:
      events:
        opened: {contract: desk/opened.json, id: case, time: at}
    labels:
      events:
        labelled: {contract: desk/labelled.json, id: id, when: {kind: labelled}}
        corrected: {contract: desk/corrected.json, id: id, when: {kind: corrected}}
        withdrawn: {contract: desk/withdrawn.json, id: id, when: {kind: withdrawn}}
  window: {max_records: 1000}
  dedupe: {horizon_runs: 1}
  products:
    cases: {event: opened, sort: [case], checks: [{check: schema}]}
    labelled: {event: labelled, sort: [id], checks: [{check: schema}]}
    corrected: {event: corrected, sort: [id], checks: [{check: schema}]}
    withdrawn: {event: withdrawn, sort: [id], checks: [{check: schema}]}
  consumers:
    truth:
      ledger:
        entries:
          - {product: labelled, event: label, subject: case, identity: id, effective: at,
             value: [label]}
          - {product: corrected, event: label, kind: correct, subject: case, identity: id,
             effective: at, value: [label], target: of}
          - {product: withdrawn, event: label, kind: retract, subject: case, identity: id,
             effective: at, target: of}
      checks:
        - {check: schema}
        - {check: sorted}
        - {check: digest}
        - {check: unique, columns: [sequence]}
    answers:
      slice:
        ledger: truth
        targets: {product: cases, subject: case, history_runs: every}
      checks:
        - {check: schema}
        - {check: unique, columns: [subject]}
"""
_TEXT = {"type": "string"}
_LABEL = {"id": _TEXT, "case": _TEXT, "at": {"type": "string", "format": "date-time"}}
SCHEMAS = {
    "opened": schema({"case": _TEXT, "at": _LABEL["at"]}),
    "labelled": schema({**_LABEL, "kind": {"const": "labelled"}, "label": _TEXT}),
    "corrected": schema({**_LABEL, "kind": {"const": "corrected"}, "label": _TEXT, "of": _TEXT}),
    "withdrawn": schema({**_LABEL, "kind": {"const": "withdrawn"}, "of": _TEXT}),
}


def make_desk(home: Path, defs: str = DEFS) -> Path:
    """Lay out a home whose streams are empty logs of one partition."""
    (home / "defs" / "desk").mkdir(parents=True)
    (home / "platform.yaml").write_text("revision: desk\n")
    (home / "defs" / "desk" / "defs.yaml").write_text(defs)
    schemas = home / "schemas" / "events" / "desk"
    schemas.mkdir(parents=True)
    for name, document in SCHEMAS.items():
        (schemas / f"{name}.json").write_text(json.dumps(document))
    for topic in ("cases", "labels"):
        FileLogSink(home / "data", topic).create(1)
    return home


def send(home: Path, topic: str, records: Iterable[dict[str, Any]]) -> None:
    FileLogSink(home / "data", topic).send(
        [Outgoing(json.dumps(record).encode(), partition="0") for record in records]
    )


def case(number: int) -> dict[str, Any]:
    return {"case": f"c{number}", "at": f"2026-01-{number:02d}T00:00:00Z"}


def label(name: str, of: str, said: str, at: str) -> dict[str, Any]:
    return {"kind": "labelled", "id": name, "case": of, "label": said, "at": at}


def run_desk(home: Path, clock: Clock | None = None) -> Platform:
    """Run every window to its closure."""
    platform = Platform.open(home, clock=clock)
    for _ in caught_up(platform, "desk", Silence()):
        pass
    return platform
