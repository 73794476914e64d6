"""The feed that the benchmarks run: the authorisations part of the shipped payments example.

Contenders import this and little else, so that what they start with does not count as their work.
"""

from __future__ import annotations

import json
import shutil
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.resources import schemas_folder

if TYPE_CHECKING:
    from pathlib import Path

FEED = "payments"
STREAM = "authorisations"
SORT = ("account_id", "occurred_at", "event_id")
_CONTRACT = "authorisation.v1.json"
_SHARED = "shared.v1.json"


def write_home(home: Path, log: Path, settings: dict[str, Any] | None = None) -> None:
    """Write a platform home whose one feed reads the whole log in one window."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "platform.yaml").write_text(yaml.safe_dump(settings or {}))
    shutil.copytree(schemas_folder() / "events", home / "schemas" / "events")
    example = resources.files("platform_assets.examples.payments") / "defs.yaml"
    feed: dict[str, Any] = yaml.safe_load(example.read_text())
    attributes = feed["attributes"]
    attributes["source"]["path"] = str(log)
    attributes["streams"] = {STREAM: attributes["streams"][STREAM]}
    attributes["products"] = {STREAM: attributes["products"][STREAM]}
    attributes["consumers"] = {}
    attributes["window"] = {"max_records": 1_000_000_000, "max_bytes": 2**50, "max_age_seconds": 0}
    folder = home / "defs" / FEED
    folder.mkdir(parents=True)
    (folder / "defs.yaml").write_text(yaml.safe_dump(feed, sort_keys=False))


def inlined_contract() -> dict[str, Any]:
    """Return the contract with the shared shapes written in, so that no peer pays for references."""
    folder = schemas_folder() / "events" / FEED
    contract = json.loads((folder / _CONTRACT).read_text())
    shared = json.loads((folder / _SHARED).read_text())["$defs"]
    prefix = f"{_SHARED}#/$defs/"
    for name, schema in contract["properties"].items():
        reference = schema.get("$ref", "")
        if reference.startswith(prefix):
            contract["properties"][name] = shared[reference.removeprefix(prefix)]
    return dict(contract)
