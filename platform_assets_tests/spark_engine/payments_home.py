"""A home of generated payments with one window admitted, and copies of it that Spark works on."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, land, next_run
from platform_assets_tests.examples.generated_payments import payments_home

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = 12_000
RUN = RunId("payments", 1)
PRODUCT = "authorisations"
EVENT = "      event: authorisation\n"
STREAM = "    authorisations:\n      events:\n"
LINE = "      engine: spark\n"


def admitted_home(home: Path) -> Path:
    """Make a home whose one window is pinned, landed and admitted, in parts of 2,000 rows."""
    platform = Platform.open(landed_home(home))
    for stream in platform.feed("payments").streams:
        admit(platform, RUN, stream)
    return home


def landed_home(home: Path) -> Path:
    """Make a home whose one window is pinned and landed."""
    smaller = {EVENT: EVENT + "      part_rows: 2000\n"}
    payments_home(home, records=RECORDS, declared=smaller)
    platform = Platform.open(home)
    assert next_run(platform, "payments") == RUN
    for stream in platform.feed("payments").streams:
        land(platform, RUN, stream)
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


def judge_by_spark(home: Path) -> None:
    """Put the one line that lets executors judge the authorisations."""
    path = home / "defs" / "payments" / "defs.yaml"
    text = path.read_text()
    assert text.count(STREAM) == 1
    name, _, events = STREAM.partition("\n")
    path.write_text(text.replace(STREAM, f"{name}\n{LINE}{events}"))


def admission(home: Path, run: RunId = RUN) -> dict[str, bytes]:
    """Return every file of the admission of the authorisations, the receipt among them."""
    folder = home / "store" / "runs" / str(run)
    receipt = folder / "admission" / f"{PRODUCT}.json"
    files = {path for path in folder.rglob("*") if path.is_file() and "admission" in path.parts}
    assert receipt in files
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in files if PRODUCT in str(path)
    }


def manifest(home: Path, generation: int = 1) -> dict[str, Any]:
    """Return a manifest of the product."""
    folder = home / "store" / "runs" / str(RUN) / "products" / PRODUCT / f"{generation:04d}"
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return found


def generations(home: Path) -> list[str]:
    """Return the generations of the product that there are."""
    folder = home / "store" / "runs" / str(RUN) / "products" / PRODUCT
    return sorted(path.name for path in folder.iterdir())


def log_of_job(home: Path, name: str = f"{RUN}-{PRODUCT}") -> Path:
    """Return the log of a job, the product's if no other is named."""
    return home / "scratch" / "spark-logs" / f"{name}.log"


def how_jobs_went(log: Path) -> list[dict[str, Any]]:
    """Return what the jobs of a log said of themselves, each in the last line that it wrote."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def how_it_went(home: Path) -> dict[str, Any]:
    """Return what the product's job said of itself."""
    return how_jobs_went(log_of_job(home))[-1]
