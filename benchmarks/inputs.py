"""What all contenders of the spine benchmark read: one generated log of authorisations.

The log holds repetitions of events and no other faults, because dlt stops at a line that is no JSON and
the unchecked floor at a value of another type. The platform reads it under the authorisations part of
the shipped payments feed, with all its checks; the peers read the same segments, uncompressed.
"""

from __future__ import annotations

import json
import shutil
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.resources import schemas_folder

if TYPE_CHECKING:
    from pathlib import Path

STREAM = "authorisations"
SORT = ("account_id", "occurred_at", "event_id")
_CONTRACT = "authorisation.v1.json"
_SHARED = "shared.v1.json"
#: Good events come to 97 percent authorisations, the rest are reversals, which nobody reads here.
_AUTHORISATIONS_PERCENT = 97
_REPEATED_PER_10_000 = 50


def write_input(folder: Path, events: int) -> dict[str, int]:
    """Write a log of about so many authorisations and return the counts that must come out.

    A log that stands there already, of the same recipe, is used again.
    """
    recipe = Recipe(
        records=events * 100 // _AUTHORISATIONS_PERCENT,
        faults={STREAM: {"copy_near": events * _REPEATED_PER_10_000 // 10_000}},
        compress=False,
    )
    counts_file = folder / f"counts-{events}.json"
    log = folder / "log"
    if not counts_file.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        tallies = write_log(log, recipe).streams[STREAM].partitions.values()
        counts = {
            "delivered": sum(tally.delivered for tally in tallies),
            "admitted": sum(tally.admitted for tally in tallies),
            "duplicate": sum(tally.duplicate for tally in tallies),
        }
        counts_file.write_text(json.dumps(counts))
    loaded: dict[str, int] = json.loads(counts_file.read_text())
    return loaded


def segments(folder: Path) -> list[Path]:
    """Return the segments of the log, partition by partition."""
    return sorted((folder / "log" / STREAM).rglob("*.ndjson"))


def write_slice(folder: Path, records: int) -> int:
    """Write the first records of the log to one file beside it, for contenders of constant speed."""
    target = folder / "slice" / STREAM / "0" / f"{0:020d}.ndjson"
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("wb") as out:
        for segment in segments(folder):
            with segment.open("rb") as lines:
                for line in lines:
                    if written == records:
                        return written
                    out.write(line)
                    written += 1
    return written


def write_home(home: Path, log: Path) -> None:
    """Write a platform home whose one feed reads the log."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "platform.yaml").write_text("{}\n")
    shutil.copytree(schemas_folder() / "events", home / "schemas" / "events")
    example = resources.files("platform_assets.examples.payments") / "defs.yaml"
    feed: dict[str, Any] = yaml.safe_load(example.read_text())
    attributes = feed["attributes"]
    attributes["source"]["path"] = str(log)
    attributes["streams"] = {STREAM: attributes["streams"][STREAM]}
    attributes["products"] = {STREAM: attributes["products"][STREAM]}
    attributes["consumers"] = {}
    attributes["window"] = {"max_records": 100_000_000, "max_bytes": 2**40, "max_age_seconds": 0}
    folder = home / "defs" / "payments"
    folder.mkdir(parents=True)
    (folder / "defs.yaml").write_text(yaml.safe_dump(feed, sort_keys=False))


def inlined_contract() -> dict[str, Any]:
    """Return the contract with the shared shapes written in, so that no peer pays for references."""
    folder = schemas_folder() / "events" / "payments"
    contract = json.loads((folder / _CONTRACT).read_text())
    shared = json.loads((folder / _SHARED).read_text())["$defs"]
    prefix = f"{_SHARED}#/$defs/"
    for name, schema in contract["properties"].items():
        reference = schema.get("$ref", "")
        if reference.startswith(prefix):
            contract["properties"][name] = shared[reference.removeprefix(prefix)]
    return dict(contract)
