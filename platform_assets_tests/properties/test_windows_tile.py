"""Whatever is appended and whenever a window is pinned, the windows tile every partition exactly.

Corrections may stand anywhere between them: they have the range of a run before them, and no window is
another one because of them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.flow.anchors import verify_chain
from platform_assets.flow.corrections import Superseded, correction_record
from platform_assets.identifiers import RunId
from platform_assets.pipeline.land import land
from platform_assets.pipeline.layout import anchors_path
from platform_assets.pipeline.pin import log_head, pin
from platform_assets.pipeline.platform import Platform
from platform_assets.pipeline.records import write_record
from platform_assets_tests.simulators.feeds import make_home
from platform_assets_tests.simulators.file_logs import FileLogWriter
from platform_assets_tests.simulators.store import SimulatedStore

value = st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"").rstrip(b"\r"))
append = st.tuples(
    st.sampled_from(["orders", "refunds"]),
    st.sampled_from(["0", "1", "2", "10"]),
    st.lists(value, max_size=9),
)
correct = st.integers(0, 20)  # of the runs that are pinned by then, one by its place
act = append | st.just("pin") | correct


def pin_correction(platform: Platform, place: int) -> None:
    """Pin the correction of a run as if it were closed, if there is any run."""
    head = log_head(platform, "shop")
    if head is None:
        return
    record = correction_record(
        Superseded(
            platform.anchors(RunId("shop", 1 + place % head["sequence"])), "sha256:" + "0" * 64
        ),
        head,
        "a wrong contract",
        pinned_at=platform.clock.now(),
        config_digest=head["config_digest"],
    )
    write_record(platform.store, anchors_path(RunId.parse(record["run_id"])), record)


def corrects_exactly(platform: Platform, run: RunId) -> bool:
    """Tell whether a run is a correction; then it has the ranges of the run that it names."""
    anchors = platform.anchors(run)
    if "supersedes" not in anchors:
        return False
    superseded = RunId.parse(anchors["supersedes"]["run_id"])
    assert anchors["streams"] == platform.anchors(superseded)["streams"]
    return True


@settings(max_examples=25, deadline=None)
@given(
    acts=st.lists(act, min_size=1, max_size=16),
    max_records=st.integers(1, 20),
    max_bytes=st.integers(1, 120),
    compressed=st.booleans(),
)
def test_i01_i02_windows_tile_every_partition_and_land_every_record_once(
    acts: list[tuple[str, str, list[bytes]] | str | int],
    max_records: int,
    max_bytes: int,
    compressed: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(
            Path(folder), "orders", "refunds", max_records=max_records, max_bytes=max_bytes
        )
        platform = Platform.open(home, store=SimulatedStore())
        writers = {
            name: FileLogWriter(home / "data", name, compressed=compressed, segment_records=5)
            for name in ("orders", "refunds")
        }
        written: dict[tuple[str, str], list[bytes]] = {}
        for each in acts:
            if isinstance(each, int):
                pin_correction(platform, each)
            elif isinstance(each, str):
                pin(platform, "shop")
            else:
                stream, partition, values = each
                writers[stream].append(partition, values)
                written.setdefault((stream, partition), []).extend(values)
        while pin(platform, "shop") is not None:
            pass

        runs = [RunId("shop", n + 1) for n in range(len(platform.store.list("feeds/shop")))]
        if runs:
            verify_chain([platform.anchors(run) for run in runs])
        landed: dict[tuple[str, str], list[bytes]] = {}
        for run in (run for run in runs if not corrects_exactly(platform, run)):
            anchors = platform.anchors(run)
            parts = [p for s in anchors["streams"] for p in s["partitions"]]
            assert sum(p["end"] - p["start"] for p in parts) <= max_records
            for stream in ("orders", "refunds"):
                for part in land(platform, run, stream)["parts"]:
                    path = platform.store.local_path(f"runs/{run}/{part['path']}")
                    table = pl.read_parquet(path, columns=["partition", "offset", "value"])
                    for partition, offset, data in table.iter_rows():
                        rows = landed.setdefault((stream, partition), [])
                        assert offset == len(rows)
                        rows.append(data)

        assert landed == {key: values for key, values in written.items() if values}
