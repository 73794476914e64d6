"""The windows that a probe tried, as they stand in its evidence: how each attempt to take them ended.

``windows.json`` holds every window that was tried. The first attempt has the limits of the plan. Where
it fails, a second one has none but the time of the drain: the window has to be closed all the same, or
it is said why it is not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import RecordInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

WINDOWS_FILE = "windows.json"
_RECORD = "lane_windows"


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt to take a window.

    Attributes:
        limited: whether it had the limits of the plan.
        how: how it ended (see `attempt.How`).
        exit_code: as a shell tells it: 128 and the signal's number where it was killed.
        by: who ended it; empty where it came to its end.
        error: the code of the platform's error, with what was found; empty where it told none.
        said: its last words on stderr.
        duration_us: how long it lasted.
        held_bytes: the most that its processes held at one moment.
        spilled_bytes: the most that a step of it spilled; None where it could not tell.
        limit: how its memory was limited: ``group``, by the kernel; ``watched``; ``none``.
    """

    limited: bool
    how: str
    exit_code: int
    by: str
    error: str
    said: str
    duration_us: int
    held_bytes: int
    spilled_bytes: int | None
    limit: str


@dataclass(frozen=True, slots=True)
class Window:
    """A window and what became of it.

    Attributes:
        events: how many events it has.
        bytes: how many bytes of records these are.
        run_id: the run that took it; None where none was pinned.
        certified: whether it was closed within the limits.
        closed: whether it was closed at all.
        attempts: how that went, in order; none where it could not even be sent.
        outputs: where the limits ended it: output -> why the gate did not open it then, empty for one
            that was certified before the end.
        ended: what ended the probe here, in words; empty where the next window was tried.
    """

    events: int
    bytes: int
    run_id: str | None
    certified: bool
    closed: bool
    attempts: tuple[Tried, ...]
    outputs: Mapping[str, str]
    ended: str


def largest_certified(windows: Iterable[Window]) -> int:
    """Return how many events the largest window has that was certified within its limits, or 0."""
    return max((window.events for window in windows if window.certified), default=0)


def write_windows(folder: Path, windows: Iterable[Window]) -> None:
    """Write ``windows.json``; it must not exist."""
    values = [asdict(window) for window in windows]
    record = check_record({"record": _RECORD, "version": 1, "windows": values}, WINDOWS_FILE)
    with (folder / WINDOWS_FILE).open("xb") as file:
        file.write(canonical_bytes(record))


def read_windows(data: bytes) -> list[Window]:
    """Read ``windows.json``.

    Raises:
        RecordNotCanonical, RecordInvalid: it is no such record.
    """
    record = check_record(parse_canonical(data, WINDOWS_FILE), WINDOWS_FILE)
    if record["record"] != _RECORD:
        raise RecordInvalid(
            WINDOWS_FILE,
            expected=f"a record of kind {_RECORD}",
            found=f"one of kind {record['record']}",
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        )
    return [
        Window(**window | {"attempts": tuple(Tried(**tried) for tried in window["attempts"])})
        for window in record["windows"]
    ]
