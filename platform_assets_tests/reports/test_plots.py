from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from platform_assets.reports import wording
from platform_assets.reports.lineage import BOX_WIDTH, lineage
from platform_assets.reports.plots import reconciliation_bars, reconciliation_flow, stacked
from platform_assets.reports.samples import choose_samples

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.reports.model import RunReport


def test_a_bar_is_as_long_as_its_share_of_the_longest() -> None:
    segments = stacked((300, 100, 100), 1_000)
    assert [(s.kind, s.x, s.width) for s in segments] == [
        ("admitted", 0.0, 300.0),
        ("duplicate", 300.0, 100.0),
        ("quarantined", 400.0, 100.0),
    ]


def test_one_record_in_a_million_is_still_seen_and_the_bar_does_not_grow() -> None:
    segments = stacked((999_999, 0, 1), 1_000_000)
    assert [s.kind for s in segments] == ["admitted", "quarantined"]
    assert segments[1].width >= 3
    assert sum(s.width for s in segments) == pytest.approx(1_000)


def test_nothing_delivered_draws_nothing() -> None:
    assert stacked((0, 0, 0), 10) == ()
    assert stacked((0, 0, 0), 0) == ()


def test_bars_come_stream_by_stream(view: RunReport) -> None:
    bars = reconciliation_bars(view)
    assert [bar.stream for bar in bars] == [True, *[False] * 4, True, *[False] * 2]
    assert sum(bar.total for bar in bars if bar.stream) == view.delivered


def test_the_flow_conserves_what_comes_in(view: RunReport) -> None:
    flow = reconciliation_flow(view, 700.0, 200.0)
    assert sum(band.count for band in flow.bands) == view.delivered
    assert sum(band.node_height for band in flow.bands) == pytest.approx(
        flow.source_height, abs=0.2
    )
    ends = [band.node_y + band.node_height for band in flow.bands]
    assert all(a < b.node_y for a, b in zip(ends, flow.bands[1:], strict=False))


def test_no_two_boxes_overlap_and_every_read_is_drawn(view: RunReport) -> None:
    drawing = lineage(view)
    places = [(box.x, box.y) for box in drawing.boxes]
    assert len(places) == len(set(places)) == 2 + 1 + 5
    assert len(drawing.lines) == 3 + 2 + 1 + 2
    assert sum(line.earlier for line in drawing.lines) == 1
    assert max(x for x, _ in places) + BOX_WIDTH <= drawing.width
    column = {box.full_name: box.x for box in drawing.boxes if box.kind == "consumer"}
    assert column["decisions"] > column["account_activity"]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "none"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 1_000_000, "< 0.1 %"),
        (999_999, 1_000_000, "> 99.9 %"),
        (1, 3, "33.3 %"),
    ],
)
def test_a_share_never_rounds_some_to_none_or_most_to_all(part: int, whole: int, text: str) -> None:
    assert wording.share(part, whole) == text


def test_sizes_and_times_are_written_for_people() -> None:
    assert wording.size(999) == "999 bytes"
    assert wording.size(1_572_864) == "1.5 MiB"
    assert wording.since("2026-03-01T08:00:00.000000Z", "2026-03-01T08:00:12.500000Z") == "12.50 s"
    assert (
        wording.since("2026-03-01T08:00:00.000000Z", "2026-03-01T10:02:00.000000Z") == "2 h 02 min"
    )
    assert wording.moment("2026-03-01T08:00:00.999999Z") == "2026-03-01 08:00:00 UTC"


def test_digests_within_a_text_are_shortened() -> None:
    digest = "sha256:" + "ab" * 32
    assert wording.short(digest) == "sha256:abababababab…"
    assert wording.shortened(f"{digest} of 3 rows") == "sha256:abababababab… of 3 rows"
    assert wording.shortened("ab" * 33) == "ab" * 33


def test_the_first_records_of_each_reason_are_chosen(tmp_path: Path) -> None:
    codes = [["A"], ["A"], ["A", "B"], ["A"], ["B"], ["B"], []]
    frame = pl.DataFrame(
        {
            "_stream": ["s"] * 7,
            "_partition": ["0"] * 7,
            "_offset": [3, 1, 2, 0, 9, 5, 4],
            "event": [None] * 7,
            "key": [None] * 7,
            "value": [f"v{n}".encode() for n in range(7)],
            "reasons": [[{"code": c, "where": "", "detail": ""} for c in each] for each in codes],
        },
        schema_overrides={
            "reasons": pl.List(
                pl.Struct({"code": pl.String, "where": pl.String, "detail": pl.String})
            )
        },
    )
    frame.write_parquet(tmp_path / "part-00000.parquet")
    chosen = choose_samples([tmp_path / "part-00000.parquet"], per_reason=2)
    assert [row["offset"] for row in chosen] == [0, 1, 2, 5]
    assert chosen[2]["value"] == b"v2"
    assert [reason["code"] for reason in chosen[2]["reasons"]] == ["A", "B"]


def test_no_quarantine_part_means_no_sample() -> None:
    assert choose_samples([]) == []
