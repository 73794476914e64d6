"""A home of generated payments with one window admitted, and copies of it that Spark works on."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from platform_assets.examples.home import create_home
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, land, next_run

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = 12_000
RUN = RunId("payments", 1)
PRODUCT = "authorisations"
EVENT = "      event: authorisation\n"
LINE = "      engine: spark\n"


def admitted_home(home: Path) -> Path:
    """Make a home whose one window is pinned, landed and admitted, in parts of 2,000 rows."""
    create_home(home, examples=())
    write_log(home / "data" / "payments", Recipe(records=RECORDS))
    create_home(home, examples=("payments",))
    path = home / "defs" / "payments" / "defs.yaml"
    text = path.read_text()
    assert text.count(EVENT) == 1
    path.write_text(text.replace(EVENT, EVENT + "      part_rows: 2000\n"))
    platform = Platform.open(home)
    assert next_run(platform, "payments") == RUN
    for stream in platform.feed("payments").streams:
        land(platform, RUN, stream)
        admit(platform, RUN, stream)
    return home


def copied(home: Path, to: Path) -> Path:
    """Copy a home with the log that its sources read."""
    shutil.copytree(home, to)
    return to


def switch(home: Path, *, spark: bool) -> None:
    """Put the one line that lets Spark make the product, or take it away."""
    path = home / "defs" / "payments" / "defs.yaml"
    text = path.read_text().replace(LINE, "")
    path.write_text(text.replace(EVENT, EVENT + LINE) if spark else text)


def manifest(home: Path, generation: int = 1) -> dict[str, Any]:
    """Return a manifest of the product."""
    folder = home / "store" / "runs" / str(RUN) / "products" / PRODUCT / f"{generation:04d}"
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return found


def generations(home: Path) -> list[str]:
    """Return the generations of the product that there are."""
    folder = home / "store" / "runs" / str(RUN) / "products" / PRODUCT
    return sorted(path.name for path in folder.iterdir())


def log_of_job(home: Path) -> Path:
    """Return the log of the product's job."""
    return home / "scratch" / "spark-logs" / f"{RUN}-{PRODUCT}.log"


def how_it_went(home: Path) -> dict[str, Any]:
    """Return what the job said of itself in the last line that it wrote."""
    lines = [line for line in log_of_job(home).read_text().splitlines() if line.startswith("{")]
    told: dict[str, Any] = json.loads(lines[-1])
    return told
