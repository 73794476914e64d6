"""What a probe tried, as it stands in its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.errors import RecordInvalid, RecordNotCanonical
from platform_assets.lanes.windows import (
    WINDOWS_FILE,
    Tried,
    Window,
    largest_certified,
    read_windows,
    write_windows,
)

if TYPE_CHECKING:
    from pathlib import Path

CLOSED = Tried(
    limited=True,
    how="closed",
    exit_code=0,
    by="",
    error="",
    said="",
    duration_us=2_000_000,
    held_bytes=10,
    spilled_bytes=0,
    limit="group",
)
KILLED = Tried(
    limited=True,
    how="killed",
    exit_code=137,
    by="the kernel",
    error="",
    said="…",
    duration_us=9,
    held_bytes=20,
    spilled_bytes=None,
    limit="group",
)


def window(events: int, *tried: Tried, certified: bool, ended: str = "") -> Window:
    return Window(
        events=events,
        bytes=events * 400,
        run_id="load-00000001" if tried else None,
        certified=certified,
        closed=certified,
        attempts=tried,
        outputs={} if certified else {"orders": "ProductMissing", "turnover": ""},
        ended=ended,
    )


WINDOWS = [
    window(1_000, CLOSED, certified=True),
    window(2_000, KILLED, CLOSED, certified=False, ended="killed"),
    window(4_000, certified=False, ended="it was not begun"),
]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_windows(tmp_path, WINDOWS)

    assert read_windows((tmp_path / WINDOWS_FILE).read_bytes()) == WINDOWS
    with pytest.raises(FileExistsError):
        write_windows(tmp_path, WINDOWS)


def test_the_largest_is_that_of_what_was_certified_within_its_limits() -> None:
    assert largest_certified(WINDOWS) == 1_000
    assert largest_certified(WINDOWS[1:]) == 0
    assert largest_certified([]) == 0


def test_what_is_no_such_record_is_refused(tmp_path: Path) -> None:
    write_windows(tmp_path, WINDOWS)
    data = (tmp_path / WINDOWS_FILE).read_bytes()

    with pytest.raises(RecordInvalid, match="exit_code"):
        read_windows(data.replace(b'"exit_code":137', b'"exit_code":"137"'))
    with pytest.raises(RecordInvalid, match="how"):
        read_windows(data.replace(b'"how":"killed"', b'"how":"fine"'))
    with pytest.raises(RecordNotCanonical):
        read_windows(data + b"\n")
    with pytest.raises(RecordInvalid, match="one of kind lane_faults"):
        read_windows(canonical_bytes({"record": "lane_faults", "version": 1, "faults": []}))
