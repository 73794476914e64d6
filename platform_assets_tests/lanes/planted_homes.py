"""Homes that declare the feed of the lanes with a planted fault, and the soak that has to find it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from platform_assets.examples.home import create_home
from platform_assets.lanes.feed import SAMPLE_FILE, feed_folder
from platform_assets.resources import schemas_folder
from platform_assets_tests.lanes.plans import burst


def planted_home(folder: Path, **parameters: int) -> Path:
    """Make a home with the shipped feed, its consumer being the one of `planted`."""
    create_home(folder, [])
    declared = yaml.safe_load((feed_folder() / "defs.yaml").read_text())
    declared["attributes"]["consumers"]["turnover"] |= {
        "function": "planted:turnover",
        "parameters": parameters,
    }
    defs = folder / "defs" / "load" / "defs.yaml"
    defs.parent.mkdir(parents=True)
    defs.write_text(yaml.safe_dump(declared))
    contracts = Path("events", "load")
    shutil.copytree(schemas_folder() / contracts, folder / "schemas" / contracts)
    shutil.copy2(Path(__file__).with_name("planted.py"), folder / "planted.py")
    return folder


def write_soak(
    path: Path, thresholds: dict[str, Any], *, seconds: int, warmup: int, rate: int = 300
) -> Path:
    """Write a plan of a soak with one profile, ``tiny``, in which a window is closed each second."""
    phases = [
        {"name": "warmup", "seconds": warmup, "rate": rate},
        {"name": "steady", "seconds": seconds, "rate": rate},
    ]
    source = {"kind": "file_log", "path": "data/lane"}
    document = burst(of={"phases": phases}, max_age_seconds=1, source=source).record()
    document |= {"lane": "soak", "thresholds": thresholds, "profiles": {"tiny": {}}}
    del document["profile"]
    document["workload"]["sample"] = str(feed_folder() / SAMPLE_FILE)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path
