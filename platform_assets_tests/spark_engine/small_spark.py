"""A Spark that starts fast and takes little: one compiler tier, small heaps, no web server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.adapters.parts import sort_frame, write_frame, write_parts
from platform_assets.ports.engines import AdmittedRows, ProductJob, ProductParts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from platform_assets.contracts.columns import Column

FAST_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
PROPERTIES = {
    "spark.driver.extraJavaOptions": FAST_START,
    "spark.executor.extraJavaOptions": FAST_START,
}
MEMORY = "600m"


def settings_of(master: str) -> dict[str, str]:
    """Return the properties that a launcher would give the session."""
    return {
        "spark.master": master,
        "spark.driver.memory": MEMORY,
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }


def declare_spark(home: Path, master: str, **more: Any) -> None:
    """Declare in a home's settings where its jobs run."""
    path = home / "platform.yaml"
    settings = yaml.safe_load(path.read_text()) or {}
    settings["spark"] = {
        "master": master,
        "driver_memory": MEMORY,
        "executor_memory": MEMORY,
        "properties": PROPERTIES,
        **more,
    }
    path.write_text(yaml.safe_dump(settings))


def job_of(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    folder: Path,
    *,
    sort: Sequence[str] = (),
    excluded: pl.DataFrame | None = None,
    files: int = 3,
    part_rows: int = 1_000_000,
) -> ProductJob:
    """Write rows as accepted files, others as an excluded one, and return the job over them."""
    size = max(1, -(-frame.height // files))
    accepted = []
    for start in range(0, frame.height, size):
        path = folder / f"accepted-{start:08d}.parquet"
        accepted.append(write_frame(frame[start : start + size], path).path)
    out = []
    if excluded is not None:
        out = [write_frame(excluded, folder / "excluded.parquet").path]
        frame = frame.join(excluded, on=["_partition", "_offset"], how="anti")
    return ProductJob(AdmittedRows(accepted, out, frame.height), columns, sort, part_rows)


def embedded(
    frame: pl.DataFrame, columns: Sequence[Column], folder: Path, job: ProductJob
) -> ProductParts:
    """Return the parts that the platform's own sort and writer give."""
    ordered = sort_frame(frame, job.sort)
    return write_parts(ordered, columns, folder, part_rows=job.part_rows)
